"""Inference of whole networks by PyTorch, ONNX Runtime and OpenVINO, as JSON lines.
usage: networks.py THREADS BATCH SECONDS FOLDER NETWORK...    FOLDER keeps the .pth and .onnx files."""
import json, os, sys
threads, batch, seconds, folder, names = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4], sys.argv[5:]
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


for name in names:
    model = LeNet5() if name == "lenet5" else getattr(torchvision.models, name)(weights=None)
    model.eval()
    x = torch.randn(batch, *((1, 32, 32) if name == "lenet5" else (3, 224, 224)))
    path = f"{folder}/{name}.b{batch}.onnx"
    if not os.path.exists(path):
        torch.onnx.export(model, (x,), path, input_names=["x"], output_names=["y"], opset_version=17, dynamo=False)

    def say(peer, run):
        with torch.inference_mode():
            print(json.dumps(dict(net=name, batch=batch, threads=threads, peer=peer, ms=median_ms(run, seconds))), flush=True)

    say("torch", lambda: model(x))
    with torch.inference_mode():
        frozen = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(model, x)))
    say("torch frozen", lambda: frozen(x))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    array = x.numpy()
    say("onnxruntime", lambda: session.run(None, {"x": array}))
    core = openvino.Core()
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    request = core.compile_model(core.read_model(path), "CPU", settings).create_infer_request()
    say("openvino", lambda: request.infer({0: array}, share_inputs=True, share_outputs=True))
    last = model.to(memory_format=torch.channels_last)
    y = x.to(memory_format=torch.channels_last)
    say("torch nhwc", lambda: last(y))
