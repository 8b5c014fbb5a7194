"""Whole processes on a 4K PNG and JPEG: wall time, processor time, memory; instructions by valgrind where it is there.

usage: commands.py CONVOLVE   (the built program; needs vips and ImageMagick's convert, and numpy and pillow)
"""
import os, pathlib, re, shutil, statistics, subprocess, sys, tempfile, time

convolve = sys.argv[1]
root = pathlib.Path(__file__).resolve().parents[1]
folder = pathlib.Path(tempfile.mkdtemp())
# A real photo, enlarged, with a camera's noise so that it compresses as a photo does. Made in a process of its
# own: the memory of this one would be counted as its children's.
make_pictures = f"""
import numpy as np
from PIL import Image
photo = Image.open("{root}/Examples/china.jpg").convert("RGB").resize((3840, 2160), Image.BICUBIC)
noisy = np.asarray(photo) + np.random.default_rng(0).normal(0, 3, (2160, 3840, 3))
photo = Image.fromarray(noisy.clip(0, 255).astype(np.uint8))
photo.save("{folder}/in.png")
photo.save("{folder}/in.jpg", quality=92)
photo.resize((960, 540)).save("{folder}/small.png")
"""
subprocess.run([sys.executable, "-c", make_pictures], check=True)
(folder / "kernel.mat").write_text("5 5 35 0\n1 1 1 1 1\n1 2 2 2 1\n1 2 3 2 1\n1 2 2 2 1\n1 1 1 1 1\n")
magick = "5x5: " + " ".join(f"{v / 35}" for v in [1] * 5 + [1, 2, 2, 2, 1] + [1, 2, 3, 2, 1] + [1, 2, 2, 2, 1] + [1] * 5)
# valgrind cannot read the debugging information of new Swift compilers.
stripped = str(folder / "convolve")
subprocess.run(["strip", "-o", stripped, convolve], check=True)


def commands(source, target, program=convolve):
    source, target, kernel = str(folder / source), str(folder / target), str(folder / "kernel.mat")
    return {
        "convolve": [program, "filter", source, "-k", f"@{kernel}", "-o", target, "--force"],
        "vips conv": ["vips", "conv", source, target, kernel],
        "convert -morphology": ["/usr/bin/convert", source, "-morphology", "Convolve", magick, target],
    }


def run(command):
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    assert status == 0, command
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def instructions(command):
    """Of the whole process on a small picture; valgrind knows AVX2, not AVX-512."""
    log = folder / "callgrind.out"
    result = subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={log}", *command],
                            env=os.environ | {"CONVOLVE_ISA": "avx2"}, capture_output=True, text=True)
    found = re.search(r"Collected : (\d+)", result.stderr)
    return int(found.group(1)) / 1e6 if found else float("nan")


print("### Whole processes, 5x5 kernel on 3840x2160, default threads\n")
print("| file | program | ms | processor ms | MB at most | output MB |\n|---|---|---|---|---|---|")
for kind in ("png", "jpg"):
    for name, command in commands(f"in.{kind}", f"out.{kind}").items():
        run(command)
        runs = [run(command) for _ in range(5)]
        wall, cpu, memory = (statistics.median(values) for values in zip(*runs))
        size = (folder / f"out.{kind}").stat().st_size / 1e6
        print(f"| {kind} | {name} | {1e3 * wall:.0f} | {1e3 * cpu:.0f} | {memory:.0f} | {size:.1f} |")
if shutil.which("valgrind"):
    print("\n### Instructions of whole processes, 960x540 PNG, millions (convolve with AVX2)\n")
    print("| program | instructions |\n|---|---|")
    for name, command in commands("small.png", "small-out.png", stripped).items():
        print(f"| {name} | {instructions(command):.0f} |")
shutil.rmtree(folder)
