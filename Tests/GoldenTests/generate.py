"""Operator cases with PyTorch's and SciPy's results in float64, in the format of the committed vectors.

usage: generate.py FOLDER [--seed N] [--cases N] [--only new]
Needs torch, torchvision, scipy and numpy. Shapes are random and lean to the ugly ones: size 1, even kernels, strides
beyond the kernel, odd channel counts in groups, batch 0.
"""
import argparse, json, os, random, struct

import numpy as np
import scipy.signal
import torch
import torch.nn.functional as F
import torchvision.ops

parser = argparse.ArgumentParser()
parser.add_argument("folder")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--cases", type=int, default=5000)
parser.add_argument("--only", choices=["new", "all"], default="all")
arguments = parser.parse_args()
random.seed(arguments.seed)
torch.manual_seed(arguments.seed)
torch.set_default_dtype(torch.float64)

cases, tensors = [], {}


def record(op, params, inputs, outputs, upstream=None, grads=None, integers=()):
    """Adds a case; inputs, outputs and grads are {name: tensor}."""
    ident = f"{len(cases):05d}"
    cases.append(dict(id=ident, op=op, params=params, inputs=list(inputs)))
    for kind, group in (("in", inputs), ("out", outputs), ("grad", grads or {})):
        for name, tensor in group.items():
            array = tensor.detach().numpy() if isinstance(tensor, torch.Tensor) else np.asarray(tensor)
            tensors[f"{ident}.{kind}.{name}"] = np.ascontiguousarray(array)
    if upstream is not None:
        tensors[f"{ident}.grad.upstream"] = np.ascontiguousarray(upstream.detach().numpy())


def differentiable(op, params, inputs, function, integers=None):
    """Runs a function of named inputs and records it with its gradients. Fails as PyTorch does."""
    # Inputs that float32 holds exactly, so that both precisions are given the same numbers.
    leaves = {n: t.float().double().requires_grad_() for n, t in inputs.items()}
    result = function(**leaves, **(integers or {}))
    y, *others = result if isinstance(result, tuple) else (result,)
    if 0 in y.shape[1:]:
        raise RuntimeError("an empty output, which is an error here")
    if torch.isinf(y).any():
        # A window that sees padding alone: PyTorch's max_pool backward then writes outside its tensor and crashes.
        raise RuntimeError("a window of padding alone")
    upstream = torch.randn(y.shape).float().double()
    y.backward(upstream)
    grads = {n: t.grad if t.grad is not None else torch.zeros_like(t) for n, t in leaves.items()}
    outputs = {"y": y}
    for i, other in enumerate(others):
        outputs["indices" if other.dtype == torch.int64 else f"extra{i}"] = other
    record(op, params, {**{n: t.detach() for n, t in leaves.items()}, **(integers or {})}, outputs, upstream, grads)


def batch():
    return random.choices([0, 1, 2, 3], [1, 6, 3, 1])[0]


def sizes(rank, largest=12):
    return [random.choice([1, 2, 3, 4, 5, 7, 8, 11, largest]) for _ in range(rank)]


def some(rank, low, high):
    return [random.randint(low, high) for _ in range(rank)]


