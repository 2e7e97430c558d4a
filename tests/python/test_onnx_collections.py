"""Models that come with the onnx and onnxruntime packages: quantized, or it is said why there is nothing to quantize."""

import subprocess
import sys
from pathlib import Path

import eightbit as eb
import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
DATASETS = Path(ort.__file__).parent / "datasets"
# The others hold 60 to 140 million weights, or hundreds of layers.
QUICK = {"light_squeezenet", "light_shufflenet"}
LIGHT_MODELS = [
    pytest.param(path, id=path.stem, marks=[] if path.stem in QUICK else [pytest.mark.slow])
    for path in sorted(LIGHT.glob("*.onnx"))
]


def session(model):
    options = ort.SessionOptions()
    options.log_severity_level = 3
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def samples_for(path, count=2):
    """Random inputs for the model; those that are initializers too keep their values."""
    rng = np.random.default_rng(3)
    shapes = {i.name: [d if isinstance(d, int) else 1 for d in i.shape] for i in session(str(path)).get_inputs()}
    return [{name: rng.uniform(0, 1, s).astype(np.float32) for name, s in shapes.items()} for _ in range(count)]


def test_there_are_nine_light_models():
    assert len(LIGHT_MODELS) == 9


@pytest.mark.parametrize("path", LIGHT_MODELS)
def test_light_models_are_quantized_and_run(path):
    data = samples_for(path)
    quantized = eb.quantize(path, eb.Dataset(data))
    kinds = [node.op_type for node in quantized.graph.node]
    convolutions = [n for n in onnx.load(path).graph.node if n.op_type == "Conv"]
    assert kinds.count("DequantizeLinear") > len(convolutions)
    output = session(quantized.SerializeToString()).run(None, data[0])[0]
    assert np.isfinite(output).all()
    assert output.shape == session(str(path)).run(None, data[0])[0].shape


def test_a_classifier_without_standard_operators_is_refused():
    with pytest.raises(eb.ModelError, match="nothing to quantize"):
        eb.quantize(DATASETS / "logreg_iris.onnx", eb.Dataset([np.zeros((3, 2), np.float32)]))


@pytest.mark.parametrize("name", ["mul_1", "sigmoid"])
def test_small_models_have_nothing_to_quantize(name):
    path, report = DATASETS / f"{name}.onnx", eb.Report()
    data = samples_for(path)
    quantized = eb.quantize(path, eb.Dataset(data), report=report)
    assert "QuantizeLinear" not in [node.op_type for node in quantized.graph.node]
    assert report.activation_quantizers == report.weight_quantizers == 0
    expected = session(str(path)).run(None, data[0])
    for a, b in zip(expected, session(quantized.SerializeToString()).run(None, data[0]), strict=True):
        assert np.array_equal(a, b)


TOGETHER = """
import sys
for name in sys.argv[1].split(","):
    __import__(name)
import numpy as np, onnx, eightbit as eb
from onnx import TensorProto, helper, numpy_helper
info = lambda name: [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 4])]
weight = numpy_helper.from_array(np.eye(4, dtype=np.float32), "w")
graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", info("x"), info("y"), [weight])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
quantized = eb.quantize(model, eb.Dataset([np.ones((2, 4), np.float32)]))
print(sorted({node.op_type for node in quantized.graph.node}))
"""


@pytest.mark.parametrize(
    "order", ["eightbit,onnx,onnxruntime,openvino", "torch,onnx,onnxruntime,openvino,eightbit"]
)
def test_every_protobuf_in_one_process(order):
    """onnx, onnxruntime, openvino and torch bring protobufs of their own, and none meets ours."""
    for name in order.split(","):
        pytest.importorskip(name)
    done = subprocess.run([sys.executable, "-c", TOGETHER, order], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "DequantizeLinear" in done.stdout
