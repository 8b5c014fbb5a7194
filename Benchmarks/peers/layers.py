"""Single convolution layers in PyTorch, ONNX Runtime and OpenVINO, float32, as JSON lines: GFLOP/s of direct convolution
by medians. usage: layers.py THREADS BATCH [SECONDS PER LAYER] < layers as JSON lines
"""
import io, json, os, statistics, sys, time

threads, batch = int(sys.argv[1]), int(sys.argv[2])
seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 0.4
os.environ["OMP_NUM_THREADS"] = str(threads)
import onnxruntime, openvino, torch

torch.set_num_threads(threads)


def median(call):
    call()
    call()
    times, end = [], time.perf_counter() + seconds
    while len(times) < 5 or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def module(layer):
    rank = len(layer["kernel"])
    kind = f"Conv{'Transpose' if layer['transposed'] else ''}{rank}d"
    return getattr(torch.nn, kind)(
        layer["in"], layer["out"], layer["kernel"], layer["stride"], layer["padding"], dilation=layer["dilation"],
        groups=layer["groups"], bias=False).eval()


for line in sys.stdin:
    layer = json.loads(line)
    net, x = module(layer), torch.randn(batch, layer["in"], *layer["size"])
    times = {}
    with torch.inference_mode():
        times["torch"] = median(lambda: net(x))
        if x.dim() == 4:
            last, xl = module(layer).to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
            times["torch nhwc"] = median(lambda: last(xl))
    buffer = io.BytesIO()
    torch.onnx.export(net, (x,), buffer, input_names=["x"], output_names=["y"], opset_version=17, dynamo=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(buffer.getvalue(), options, providers=["CPUExecutionProvider"])
    array = x.numpy()
    times["onnxruntime"] = median(lambda: session.run(None, {"x": array}))
    core = openvino.Core()
    compiled = core.compile_model(
        core.read_model(buffer.getvalue(), b""), "CPU",
        {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"})
    request = compiled.create_infer_request()
    times["openvino"] = median(lambda: request.infer({0: array}, share_inputs=True, share_outputs=True))
    print(json.dumps(dict(layer=layer["layer"], threads=threads, batch=batch,
                          **{name: round(batch * layer["gflop"] / t, 1) for name, t in times.items()})), flush=True)
