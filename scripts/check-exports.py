"""See check-exports. usage: check-exports.py CONVOLVE"""
import json, os, subprocess, sys, tempfile
import numpy as np, onnx, onnxruntime, torch, torchvision
from PIL import Image

convolve = sys.argv[1]
names = ["alexnet", "vgg11", "vgg13", "vgg16", "vgg19", "vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn", "resnet18", "resnet34",
         "resnet50", "resnet101", "resnet152"]
worst = prepared = 0
with tempfile.TemporaryDirectory() as folder:
    # What convolve makes of this picture: torchvision's preprocessing, which is repeated here.
    photo = Image.open("Examples/chelsea.png").convert("RGB")
    prepare = torchvision.transforms.Compose([
        torchvision.transforms.Resize(256), torchvision.transforms.CenterCrop(224), torchvision.transforms.ToTensor(),
        torchvision.transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])])
    x = prepare(photo)[None]
    for name in names:
        torch.manual_seed(1)
        model = getattr(torchvision.models, name)(weights=None).eval()
        # Probabilities of random weights are all alike: the last layer is made steeper.
        with torch.no_grad():
            last = [m for m in model.modules() if isinstance(m, torch.nn.Linear)][-1]
            last.weight *= 5 / model(x).std()
        pth, ours, theirs = (f"{folder}/{name}{end}" for end in (".pth", ".onnx", ".torch.onnx"))
        torch.save(model.state_dict(), pth)
        subprocess.run([convolve, "convert", pth, ours, "--model", name], check=True, stdout=subprocess.DEVNULL)
        onnx.checker.check_model(onnx.load(ours), full_check=True)
        torch.onnx.export(model, (x,), theirs, input_names=["x"], output_names=["y"], opset_version=17, dynamo=False)
        with torch.inference_mode():
            expected = model(x).numpy()
        result = onnxruntime.InferenceSession(ours, providers=["CPUExecutionProvider"]).run(None, {"input": x.numpy()})[0]
        error = np.abs(result - expected).max() / np.abs(expected).max()
        probabilities = torch.softmax(torch.tensor(expected), 1).numpy()[0]
        errors = []
        for arguments in ([name, "--weights", pth], [ours], [theirs]):
            text = subprocess.run([convolve, "predict", *arguments, "Examples/chelsea.png", "--top", "1000", "--json"],
                                  check=True, capture_output=True, text=True).stdout
            classes = json.loads(text)[0]["classes"]
            errors.append(max(abs(c["probability"] - probabilities[c["number"]]) for c in classes) / probabilities.max())
        worst, prepared = max(worst, error), max(prepared, *errors)
        print(f"{name}: our file by ONNX Runtime {error:.1e}; by convolve from the checkpoint {errors[0]:.1e}, from our file "
              f"{errors[1]:.1e}, from PyTorch's {errors[2]:.1e}")
        for path in (pth, ours, theirs):
            os.remove(path)
sys.exit("wrong") if worst > 1e-4 or prepared > 1e-4 else print(f"all within {worst:.1e}, from the photo on within {prepared:.1e}")
