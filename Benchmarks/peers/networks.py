"""Inference of whole networks by convolve, PyTorch, ONNX Runtime and OpenVINO, as JSON lines: all in turns, so that each
meets the same neighbours on the machine, and the median of each one's turns.
usage: networks.py CONVOLVE THREADS BATCH SECONDS TURNS FOLDER NETWORK...    FOLDER keeps the .onnx files."""
import copy, json, os, statistics, subprocess, sys, time
convolve, threads, batch, seconds, turns = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5])
folder, names = sys.argv[6], sys.argv[7:]
os.environ["OMP_NUM_THREADS"] = str(threads)
import numpy as np, openvino, onnxruntime, torch, torchvision
from timing import median_ms

torch.set_num_threads(threads)
torch.manual_seed(0)
os.makedirs(folder, exist_ok=True)


class LeNet5(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Conv2d(1, 6, 5), torch.nn.Tanh(), torch.nn.MaxPool2d(2), torch.nn.Conv2d(6, 16, 5), torch.nn.Tanh(),
            torch.nn.MaxPool2d(2), torch.nn.Flatten(), torch.nn.Linear(400, 120), torch.nn.Tanh(),
            torch.nn.Linear(120, 84), torch.nn.Tanh(), torch.nn.Linear(84, 10))

    def forward(self, x):
        return self.layers(x)


def timed(run):
    """One turn of a peer."""
    def turn():
        with torch.inference_mode():
            return median_ms(run, seconds, warmups=1, least=3)
    return turn


for name in names:
    model = LeNet5() if name == "lenet5" else getattr(torchvision.models, name)(weights=None)
    model.eval()
    x = torch.randn(batch, *((1, 32, 32) if name == "lenet5" else (3, 224, 224)))
    path = f"{folder}/{name}.b{batch}.onnx"
    if not os.path.exists(path):
        torch.onnx.export(model, (x,), path, input_names=["x"], output_names=["y"], opset_version=17, dynamo=False)

    def ours():
        command = [convolve, "bench", name, "--whole", "--json", "--seconds", str(seconds)]
        command += ["--threads", str(threads), "--batch", str(batch)]
        return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)[0]["ms"]

    array = x.numpy()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    core = openvino.Core()
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    request = core.compile_model(core.read_model(path), "CPU", settings).create_infer_request()
    with torch.inference_mode():
        frozen = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(model, x)))
    last = copy.deepcopy(model).to(memory_format=torch.channels_last)
    y = x.to(memory_format=torch.channels_last)
    sides = {
        "convolve": ours,
        "torch": timed(lambda: model(x)),
        "torch nhwc": timed(lambda: last(y)),
        "torch frozen": timed(lambda: frozen(x)),
        "onnxruntime": timed(lambda: session.run(None, {"x": array})),
        "openvino": timed(lambda: request.infer({0: array}, share_inputs=True, share_outputs=True)),
    }
    times = {side: [] for side in sides}
    for _ in range(turns):
        for side, turn in sides.items():
            # Until the threads of the one before have stopped waiting for more.
            time.sleep(0.3)
            times[side].append(turn())
    for side, of_turns in times.items():
        print(json.dumps(dict(net=name, batch=batch, threads=threads, side=side, ms=statistics.median(of_turns))), flush=True)