def make_conv():
    rank = random.choices([1, 2, 3], [2, 4, 1])[0]
    groups = random.choice([1, 1, 1, 2, 3, 5])
    c, k = groups * random.randint(1, 5), groups * random.randint(1, 7)
    kernel, stride, dilation, padding = some(rank, 1, 5), some(rank, 1, 4), some(rank, 1, 3), some(rank, 0, 3)
    mode = random.choice(["zeros", "zeros", "reflect", "replicate", "circular"])
    x = torch.randn(batch(), c, *sizes(rank, 17 if rank < 3 else 9))
    inputs = dict(x=x, weight=torch.randn(k, c // groups, *kernel))
    if random.random() < 0.5:
        inputs["bias"] = torch.randn(k)
    conv = [F.conv1d, F.conv2d, F.conv3d][rank - 1]
    spelling = [[random.randint(0, 3), random.randint(0, 3)] for _ in padding] if random.random() < 0.4 else None
    amounts = spelling or [[p, p] for p in padding]

    def run(x, weight, bias=None):
        flat = [a for pair in reversed(amounts) for a in pair]
        if mode != "zeros":
            x = F.pad(x, flat, mode=mode)
        elif any(flat):
            x = F.pad(x, flat)
        return conv(x, weight, bias, stride, 0, dilation, groups)

    differentiable(f"conv{rank}d", dict(stride=stride, padding=amounts, padding_mode=mode, dilation=dilation,
                                        groups=groups), inputs, run)


def make_conv_transpose():
    rank = random.choices([1, 2, 3], [2, 4, 1])[0]
    groups = random.choice([1, 1, 1, 2, 3])
    c, k = groups * random.randint(1, 4), groups * random.randint(1, 6)
    kernel, stride, dilation, padding = some(rank, 1, 5), some(rank, 1, 4), some(rank, 1, 3), some(rank, 0, 3)
    extra = [random.randint(0, max(s, d) - 1) for s, d in zip(stride, dilation)]
    inputs = dict(x=torch.randn(batch(), c, *sizes(rank, 6)), weight=torch.randn(c, k // groups, *kernel))
    if random.random() < 0.5:
        inputs["bias"] = torch.randn(k)
    conv = [F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d][rank - 1]
    differentiable(f"conv_transpose{rank}d",
                   dict(stride=stride, padding=padding, output_padding=extra, dilation=dilation, groups=groups),
                   inputs, lambda x, weight, bias=None: conv(x, weight, bias, stride, padding, extra, groups, dilation))


def make_pool():
    rank = random.choices([1, 2, 3], [2, 4, 1])[0]
    kernel, stride = some(rank, 1, 5), some(rank, 1, 4)
    x = torch.randn(batch(), random.randint(1, 4), *sizes(rank))
    ceil = random.random() < 0.5
    kind = random.choice(["max", "avg", "lp", "adaptive_max", "adaptive_avg", "unpool"])
    if kind.startswith("adaptive"):
        size = some(rank, 1, 7)
        function = getattr(F, f"{kind}_pool{rank}d")
        if kind == "adaptive_max":
            differentiable(f"{kind}_pool{rank}d", dict(output_size=size), dict(x=x),
                           lambda x: function(x, size, return_indices=True))
        else:
            differentiable(f"{kind}_pool{rank}d", dict(output_size=size), dict(x=x), lambda x: function(x, size))
        return
    padding = [random.randint(0, k // 2) for k in kernel]
    if kind == "max":
        dilation = some(rank, 1, 3)
        function = getattr(F, f"max_pool{rank}d")
        differentiable(f"max_pool{rank}d", dict(kernel_size=kernel, stride=stride, padding=padding, dilation=dilation,
                                                ceil_mode=ceil), dict(x=x),
                       lambda x: function(x, kernel, stride, padding, dilation, ceil, True))
    elif kind == "avg":
        include = random.random() < 0.5
        params = dict(kernel_size=kernel, stride=stride, padding=padding, ceil_mode=ceil, count_include_pad=include)
        if rank == 1:
            run = lambda x: F.avg_pool1d(x, kernel, stride, padding, ceil, include)
        else:
            divisor = random.choice([None, None, 3])
            if divisor:
                params["divisor_override"] = divisor
            function = getattr(F, f"avg_pool{rank}d")
            run = lambda x: function(x, kernel, stride, padding, ceil, include, divisor)
        differentiable(f"avg_pool{rank}d", params, dict(x=x), run)
    elif kind == "lp":
        p = random.choice([1.0, 2.0, 3.0, 4.0])
        function = getattr(F, f"lp_pool{rank}d")
        argument = (lambda v: v[0]) if rank == 1 else (lambda v: v)
        differentiable(f"lp_pool{rank}d", dict(norm_type=p, kernel_size=kernel, stride=stride, ceil_mode=ceil),
                       dict(x=x.abs() + 0.1 if p == 3 else x),
                       lambda x: function(x, p, argument(kernel), argument(stride), ceil))
    else:
        # Windows apart, so that no two indices are one.
        size = [k * random.randint(1, 4) + random.randint(0, k - 1) for k in kernel]
        big = torch.randn(max(1, x.shape[0]), x.shape[1], *size)
        y, indices = getattr(F, f"max_pool{rank}d")(big, kernel, kernel, return_indices=True)
        function = getattr(F, f"max_unpool{rank}d")
        differentiable(f"max_unpool{rank}d", dict(output_size=size), dict(x=y),
                       lambda x, indices: function(x, indices, kernel, kernel, 0, size), dict(indices=indices))


def make_fold():
    kernel, stride, dilation, padding = some(2, 1, 4), some(2, 1, 3), some(2, 1, 2), some(2, 0, 2)
    x = torch.randn(random.randint(1, 2), random.randint(1, 3), *sizes(2))
    columns = F.unfold(x, kernel, dilation, padding, stride)
    params = dict(kernel_size=kernel, dilation=dilation, padding=padding, stride=stride)
    if random.random() < 0.5:
        differentiable("unfold", params, dict(x=x), lambda x: F.unfold(x, kernel, dilation, padding, stride))
    else:
        size = list(x.shape[2:])
        differentiable("fold", dict(**params, output_size=size), dict(x=torch.randn_like(columns)),
                       lambda x: F.fold(x, size, kernel, dilation, padding, stride))


def make_pad():
    rank = random.choice([1, 2, 3])
    x = torch.randn(random.randint(1, 2), random.randint(1, 3), *sizes(rank))
    mode = random.choice(["constant", "reflect", "replicate", "circular"])
    low = -1 if mode == "constant" else 0
    amounts = [[random.randint(low, 4), random.randint(low, 4)] for _ in range(rank)]
    value = random.choice([0.0, 1.5]) if mode == "constant" else None
    flat = [a for pair in reversed(amounts) for a in pair]
    params = dict(padding=amounts, padding_mode=mode)
    if value is not None:
        params["value"] = value
    differentiable("pad", params, dict(x=x), lambda x: F.pad(x, flat, mode=mode, value=value))


def make_interpolate():
    mode = random.choice(["nearest", "nearest-exact", "linear", "bilinear", "bicubic", "trilinear"])
    rank = dict(linear=1, bilinear=2, bicubic=2, trilinear=3).get(mode) or random.choice([1, 2, 3])
    x = torch.randn(random.randint(1, 2), random.randint(1, 3), *sizes(rank))
    align = random.random() < 0.4 and not mode.startswith("nearest")
    antialias = mode in ("bilinear", "bicubic") and not align and random.random() < 0.4
    arguments, params = dict(mode=mode), dict(mode=mode)
    if not mode.startswith("nearest"):
        arguments["align_corners"] = params["align_corners"] = align
    if antialias:
        arguments["antialias"] = params["antialias"] = True
    if random.random() < 0.3:
        # Powers of two, which float32 and float64 scale alike.
        scales = [random.choice([0.5, 2.0, 1.5, 1.0, 4.0]) for _ in range(rank)]
        arguments["scale_factor"], params["scale_factor"] = scales, scales
        params["output_size"] = [int(s * f) for s, f in zip(x.shape[2:], scales)]
    else:
        arguments["size"] = params["output_size"] = some(rank, 1, 13)
    if antialias and params["output_size"][-1] == 1:
        # PyTorch 2.15 misreads a plane of width 1 between its two passes: the result depends on the memory format.
        raise RuntimeError("an antialiased width of 1")
    differentiable("interpolate", params, dict(x=x), lambda x: F.interpolate(x, **arguments))


def make_pixel_shuffle():
    factor = random.randint(1, 4)
    n, c, h, w = random.randint(1, 2), random.randint(1, 3), *some(2, 1, 5)
    if random.random() < 0.5:
        differentiable("pixel_shuffle", dict(factor=factor), dict(x=torch.randn(n, c * factor ** 2, h, w)),
                       lambda x: F.pixel_shuffle(x, factor))
    else:
        differentiable("pixel_unshuffle", dict(factor=factor), dict(x=torch.randn(n, c, h * factor, w * factor)),
                       lambda x: F.pixel_unshuffle(x, factor))


def make_norm():
    kind = random.choice(["batch", "group", "instance", "layer", "lrn"])
    rank = random.choice([1, 2, 3])
    c = random.choice([1, 2, 3, 4, 6, 8])
    x = torch.randn(random.randint(1, 3), c, *sizes(rank, 9))
    eps = random.choice([1e-5, 1e-3])
    affine = {}
    if kind == "lrn":
        size, alpha, beta, k = random.randint(1, 7), random.choice([1e-4, 0.5]), random.choice([0.75, 1.2]), 1.5
        differentiable("local_response_norm", dict(size=size, alpha=alpha, beta=beta, k=k), dict(x=x),
                       lambda x: F.local_response_norm(x, size, alpha, beta, k))
        return
    if kind == "layer":
        axis = random.randint(1, x.dim() - 1)
        shape = list(x.shape[axis:])
        if random.random() < 0.7:
            affine = dict(weight=torch.randn(shape), bias=torch.randn(shape))
        differentiable("layer_norm", dict(axis=axis, eps=eps), dict(x=x, **affine),
                       lambda x, weight=None, bias=None: F.layer_norm(x, shape, weight, bias, eps))
        return
    if random.random() < 0.7:
        affine = dict(weight=torch.randn(c), bias=torch.randn(c))
    if kind == "group":
        groups = random.choice([g for g in range(1, c + 1) if c % g == 0])
        differentiable("group_norm", dict(groups=groups, eps=eps), dict(x=x, **affine),
                       lambda x, weight=None, bias=None: F.group_norm(x, groups, weight, bias, eps))
    elif kind == "instance":
        if x[0, 0].numel() == 1:
            x = torch.randn(2, c, *[2] * rank)
        differentiable("instance_norm", dict(eps=eps), dict(x=x, **affine),
                       lambda x, weight=None, bias=None: F.instance_norm(x, weight=weight, bias=bias, eps=eps))
    else:
        training = random.random() < 0.6
        if training and x.numel() // c == 1:
            x = torch.randn(2, c, *[2] * rank)
        mean, var = torch.randn(c).float().double(), (torch.rand(c) + 0.1).float().double()
        before = mean.clone(), var.clone()
        params = dict(training=training, momentum=0.1, eps=eps)
        leaves = {n: t.float().double().requires_grad_() for n, t in dict(x=x, **affine).items()}
        y = F.batch_norm(leaves["x"], mean, var, leaves.get("weight"), leaves.get("bias"), training, 0.1, eps)
        upstream = torch.randn(y.shape).float().double()
        y.backward(upstream)
        record("batch_norm", params,
               {**{n: t.detach() for n, t in leaves.items()}, "running_mean": before[0], "running_var": before[1]},
               dict(y=y, running_mean=mean, running_var=var), upstream, {n: t.grad for n, t in leaves.items()})


def make_deform():
    groups, offset_groups = random.choice([1, 1, 2]), random.choice([1, 1, 2])
    c, k = 2 * random.randint(1, 2) * groups, groups * random.randint(1, 3)
    kernel, stride, dilation, padding = some(2, 1, 3), some(2, 1, 2), some(2, 1, 2), some(2, 0, 2)
    x = torch.randn(random.randint(1, 2), c, *[random.randint(4, 9) for _ in range(2)])
    weight = torch.randn(k, c // groups, *kernel)
    y = F.conv2d(x, weight, None, stride, padding, dilation, groups)
    taps = kernel[0] * kernel[1]
    inputs = dict(x=x, weight=weight, offset=1.5 * torch.randn(x.shape[0], 2 * offset_groups * taps, *y.shape[2:]))
    if random.random() < 0.6:
        inputs["mask"] = torch.rand(x.shape[0], offset_groups * taps, *y.shape[2:])
    if random.random() < 0.5:
        inputs["bias"] = torch.randn(k)
    differentiable("deform_conv2d", dict(stride=stride, padding=padding, dilation=dilation, groups=groups,
                                         offset_groups=offset_groups), inputs,
                   lambda x, weight, offset, mask=None, bias=None: torchvision.ops.deform_conv2d(
                       x, offset, weight, bias, stride, padding, dilation, mask))


def make_scipy():
    rank = random.choice([1, 2, 3])
    x = np.random.default_rng(random.randrange(1 << 30)).standard_normal(sizes(rank, 17)).astype(np.float32)
    kernel = np.random.default_rng(random.randrange(1 << 30)).standard_normal(some(rank, 1, 5)).astype(np.float32)
    mode = random.choice(["full", "same", "valid"])
    if mode == "valid" and any(k > s for k, s in zip(kernel.shape, x.shape)):
        raise RuntimeError("the kernel does not fit")
    name = random.choice(["convolve", "correlate"])
    y = getattr(scipy.signal, name)(x.astype(np.float64), kernel.astype(np.float64), mode=mode, method="direct")
    record(name, dict(mode=mode), dict(x=x.astype(np.float64), kernel=kernel.astype(np.float64)), dict(y=y))


def make_elementwise():
    name = random.choice(["relu", "leaky_relu", "elu", "gelu", "silu", "hardswish", "tanh", "sigmoid", "softplus",
                          "relu6", "softmax", "log_softmax", "linear"])
    x = torch.randn(random.randint(1, 4), random.randint(1, 6), *sizes(random.randint(0, 2), 5)) * 3
    if name in ("softmax", "log_softmax"):
        dim = random.randrange(x.dim())
        differentiable(name, dict(dim=dim), dict(x=x), lambda x: getattr(F, name)(x, dim))
    elif name == "linear":
        inputs = dict(x=torch.randn(random.randint(1, 9), random.randint(1, 70)))
        inputs["weight"] = torch.randn(random.randint(1, 70), inputs["x"].shape[1])
        if random.random() < 0.5:
            inputs["bias"] = torch.randn(inputs["weight"].shape[0])
        differentiable(name, {}, inputs, lambda x, weight, bias=None: F.linear(x, weight, bias))
    else:
        differentiable(name, {}, dict(x=x), lambda x: getattr(F, name)(x))


new = [make_pad, make_interpolate, make_pixel_shuffle, make_norm, make_deform, make_scipy, make_pool, make_elementwise]
makers = new if arguments.only == "new" else new + 4 * [make_conv] + 2 * [make_conv_transpose] + [make_fold, make_pool]
refused = 0
while len(cases) < arguments.cases:
    before = len(cases)
    try:
        makers[random.randrange(len(makers))]()
    except (RuntimeError, ValueError, AssertionError):
        # PyTorch has no answer to this one either: a kernel too large, a reflection too wide.
        refused += 1
        assert len(cases) == before

os.makedirs(arguments.folder, exist_ok=True)
header, blobs, position = {}, [], 0
for name, array in tensors.items():
    kind = {"float64": "F64", "int64": "I64"}[str(array.dtype)]
    header[name] = dict(dtype=kind, shape=list(array.shape), data_offsets=[position, position + array.nbytes])
    blobs.append(array.tobytes())
    position += array.nbytes
text = json.dumps(header, separators=(",", ":")).encode()
text += b" " * (-len(text) % 8)
with open(os.path.join(arguments.folder, "operators.safetensors"), "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text)
    for blob in blobs:
        file.write(blob)
with open(os.path.join(arguments.folder, "operators.json"), "w") as file:
    json.dump(dict(source=f"PyTorch {torch.__version__}, float64", seed=arguments.seed, cases=cases), file,
              separators=(",", ":"))
print(f"{len(cases)} cases, {position / 1e6:.1f} MB; {refused} more that PyTorch refuses")
