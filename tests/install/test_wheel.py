"""The wheel in empty virtual environments: without OpenVINO, with the oldest and the newest release that it has a part for."""

import sys
from pathlib import Path

import pytest
from wheels import RELEASES, run

IR = """
import numpy as np
import eightbit as eb
import openvino as ov
from openvino import opset13 as op

random = np.random.default_rng(0)
x = op.parameter([1, 3, 12, 12], np.float32, "x")
y = x
for channels, out in ((3, 8), (8, 8)):
    y = op.relu(op.convolution(y, random.normal(0, 0.3, (out, channels, 3, 3)).astype(np.float32), [1, 1], [1, 1], [1, 1], [1, 1]))
model = ov.Model([y], [x], "net")
samples = [random.normal(0, 1, (1, 3, 12, 12)).astype(np.float32) for _ in range(8)]
report = eb.Report()
quantized = eb.quantize(model, eb.Dataset(samples), report=report)
assert sum(node.get_type_name() == "FakeQuantize" for node in quantized.get_ops()) >= 2
assert report.trial is not None and report.trial.sqnr_db > 20, report.trial
ov.save_model(model, "model.xml", compress_to_fp16=False)
np.save("samples.npy", np.concatenate(samples))
print(ov.get_version())
"""
ONNX = """
import numpy as np
import onnx
import eightbit as eb

random = np.random.default_rng(0)
weight = onnx.numpy_helper.from_array(random.normal(0, 0.3, (8, 8)).astype(np.float32), "w")
ports = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 8]) for name in "xy"]
graph = onnx.helper.make_graph([onnx.helper.make_node("MatMul", ["x", "w"], ["y"], "product")], "g", ports[:1], ports[1:], [weight])
model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
data = [{"x": random.normal(0, 1, (1, 8)).astype(np.float32)} for _ in range(8)]
quantized = eb.quantize(model, eb.Dataset(data))
assert any(node.op_type == "QuantizeLinear" for node in quantized.graph.node)
open("model.xml", "w").write("<net/>")
try:
    eb.quantize("model.xml", eb.Dataset(data))
except eb.Unsupported as error:
    print(error)
"""


def environment(folder: Path, *packages) -> Path:
    run(sys.executable, "-m", "venv", folder)
    run(folder / "bin" / "python", "-m", "pip", "install", "--quiet", *packages)
    return folder / "bin"


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_without_openvino(wheel, tmp_path):
    programs = environment(tmp_path / "venv", wheel, "onnx", "onnxruntime")
    said = run(programs / "python", "-c", ONNX, cwd=tmp_path)
    assert "OpenVINO is not installed" in said
    assert f"pip install openvino=={RELEASES[0]}" in said
    assert "0." in run(programs / "eightbit", "--version")


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("release", [RELEASES[-1], RELEASES[0]])
def test_with(release, wheel, tmp_path):
    programs = environment(tmp_path / "venv", wheel, f"openvino=={release}")
    assert run(programs / "python", "-c", IR, cwd=tmp_path).startswith(release)
    run(
        *(programs / "eightbit", "quantize", "model.xml", "--data", "samples.npy", "-o", "q.xml"),
        cwd=tmp_path,
    )
    assert (tmp_path / "q.xml").exists()
