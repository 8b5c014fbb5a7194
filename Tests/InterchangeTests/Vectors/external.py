"""Makes external.onnx, whose weights lie in external.bin, and outside.onnx, which asks for a file elsewhere."""
import os
import numpy as np, onnx
from onnx import TensorProto, helper, numpy_helper

os.chdir(os.path.dirname(os.path.abspath(__file__)))
weight = np.arange(18, dtype=np.float32).reshape(1, 2, 3, 3)
with open("external.bin", "wb") as file:
    file.write(b"\0" * 16 + weight.tobytes())


def model(location, path):
    tensor = TensorProto(name="w", data_type=1, dims=weight.shape, data_location=TensorProto.EXTERNAL)
    for key, value in (("location", location), ("offset", "16"), ("length", str(weight.nbytes))):
        tensor.external_data.add(key=key, value=value)
    bias = numpy_helper.from_array(np.array([100], np.float32), "b")
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w", "b"], ["y"], kernel_shape=[3, 3])], "g",
        [helper.make_tensor_value_info("x", 1, ["N", 2, 3, 3])], [helper.make_tensor_value_info("y", 1, ["N", 1, 1, 1])],
        [tensor, bias])
    with open(path, "wb") as file:
        file.write(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString())


model("external.bin", "external.onnx")
model("../external.bin", "outside.onnx")
