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
QUICK = {"light_squeezenet"}
LIGHT_MODELS = [
    pytest.param(path, id=path.stem, marks=[] if path.stem in QUICK else [pytest.mark.slow])
    for path in sorted(LIGHT.glob("*.onnx"))
]
DATASET_MODELS = [pytest.param(path, id=path.stem) for path in sorted(DATASETS.glob("*.onnx"))]


def session(model, optimized=True):
    options = ort.SessionOptions()
    options.log_severity_level = 3
    if not optimized:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def samples_for(path, count=2):
    """Random inputs for the model; those that are initializers too keep their values."""
    rng = np.random.default_rng(3)
    shapes = {
        i.name: [d if isinstance(d, int) else 1 for d in i.shape]
        for i in session(str(path)).get_inputs()
    }
    return [
        {name: rng.uniform(0, 1, s).astype(np.float32) for name, s in shapes.items()}
        for _ in range(count)
    ]


def in_openvino(data, sample):
    openvino = pytest.importorskip("openvino")
    core = openvino.Core()
    return core.compile_model(core.read_model(data), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(
        sample
    )[0]


def check_everywhere(quantized, original, sample):
    """The checker takes it, every runtime loads it, and all compute what the float model does, up to rounding."""
    onnx.checker.check_model(quantized, full_check=True)
    data = quantized.SerializeToString()
    expected = session(str(original)).run(None, sample)[0]
    plain = session(data, optimized=False).run(None, sample)[0]
    for output in (plain, session(data).run(None, sample)[0], in_openvino(data, sample)):
        assert output.shape == expected.shape
        assert np.linalg.norm(output - plain) <= 0.02 * np.linalg.norm(plain)
        assert np.linalg.norm(output - expected) <= 0.05 * np.linalg.norm(expected)


def test_the_packages_bring_models():
    assert len(LIGHT_MODELS) == 9
    assert len(DATASET_MODELS) >= 3


@pytest.mark.parametrize("path", LIGHT_MODELS)
def test_light_models_are_quantized_and_agree_everywhere(path):
    """As they are: nodes fill every weight with one number, so that all classes come out alike."""
    data = samples_for(path)
    quantized = eb.quantize(path, eb.Dataset(data))
    kinds = [node.op_type for node in quantized.graph.node]
    convolutions = [n for n in onnx.load(path).graph.node if n.op_type == "Conv"]
    assert kinds.count("DequantizeLinear") > len(convolutions)
    check_everywhere(quantized, path, data[0])


def with_random_weights(path):
    """The model with weights that tell its layers apart in place of those that nodes fill."""
    rng, model = np.random.default_rng(7), onnx.load(path)
    shapes = {i.name: onnx.numpy_helper.to_array(i) for i in model.graph.initializer}
    filled = [node for node in model.graph.node if node.op_type == "ConstantOfShape"]
    for node in filled:
        shape = shapes[node.input[0]]
        spread = np.sqrt(2 / np.prod(shape[1:]))
        weight = rng.normal(0, spread, shape) if len(shape) > 1 else rng.uniform(0.5, 1, shape)
        model.graph.initializer.append(
            onnx.numpy_helper.from_array(weight.astype(np.float32), node.output[0])
        )
        model.graph.node.remove(node)
    assert filled
    return model


@pytest.mark.parametrize("path", LIGHT_MODELS)
def test_their_networks_with_random_weights_agree_everywhere(path, tmp_path):
    data, original = samples_for(path), tmp_path / path.name
    onnx.save(with_random_weights(path), original)
    quantized = eb.quantize(original, eb.Dataset(data))
    onnx.checker.check_model(quantized, full_check=True)
    content = quantized.SerializeToString()
    (expected,), (plain,), (fused,) = (
        session(model, optimized).run(None, data[0])
        for model, optimized in ((str(original), True), (content, False), (content, True))
    )
    assert np.std(expected) > 0.01 * np.mean(expected), "the classes differ"
    for output, bound in ((expected, 0.2), (fused, 0.05), (in_openvino(content, data[0]), 0.05)):
        assert np.linalg.norm(output - plain) < bound * np.linalg.norm(plain)


@pytest.mark.parametrize("path", DATASET_MODELS)
def test_models_of_onnxruntime_say_why_there_is_nothing_to_quantize(path, caplog):
    """A linear classifier of ai.onnx.ml has no standard operators; a product and a sigmoid are no faster in 8 bits."""
    report, data = eb.Report(), samples_for(path)
    if all(node.domain not in ("", "ai.onnx") for node in onnx.load(path).graph.node):
        with pytest.raises(eb.ModelError, match="nothing to quantize"):
            eb.quantize(path, eb.Dataset(data))
        return
    quantized = eb.quantize(path, eb.Dataset(data), report=report)
    assert "nothing was quantized: no op of this model can run in 8 bits" in caplog.text
    assert report.activation_quantizers == report.weight_quantizers == 0
    check_everywhere(quantized, path, data[0])


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
    done = subprocess.run(
        [sys.executable, "-c", TOGETHER, order], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "DequantizeLinear" in done.stdout
