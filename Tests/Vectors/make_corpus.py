"""Small image files of every kind, made by Pillow, OpenCV and ImageMagick, with the pixels that those decode.

usage: python make_corpus.py   (needs numpy, pillow, opencv-python-headless; ImageMagick 6 as /usr/bin/convert)
Writes Tests/ImagingTests/Corpus/* and corpus.json, corpus.bin (expected samples) beside the tests.
"""
import io, json, pathlib, struct, subprocess
import cv2, numpy as np
from PIL import Image, ImageCms

root = pathlib.Path(__file__).resolve().parents[2]
folder = root / "Tests/ImagingTests/Corpus"
rng = np.random.default_rng(7)
photo = np.asarray(Image.open(root / "Examples/chelsea.png").convert("RGB"))[120:143, 160:191].copy()
gray = np.asarray(Image.fromarray(photo).convert("L"))
alpha = np.linspace(0, 255, gray.size).reshape(gray.shape).astype(np.uint8)
profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
blobs, cases, offset = [], [], 0


def expect(name, pixels, kind="uint8", tolerance=0, icc=False):
    global offset
    pixels = pixels[:, :, None] if pixels.ndim == 2 else pixels
    data = np.ascontiguousarray(pixels, dtype="<f4")
    blobs.append(data.tobytes())
    cases.append(dict(file=name, type=kind, tolerance=tolerance, icc=icc,
                      pixels=dict(offset=offset, shape=list(data.shape))))
    offset += data.size


def pil(name, image, pixels, tolerance=0, icc=False, **options):
    image.save(folder / name, **options)
    expect(name, pixels, tolerance=tolerance, icc=icc)


def magick(name, source, *options):
    subprocess.run(["/usr/bin/convert", source, *options, str(folder / name)], check=True)


