"""Filter results of OpenCV, SciPy and ImageMagick, stored as data for the tests.

usage: python make_filter_vectors.py   (needs numpy, opencv-python-headless, scipy, pillow; ImageMagick 6 as
/usr/bin/convert). Writes filters.json (the cases) and filters.bin (their samples, float32) beside the tests.
"""
import json, pathlib, subprocess, tempfile
import cv2, numpy as np, scipy.ndimage as nd
from PIL import Image

root = pathlib.Path(__file__).resolve().parents[2]
out = root / "Tests/ConvolutionTests/Vectors"
rng = np.random.default_rng(20261121)
blobs, cases, offset = [], [], 0


def put(array):
    """Appends float32 samples; integers up to 65535 are exact. Returns where they are."""
    global offset
    data = np.ascontiguousarray(array, dtype="<f4")
    blobs.append(data.tobytes())
    place = {"offset": offset, "shape": list(data.shape)}
    offset += data.size
    return place


def case(source, image, kernel, result, dtype, border, convolve, anchor=None, value=0.0):
    image = image if image.ndim == 3 else image[:, :, None]
    result = result if result.ndim == 3 else result[:, :, None]
    cases.append(dict(source=source, image=put(image), kernel=put(kernel), result=put(result), dtype=dtype,
                      border=border, convolve=convolve, anchor=anchor, value=value))


def picture(height, width, channels, dtype):
    if dtype == "uint8":
        return rng.integers(0, 256, (height, width, channels), dtype=np.uint8)
    if dtype == "uint16":
        return rng.integers(0, 65536, (height, width, channels), dtype=np.uint16)
    return rng.standard_normal((height, width, channels)).astype(np.float32)


sizes = [(1, 1), (1, 7), (5, 1), (2, 3), (13, 17), (29, 37), (31, 23)]
kernels = [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (7, 7), (1, 6), (7, 1), (2, 5), (9, 3), (11, 11), (4, 1), (13, 2)]
cv_borders = {"reflect": cv2.BORDER_REFLECT_101, "symmetric": cv2.BORDER_REFLECT, "replicate": cv2.BORDER_REPLICATE,
              "zeros": cv2.BORDER_CONSTANT}

# OpenCV's filter2D: correlation, any anchor, 1 to 4 channels, 8 bits, 16 bits and float.
for i in range(150):
    height, width = sizes[rng.integers(len(sizes))]
    rows, columns = kernels[rng.integers(len(kernels))]
    channels = int(rng.choice([1, 3, 4]))
    dtype = str(rng.choice(["uint8", "uint16", "float32"]))
    border = str(rng.choice(list(cv_borders)))
    image = picture(height, width, channels, dtype)
    kernel = (rng.standard_normal((rows, columns)) / np.sqrt(rows * columns)).astype(np.float32)
    if rng.random() < 0.3:
        kernel = np.round(kernel * 4).astype(np.float32)
    anchor = None if rng.random() < 0.5 else [int(rng.integers(columns)), int(rng.integers(rows))]
    result = cv2.filter2D(image, -1, kernel, anchor=tuple(anchor or (-1, -1)), borderType=cv_borders[border])
    case("cv2.filter2D", image, kernel, result, dtype, border, False, anchor)

# OpenCV's sepFilter2D: what rank-1 kernels must equal.
for i in range(24):
    height, width = sizes[rng.integers(3, len(sizes))]
    channels = int(rng.choice([1, 3]))
    dtype = str(rng.choice(["uint8", "float32"]))
    border = str(rng.choice(list(cv_borders)))
    image = picture(height, width, channels, dtype)
    column = rng.random(int(rng.choice([5, 7, 9]))).astype(np.float32)
    row = rng.random(int(rng.choice([5, 7, 11]))).astype(np.float32)
    column, row = column / column.sum(), row / row.sum()
    result = cv2.sepFilter2D(image, -1, row, column, borderType=cv_borders[border])
    case("cv2.sepFilter2D", image, np.outer(column, row), result, dtype, border, False)

