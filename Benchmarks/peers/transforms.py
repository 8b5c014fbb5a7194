"""Fourier transforms of real float32 images by SciPy, MKL (torch) and FFTW, as JSON lines.
usage: transforms.py THREADS SECONDS"""
import json, os, sys
threads, seconds = int(sys.argv[1]), float(sys.argv[2])
os.environ["OMP_NUM_THREADS"] = str(threads)
import numpy as np, pyfftw, scipy.fft, torch
from timing import median_ms

torch.set_num_threads(threads)


for size in [(256, 256), (512, 512), (1024, 1024), (2048, 2048), (1080, 1920), (1000, 1000), (1013, 1013)]:
    x = np.random.default_rng(0).standard_normal(size).astype(np.float32)
    name = "x".join(map(str, size))

    def say(peer, run, inverse):
        print(json.dumps(dict(size=name, threads=threads, peer=peer, ms=median_ms(run, seconds), inverse=median_ms(inverse, seconds))), flush=True)

    half = scipy.fft.rfft2(x)
    say("scipy", lambda: scipy.fft.rfft2(x, workers=threads), lambda: scipy.fft.irfft2(half, s=size, workers=threads))
    tensor = torch.from_numpy(x)
    spectrum = torch.fft.rfft2(tensor)
    say("mkl (torch)", lambda: torch.fft.rfft2(tensor), lambda: torch.fft.irfft2(spectrum, s=size))
    a = pyfftw.empty_aligned(size, dtype="float32")
    b = pyfftw.empty_aligned((size[0], size[1] // 2 + 1), dtype="complex64")
    plan = pyfftw.FFTW(a, b, axes=(0, 1), threads=threads, flags=("FFTW_MEASURE",))
    back = pyfftw.FFTW(b.copy(), a, axes=(0, 1), direction="FFTW_BACKWARD", threads=threads, flags=("FFTW_MEASURE",))
    a[:] = x
    say("fftw", plan, lambda: back(normalise_idft=True))
import cv2

cv2.setNumThreads(threads)
photo = np.random.default_rng(0).random((2160, 3840), dtype=np.float32)
for side in (32, 64, 256):
    template = photo[700:700 + side, 1500:1500 + side].copy()
    ms = median_ms(lambda: cv2.matchTemplate(photo, template, cv2.TM_CCOEFF_NORMED), seconds)
    print(json.dumps(dict(size=f"match {side}", threads=threads, peer="opencv", ms=ms)), flush=True)
