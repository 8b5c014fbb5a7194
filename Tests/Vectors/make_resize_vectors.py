"""Photos of random samples as Pillow resizes them, for NetworksTests.

usage: python make_resize_vectors.py OUT.json   (needs numpy and pillow)

Sample i of a photo is the high byte of (i + 1) * 2654435761 modulo 2^32, so that only results are kept: the first samples,
and a hash of all.
"""

import json
import sys

import numpy as np
from PIL import Image

SIZES = [  # height, width, and those of the result
    (37, 23, 16, 11), (23, 37, 61, 40), (40, 40, 40, 17), (40, 40, 17, 40), (1, 9, 5, 3), (9, 1, 3, 5), (64, 96, 1, 1),
    (200, 311, 7, 300), (31, 29, 31, 29), (127, 255, 126, 254), (2, 2, 97, 89), (300, 451, 256, 384),
]


def fnv1a(samples):
    hash = 2166136261
    for sample in samples:
        hash = (hash ^ sample) * 16777619 % 2**32
    return hash


cases = []
for height, width, high, wide in SIZES:
    i = np.arange(height * width * 3, dtype=np.uint64)
    photo = (((i + 1) * 2654435761 % 2**32) >> 24).astype(np.uint8).reshape(3, height, width)
    image = Image.fromarray(np.ascontiguousarray(photo.transpose(1, 2, 0)))
    for name, filter in (("bilinear", Image.BILINEAR), ("bicubic", Image.BICUBIC)):
        # Rows first, as versions before 13 always (10.4 to 12.2 tried), and 13 where height and width change in proportion.
        result = image.resize((wide, height), filter).resize((wide, high), filter)
        result = np.asarray(result).transpose(2, 0, 1)
        samples = np.ascontiguousarray(result).tobytes()
        cases.append({
            "input": [height, width], "output": [high, wide], "filter": name, "fnv1a": fnv1a(samples),
            "first": list(samples[:64]),
        })
with open(sys.argv[1], "w") as file:
    file.write("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n")
