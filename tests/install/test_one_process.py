"""TensorFlow, OpenVINO, ONNX, PyTorch and eightbit in one process, whichever comes first: each of them brings a protobuf or a thread
pool of its own."""

import importlib.util
import os
import site
import sys

import pytest
from wheels import run

PACKAGES = ("tensorflow", "openvino", "onnx", "torch", "eightbit")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not all(map(importlib.util.find_spec, PACKAGES)), reason="packages are missing"
    ),
]

# In turns, forwards and backwards: each comes first and last, and before and after each other.
ORDERS = [
    tuple(row[(first + place) % len(row)] for place in range(len(row)))
    for row in (PACKAGES, PACKAGES[::-1])
    for first in range(len(PACKAGES))
]

PROGRAM = """
import importlib, sys
for name in sys.argv[1].split(","):
    importlib.import_module(name)

import numpy as np
import eightbit as eb
import keras, onnx, torch
import openvino as ov
from onnx import TensorProto, helper, numpy_helper
from openvino import opset13 as ops

random = np.random.default_rng(0)
weight = random.normal(0, 0.3, (8, 8)).astype(np.float32)
samples = [random.normal(0, 1, (1, 8)).astype(np.float32) for _ in range(16)]


def of_openvino():
    x = ops.parameter([1, 8], np.float32, "x")
    return ov.Model([ops.relu(ops.matmul(x, weight, False, False))], [x], "net")


def of_onnx():
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 8]) for name in "xy"]
    nodes = [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Relu", ["h"], ["y"])]
    graph = helper.make_graph(nodes, "g", ports[:1], ports[1:], [numpy_helper.from_array(weight, "w")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def of_torch():
    layer = torch.nn.Linear(8, 8, bias=False)
    layer.weight.data = torch.from_numpy(weight.T.copy())
    return torch.nn.Sequential(layer, torch.nn.ReLU()).eval()


def of_keras():
    x = keras.Input((8,), name="x")
    layer = keras.layers.Dense(8, activation="relu", use_bias=False)
    model = keras.Model(x, layer(x))
    layer.set_weights([weight])
    return model


def run(model, sample):
    if isinstance(model, ov.Model):
        return ov.compile_model(model, "CPU")(sample)[0]
    if isinstance(model, onnx.ModelProto):
        import onnxruntime
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        return session.run(None, {"x": sample})[0]
    if isinstance(model, torch.nn.Module):
        return model(torch.from_numpy(sample)).detach().numpy()
    return model(sample).numpy()


for make in (of_onnx, of_keras, of_torch, of_openvino, of_onnx):
    model = make()
    named = [{"x": sample} for sample in samples] if make is of_onnx else samples
    named = [torch.from_numpy(sample) for sample in samples] if make is of_torch else named
    quantized = eb.quantize(model, eb.Dataset(named))
    for sample in samples:
        wanted = np.maximum(sample @ weight, 0)
        np.testing.assert_allclose(run(quantized, sample), wanted, atol=0.1)
model = of_keras()
converted = ov.convert_model(model)
assert any(op.get_type_name() == "FakeQuantize" for op in eb.quantize(converted, eb.Dataset(samples)).get_ops())
print(eb.__file__)
"""

QUIET = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_in_any_order(order, tmp_path):
    said = run(sys.executable, "-c", PROGRAM, ",".join(order), cwd=tmp_path, env=QUIET)
    assert "eightbit" in said


@pytest.mark.timeout(3600)
def test_from_the_wheel(wheel, tmp_path):
    """In an environment that has the wheel, and finds the other packages where they are."""
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    python = tmp_path / "venv" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", wheel)
    own = run(python, "-c", "import site; print(site.getsitepackages()[0])").strip()
    with open(os.path.join(own, "others.pth"), "w", encoding="utf8") as file:
        file.write("\n".join(site.getsitepackages()) + "\n")
    environment = {name: value for name, value in QUIET.items() if name != "PYTHONPATH"}
    for order in ORDERS[:: len(PACKAGES) // 2]:
        said = run(python, "-c", PROGRAM, ",".join(order), cwd=tmp_path, env=environment)
        assert said.splitlines()[-1].startswith(own), "eightbit is that of the wheel"
