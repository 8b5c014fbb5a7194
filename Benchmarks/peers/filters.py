"""The same filters in OpenCV and SciPy: one JSON line a case. usage: filters.py THREADS SECONDS_PER_CASE"""
import json, os, statistics, sys, time

threads, budget = int(sys.argv[1]), float(sys.argv[2])
os.environ["OMP_NUM_THREADS"] = str(threads)
import cv2, numpy as np, scipy.ndimage as nd, scipy.signal as signal

cv2.setNumThreads(threads)
rng = np.random.default_rng(0)
rgb = rng.integers(0, 256, (2160, 3840, 3), dtype=np.uint8)
gray = rng.random((2160, 3840), dtype=np.float32)


def measure(peer, name, call):
    call()
    times, end = [], time.perf_counter() + budget
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    print(json.dumps(dict(peer=peer, filter=name, threads=threads, ms=1e3 * statistics.median(times))), flush=True)


for size in (3, 5, 7, 11, 15, 31):
    kernel = rng.standard_normal((size, size)).astype(np.float32) / size
    measure("opencv", f"rgb8 {size}x{size}", lambda: cv2.filter2D(rgb, -1, kernel))
    measure("opencv", f"gray32f {size}x{size}", lambda: cv2.filter2D(gray, -1, kernel))
    if threads == 1 and size in (3, 5, 7):
        measure("scipy", f"gray32f {size}x{size}", lambda: nd.convolve(gray, kernel))
    if threads == 1 and size == 31:
        measure("scipy", f"gray32f {size}x{size}", lambda: signal.oaconvolve(gray, kernel, mode="same"))
for size in (127, 255):
    kernel = rng.standard_normal((size, size)).astype(np.float32) / size
    measure("opencv", f"gray32f {size}x{size}", lambda: cv2.filter2D(gray, -1, kernel))
    if threads == 1:
        measure("scipy", f"gray32f {size}x{size}", lambda: signal.oaconvolve(gray, kernel, mode="same"))
for sigma in (1, 2, 10):
    measure("opencv", f"rgb8 gaussian sigma {sigma}", lambda: cv2.GaussianBlur(rgb, (0, 0), sigma))
    measure("opencv", f"gray32f gaussian sigma {sigma}", lambda: cv2.GaussianBlur(gray, (0, 0), sigma))
    if threads == 1:
        measure("scipy", f"gray32f gaussian sigma {sigma}", lambda: nd.gaussian_filter(gray, sigma))
measure("opencv", "gray32f sobel", lambda: cv2.Sobel(gray, cv2.CV_32F, 1, 0))
if threads == 1:
    measure("scipy", "gray32f sobel", lambda: nd.sobel(gray))
measure("opencv", "rgb8 box 15x15", lambda: cv2.blur(rgb, (15, 15)))