# PNG
pil("rgb.png", Image.fromarray(photo), photo, icc=True, icc_profile=profile)
pil("gray.png", Image.fromarray(gray), gray)
pil("rgba.png", Image.fromarray(np.dstack([photo, alpha])), np.dstack([photo, alpha]))
pil("gray-alpha.png", Image.fromarray(np.dstack([gray, alpha]), "LA"), np.dstack([gray, alpha]))
palette = Image.fromarray(photo).quantize(13)
pil("palette.png", palette, np.asarray(palette.convert("RGB")), bits=4)
pil("palette-transparent.png", palette, np.asarray((lambda p: (p.info.update(transparency=3), p.convert("RGBA"))[1])(palette.copy())), transparency=3)
for bits in (1, 2, 4):
    levels = 2**bits - 1
    low = np.round(gray / 255 * levels).astype(np.uint8)
    name = f"gray{bits}.png"
    # Written by hand: a grey PNG of few bits.
    import zlib
    rows = b"".join(b"\0" + np.packbits(np.unpackbits(row[:, None], axis=1)[:, -bits:].reshape(-1)).tobytes() for row in low)
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    header = struct.pack(">IIBBBBB", gray.shape[1], gray.shape[0], bits, 0, 0, 0, 0)
    (folder / name).write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
    expect(name, low * (255 // levels))
deep = (photo.astype(np.uint32) * 257 + rng.integers(0, 200, photo.shape)).clip(0, 65535).astype(np.uint16)
cv2.imwrite(str(folder / "rgb16.png"), deep[:, :, ::-1])
expect("rgb16.png", deep, "uint16")
cv2.imwrite(str(folder / "gray16.png"), deep[:, :, 0])
expect("gray16.png", deep[:, :, 0], "uint16")
deep_alpha = np.dstack([deep, alpha.astype(np.uint16) * 257])
cv2.imwrite(str(folder / "rgba16.png"), deep_alpha[:, :, [2, 1, 0, 3]])
expect("rgba16.png", deep_alpha, "uint16")
magick("interlaced.png", str(folder / "rgb.png"), "-interlace", "PNG", "-strip")
expect("interlaced.png", photo)
magick("interlaced16.png", str(folder / "rgba16.png"), "-interlace", "PNG", "-define", "png:bit-depth=16")
expect("interlaced16.png", deep_alpha, "uint16")

# JPEG: decoders may differ by a level or two.
decoded = lambda name, mode: np.asarray(Image.open(folder / name).convert(mode))
Image.fromarray(photo).save(folder / "rgb.jpg", quality=90, icc_profile=profile)
expect("rgb.jpg", decoded("rgb.jpg", "RGB"), tolerance=2, icc=True)
Image.fromarray(photo).save(folder / "progressive.jpg", quality=80, progressive=True, subsampling=2)
expect("progressive.jpg", decoded("progressive.jpg", "RGB"), tolerance=2)
Image.fromarray(gray).save(folder / "gray.jpg", quality=90)
expect("gray.jpg", decoded("gray.jpg", "L"), tolerance=2)
Image.fromarray(photo).convert("CMYK").save(folder / "cmyk.jpg", quality=95)
expect("cmyk.jpg", decoded("cmyk.jpg", "RGB"), tolerance=3)
magick("ycck.jpg", str(folder / "cmyk.jpg"), "-quality", "95", "-sampling-factor", "1x1", "-define", "jpeg:colorspace=YCCK")
expect("ycck.jpg", decoded("ycck.jpg", "RGB"), tolerance=3)
from PIL import ImageOps
for orientation in range(1, 9):
    exif = Image.Exif()
    exif[274] = orientation
    name = f"orientation{orientation}.jpg"
    Image.fromarray(photo).save(folder / name, quality=90, exif=exif)
    expect(name, np.asarray(ImageOps.exif_transpose(Image.open(folder / name))), tolerance=2)

# WebP
Image.fromarray(photo).save(folder / "lossless.webp", lossless=True, icc_profile=profile)
expect("lossless.webp", photo, icc=True)
Image.fromarray(photo).save(folder / "lossy.webp", quality=80)
expect("lossy.webp", decoded("lossy.webp", "RGB"), tolerance=2)
visible = np.dstack([photo, np.maximum(alpha, 1)])
Image.fromarray(visible).save(folder / "alpha.webp", lossless=True)
expect("alpha.webp", visible)

# PNM
(folder / "raw.ppm").write_bytes(b"P6\n# a comment\n%d %d\n255\n" % (photo.shape[1], photo.shape[0]) + photo.tobytes())
expect("raw.ppm", photo)
(folder / "raw.pgm").write_bytes(b"P5 %d %d 255\n" % gray.shape[::-1] + gray.tobytes())
expect("raw.pgm", gray)
(folder / "raw16.ppm").write_bytes(b"P6 %d %d 65535\n" % (photo.shape[1], photo.shape[0]) + deep.astype(">u2").tobytes())
expect("raw16.ppm", deep, "uint16")
(folder / "plain.ppm").write_text("P3\n%d %d\n# depth\n255\n" % (photo.shape[1], photo.shape[0]) + "\n".join(map(str, photo.reshape(-1))) + "\n")
expect("plain.ppm", photo)
(folder / "plain.pgm").write_text("P2\n%d %d\n15\n" % gray.shape[::-1] + " ".join(map(str, (gray // 17).reshape(-1))) + "\n")
expect("plain.pgm", (gray // 17) * 17)
bits = (gray > 128).astype(np.uint8)
(folder / "raw.pbm").write_bytes(b"P4\n%d %d\n" % gray.shape[::-1] + np.packbits(1 - bits, axis=1).tobytes())
expect("raw.pbm", bits * 255)
(folder / "plain.pbm").write_text("P1\n%d %d\n" % gray.shape[::-1] + "".join(map(str, (1 - bits).reshape(-1))) + "\n")
expect("plain.pbm", bits * 255)

# NPY
for name, array in {"float.npy": rng.standard_normal((5, 7, 3)).astype(np.float32), "double.npy": rng.standard_normal((4, 6)),
                    "bytes.npy": gray, "shorts.npy": deep}.items():
    np.save(folder / name, array)
    kind = {"float32": "float32", "float64": "float32", "uint8": "uint8", "uint16": "uint16"}[str(array.dtype)]
    expect(name, array.astype(np.float32), kind)

target = root / "Tests/ImagingTests/Vectors"
(target / "corpus.json").write_text(json.dumps(cases))
(target / "corpus.bin").write_bytes(b"".join(blobs))
print(len(cases), "files,", sum(p.stat().st_size for p in folder.iterdir()), "bytes;", offset * 4, "bytes of pixels")
