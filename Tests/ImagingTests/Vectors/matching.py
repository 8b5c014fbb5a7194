"""Writes matching.json and matching.bin: OpenCV's TM_CCORR and TM_CCOEFF_NORMED of parts of the example photos, with masks and
without."""
import json, pathlib, cv2, numpy as np
here = pathlib.Path(__file__).parent
examples = here.parents[2] / "Examples"
samples, cases = [], []


def place(array):
    array = np.ascontiguousarray(array, np.float32)
    start = sum(a.size for a in samples)
    samples.append(array)
    return dict(offset=start, shape=list(array.shape))


def exact(image, template):
    """The definition, in float64."""
    image, template = image.astype(np.float64), template.astype(np.float64)
    windows = np.lib.stride_tricks.sliding_window_view(image, template.shape[1:], axis=(1, 2))
    windows = windows - windows.mean(axis=(3, 4), keepdims=True)
    template = template - template.mean(axis=(1, 2), keepdims=True)
    sums = np.einsum("cyxhw,chw->yx", windows, template)
    return sums / np.sqrt((template ** 2).sum() * (windows ** 2).sum(axis=(0, 3, 4)))


def planes(image):
    return image[None] if image.ndim == 2 else image.transpose(2, 0, 1)


for name, grey, (y, x, height, width), (v, u, h, w) in [
    ("chelsea.png", True, (80, 100, 90, 120), (30, 40, 24, 33)),
    ("coffee.png", False, (60, 200, 70, 80), (10, 20, 17, 16)),
    ("astronaut.png", True, (20, 180, 64, 65), (0, 0, 64, 65)),
    ("astronaut.png", False, (20, 180, 60, 61), (30, 31, 1, 5)),
]:
    image = cv2.imread(str(examples / name), cv2.IMREAD_GRAYSCALE if grey else cv2.IMREAD_COLOR)
    image = (image[y:y + height, x:x + width] / 255).astype(np.float32)
    template = np.ascontiguousarray(image[v:v + h, u:u + w])
    template = (template * 0.8 + 0.1 + np.random.default_rng(1).normal(0, 0.02, template.shape)).astype(np.float32)
    mask = np.ones((h, w), np.float32)
    mask[: h // 3, : w // 2] = 0
    case = dict(image=place(planes(image)), template=place(planes(template)))
    case["correlation"] = place(cv2.matchTemplate(image, template, cv2.TM_CCORR))
    case["normalized"] = place(cv2.matchTemplate(image, template, cv2.TM_CCOEFF_NORMED))
    case["exact"] = place(exact(planes(image), planes(template)))
    if h > 1:
        case["mask"] = place(mask)
        case["masked"] = place(cv2.matchTemplate(image, template, cv2.TM_CCOEFF_NORMED, mask=np.dstack([mask] * template.shape[2]) if template.ndim == 3 else mask))
    cases.append(case)
(here / "matching.json").write_text(json.dumps(cases))
np.concatenate([a.ravel() for a in samples]).tofile(here / "matching.bin")
