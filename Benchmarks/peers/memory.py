"""Peak memory of one run of a network by PyTorch, ONNX Runtime and OpenVINO, each in a process of its own.
usage: memory.py export|torch|onnxruntime|openvino NETWORK PATH    files are PATH.pth and PATH.onnx
       memory.py measure COMMAND...    prints the MB and seconds of the best of three runs"""
import sys

what, arguments = sys.argv[1], sys.argv[2:]
if what == "measure":
    import os, subprocess, time
    runs = []
    for _ in range(3):
        start = time.perf_counter()
        child = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        if status != 0:
            sys.exit(f"{arguments} failed")
        runs.append((usage.ru_maxrss / 1024, time.perf_counter() - start))
    print(f"{min(r[0] for r in runs):.0f} MB, {min(r[1] for r in runs):.2f} s")
    sys.exit()
network, path = arguments
if what in ("export", "torch"):
    import torch, torchvision
    model = getattr(torchvision.models, network)(weights=None).eval()
    x = torch.zeros(1, 3, 224, 224)
    if what == "export":
        torch.save(model.state_dict(), f"{path}.pth")
        torch.onnx.export(model, (x,), f"{path}.onnx", dynamo=False, input_names=["x"])
    else:
        model.load_state_dict(torch.load(f"{path}.pth", mmap=True))
        with torch.inference_mode():
            model(x)
else:
    import numpy
    x = numpy.zeros((1, 3, 224, 224), numpy.float32)
    if what == "onnxruntime":
        import onnxruntime
        onnxruntime.InferenceSession(f"{path}.onnx").run(None, {"x": x})
    else:
        import openvino
        openvino.Core().compile_model(f"{path}.onnx", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(x)