# SciPy's convolve and correlate, in float64: every border, even kernels flipped and not.
nd_borders = {"reflect": "mirror", "symmetric": "reflect", "replicate": "nearest", "circular": "wrap",
              "zeros": "constant", "constant": "constant"}
for i in range(120):
    height, width = sizes[rng.integers(len(sizes))]
    rows, columns = kernels[rng.integers(len(kernels))]
    channels = int(rng.choice([1, 2, 3]))
    border = str(rng.choice(list(nd_borders)))
    convolve = bool(rng.random() < 0.6)
    value = float(rng.integers(-3, 4)) if border == "constant" else 0.0
    image = picture(height, width, channels, "float32")
    kernel = (rng.standard_normal((rows, columns)) / np.sqrt(rows * columns)).astype(np.float32)
    apply = nd.convolve if convolve else nd.correlate
    planes = [apply(image[:, :, c].astype(np.float64), kernel.astype(np.float64), mode=nd_borders[border], cval=value)
              for c in range(channels)]
    case("scipy.ndimage", image, kernel, np.stack(planes, 2), "float32", border, convolve, value=value)

# A crop of a real photo in 8 bits, where neighbours are alike.
photo = np.asarray(Image.open(root / "Examples/chelsea.png").convert("RGB"))[100:148, 150:214]
for rows, columns in [(3, 3), (5, 5), (6, 4), (15, 15)]:
    for border in cv_borders:
        kernel = rng.random((rows, columns)).astype(np.float32)
        kernel /= kernel.sum()
        case("cv2.filter2D photo", photo, kernel, cv2.filter2D(photo, -1, kernel, borderType=cv_borders[border]),
             "uint8", border, False)

(out / "filters.json").write_text(json.dumps(dict(opencv=cv2.__version__, cases=cases)))
(out / "filters.bin").write_bytes(b"".join(blobs))
print(len(cases), "cases,", offset * 4, "bytes")

# ImageMagick's named kernels, as it convolves with them: results in 8 bits, and the coefficients themselves.
magick, blobs, offset = [], [], 0
virtual = {"replicate": "Edge", "circular": "Tile", "zeros": "Black"}
gray = np.asarray(Image.open(root / "Examples/chelsea.png").convert("L"))[100:140, 150:214]
names = ["Gaussian:0x1", "Gaussian:0x2.5", "Gaussian:3x1", "Blur:0x1", "Blur:0x2+90", "Sobel", "Sobel:90",
         "Sobel:45", "Sobel:180", "Prewitt:90", "Roberts", "Roberts:90", "Kirsch:45", "Compass", "Compass:270",
         "Laplacian:0", "Laplacian:1", "Laplacian:2", "Laplacian:3", "Laplacian:5", "Laplacian:15", "LoG:0x1",
         "DoG:0,1,2", "Unity", "3x3: 0,1,0 1,-4,1 0,1,0", "3x3+0+1: 0,0.5,0 0.2,0,0.1 0,0.2,0", "4x2+1+0: .1,.2,.1,.1 0,.2,.1,.2"]
with tempfile.TemporaryDirectory() as folder:
    Image.fromarray(gray).save(f"{folder}/in.png")
    for name in names:
        for border, virtual_pixel in virtual.items():
            subprocess.run(["/usr/bin/convert", f"{folder}/in.png", "-virtual-pixel", virtual_pixel, "-morphology",
                            "Convolve", name, "-depth", "8", "-colorspace", "Gray", f"gray:{folder}/out"], check=True)
            result = np.fromfile(f"{folder}/out", dtype=np.uint8).reshape(gray.shape)
            magick.append(dict(kernel=name, border=border, result=put(result)))
image = put(gray)
target = root / "Tests/ImagingTests/Vectors"
version = subprocess.run(["/usr/bin/convert", "--version"], capture_output=True, text=True).stdout.split("\n")[0]
(target / "magick.json").write_text(json.dumps(dict(version=version, image=image, cases=magick)))
(target / "magick.bin").write_bytes(b"".join(blobs))
print(len(magick), "ImageMagick cases,", offset * 4, "bytes")
