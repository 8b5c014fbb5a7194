"""Shapes of PyTorch's convolutions and poolings, from a folder with operators.json and operators.safetensors.

usage: python make_geometry_vectors.py FOLDER. Writes geometry.json beside the tests.
"""
import json, pathlib, struct, sys

folder = pathlib.Path(sys.argv[1])
raw = (folder / "operators.safetensors").open("rb")
header = json.loads(raw.read(struct.unpack("<Q", raw.read(8))[0]))
shape = lambda name: header[name]["shape"]
cases = []
for case in json.loads((folder / "operators.json").read_text())["cases"]:
    name, params = case["id"], case["params"]
    if case["op"].startswith("conv") or case["op"].startswith(("avg_pool", "max_pool", "lp_pool")):
        weight = shape(f"{name}.in.weight") if "weight" in case["inputs"] else None
        cases.append(dict(op=case["op"], params=params, input=shape(f"{name}.in.x"), weight=weight,
                          bias="bias" in case["inputs"], output=shape(f"{name}.out.y")))
out = pathlib.Path(__file__).resolve().parents[1] / "ConvolutionTests/Vectors/geometry.json"
out.write_text(json.dumps(cases))
print(len(cases), "cases")
