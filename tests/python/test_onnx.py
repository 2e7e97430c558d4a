"""ONNX models in, ONNX models out: what ONNX Runtime and OpenVINO make of them, and files that are not what they claim."""

import json
import os
import resource
import subprocess
import sys
import time

import eightbit as eb
import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")
from onnx import TensorProto, helper, numpy_helper

RNG = np.random.default_rng(5)


def constant(name, array):
    return numpy_helper.from_array(np.asarray(array), name)


def weights(*shape):
    return RNG.normal(0, 0.4, shape).astype(np.float32)


def model_of(nodes, inputs, outputs, initializers, opset=17, ir=8, **extra):
    def info(pairs):
        return [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in pairs]

    graph = helper.make_graph(nodes, "g", info(inputs), info(outputs), initializers)
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir, **extra
    )


def network(opset=17):
    """Convolutions (plain, depthwise, with batch normalization), a residual sum, pooling, Gemm."""
    n = helper.make_node
    nodes = [
        n("Conv", ["x", "w1", "b1"], ["c1"], "conv1", pads=[1, 1, 1, 1]),
        n("Relu", ["c1"], ["r1"], "relu1"),
        n("Conv", ["r1", "w2"], ["c2"], "conv2", group=8, pads=[1, 1, 1, 1]),
        n("BatchNormalization", ["c2", "g", "h", "m", "v"], ["n2"], "norm"),
        n("Add", ["n2", "r1"], ["a"], "add"),
        n("Relu", ["a"], ["r2"], "relu2"),
        n("GlobalAveragePool", ["r2"], ["p"], "pool"),
        n("Flatten", ["p"], ["f"], "flat"),
        n("Gemm", ["f", "w3", "b3"], ["y"], "gemm", transB=1),
    ]
    initializers = [
        constant("w1", weights(8, 3, 3, 3)), constant("b1", weights(8)),
        constant("w2", weights(8, 1, 3, 3)), constant("g", weights(8) + 1),
        constant("h", weights(8)), constant("m", weights(8)), constant("v", np.abs(weights(8)) + 0.5),
        constant("w3", weights(5, 8)), constant("b3", weights(5)),
    ]  # fmt: skip
    return model_of(nodes, [("x", ["n", 3, 12, 12])], [("y", ["n", 5])], initializers, opset)


def samples(count=12, shape=(1, 3, 12, 12)):
    rng = np.random.default_rng(1)
    return [{"x": rng.normal(0, 1, shape).astype(np.float32)} for _ in range(count)]


def run(model, data, optimized=True):
    options = ort.SessionOptions()
    options.log_severity_level = 3
    if not optimized:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    source = model if isinstance(model, (str, bytes)) else model.SerializeToString()
    session = ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    return [session.run(None, item)[0] for item in data]


def sqnr(reference, other):
    a, b = (
        np.concatenate([r.ravel() for r in reference]),
        np.concatenate([o.ravel() for o in other]),
    )
    return 10 * np.log10(np.sum(a * a) / max(np.sum((a - b) ** 2), 1e-30))


def types(model):
    return [node.op_type for node in model.graph.node]


def check_everywhere(original, quantized, data, least_db=20.0):
    onnx.checker.check_model(quantized, full_check=True)
    reference = run(original, data)
    plain = run(quantized, data, optimized=False)
    assert sqnr(reference, plain) > least_db
    assert sqnr(plain, run(quantized, data)) > 25
    openvino = pytest.importorskip("openvino")
    core = openvino.Core()
    compiled = core.compile_model(
        core.read_model(quantized.SerializeToString()), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    assert sqnr(plain, [compiled(item)[0] for item in data]) > 25


@pytest.mark.parametrize("opset", [11, 13, 17, 21])
def test_a_network_is_quantized_and_every_runtime_agrees(opset):
    model, data = network(opset), samples()
    quantized = eb.quantize(model, eb.Dataset(data))
    check_everywhere(model, quantized, data)
    assert quantized.opset_import[0].version == max(opset, 13)
    assert "BatchNormalization" not in types(quantized)
    stored = [i.data_type for i in quantized.graph.initializer if i.name.endswith("/quantized")]
    assert stored.count(TensorProto.INT8) == 3
    assert TensorProto.INT32 in stored


def optimized_types(model, folder):
    """Op types of what ONNX Runtime really runs."""
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = str(folder / "optimized.onnx")
    ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return types(onnx.load(options.optimized_model_filepath))


def test_products_behind_a_reshape_run_in_integers(tmp_path):
    """The bias is in steps of what was quantized in front of the Reshape."""
    model = network()
    flat = next(node for node in model.graph.node if node.op_type == "Flatten")
    flat.op_type = "Reshape"
    flat.input.append("rows")
    model.graph.initializer.append(constant("rows", np.array([0, -1])))
    data = samples()
    quantized = eb.quantize(model, eb.Dataset(data))
    check_everywhere(model, quantized, data)
    kinds = optimized_types(quantized, tmp_path)
    assert "QGemm" in kinds
    assert "Gemm" not in kinds


@pytest.mark.parametrize("rank", [2, 3])
@pytest.mark.parametrize("between", ["Relu", "Tanh"])
def test_products_run_in_integers_whose_bias_comes_of_corrections(tmp_path, rank, between):
    """ONNX Runtime makes one Gemm of product and sum, in floats where the bias is one."""
    random = np.random.default_rng(3)
    nodes = [
        helper.make_node("MatMul", ["x", "w0"], ["a"], "first"),
        helper.make_node(between, ["a"], ["b"], "between"),
        helper.make_node("MatMul", ["b", "w1"], ["y"], "last"),
    ]
    weights = {f"w{i}": random.normal(0, 0.1, (64, 64)).astype(np.float32) for i in range(2)}
    shape = [4, 64] if rank == 2 else [1, 4, 64]
    info = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in "xy"]
    graph = helper.make_graph(
        nodes, "g", info[:1], info[1:], [constant(*pair) for pair in weights.items()]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    data = [{"x": random.normal(0.2, 1, shape).astype(np.float32)} for _ in range(40)]
    quantized = eb.quantize(model, eb.Dataset(data))
    assert any("bias_correction" in node.name for node in quantized.graph.node)
    kinds = optimized_types(quantized, tmp_path)
    assert kinds.count("QGemm") == 2
    assert not {"Gemm", "FusedGemm", "MatMul", "FusedMatMul"} & set(kinds)


@pytest.mark.parametrize(
    "attributes", [{"alpha": 0.5}, {"beta": 3.0}, {"alpha": -2.0, "beta": 0.0}]
)
def test_gemm_with_factors_runs_in_integers(tmp_path, attributes):
    model = network()
    gemm = next(node for node in model.graph.node if node.op_type == "Gemm")
    gemm.attribute.extend(helper.make_attribute(name, x) for name, x in attributes.items())
    data = samples()
    quantized = eb.quantize(model, eb.Dataset(data))
    check_everywhere(model, quantized, data)
    kinds = optimized_types(quantized, tmp_path)
    assert "QGemm" in kinds
    assert "Gemm" not in kinds


def hard_swish_spelled_out(x, y):
    n = helper.make_node
    return [
        n("Add", [x, "three"], [y + "_sum"]),
        n("Clip", [y + "_sum", "zero", "six"], [y + "_ramp"]),
        n("Mul", [x, y + "_ramp"], [y + "_product"]),
        n("Div", [y + "_product", "six"], [y]),
    ]


def swish_spelled_out(x, y):
    return [
        helper.make_node("Sigmoid", [x], [y + "_gate"]),
        helper.make_node("Mul", [x, y + "_gate"], [y]),
    ]


HARD_SWISH = {
    "swish": swish_spelled_out,
    "one op": lambda x, y: [helper.make_node("HardSwish", [x], [y], y)],
    "spelled out": hard_swish_spelled_out,
}


def hard_swish_network(spelled):
    """A pointwise, a depthwise and a pointwise convolution with hard swish and numbers between them. Channels of the first
    differ by a factor of 30 in size."""
    n = helper.make_node
    nodes = [
        n("Conv", ["x", "w1", "b1"], ["c1"], "conv1"),
        n("Mul", ["c1", "a1"], ["m1"]), n("Add", ["m1", "s1"], ["l1"]),
        *spelled("l1", "h1"),
        n("Mul", ["h1", "a2"], ["m2"]), n("Add", ["m2", "s2"], ["l2"]),
        n("Conv", ["l2", "w2", "b2"], ["c2"], "conv2", group=8, pads=[1, 1, 1, 1]),
        *spelled("c2", "h2"),
        n("Conv", ["h2", "w3", "b3"], ["c3"], "conv3"),
        n("Relu", ["c3"], ["r"]), n("GlobalAveragePool", ["r"], ["y"]),
    ]  # fmt: skip
    random = np.random.default_rng(7)

    def draw(*shape):
        return random.normal(0, 0.4, shape).astype(np.float32)

    sizes = np.geomspace(0.2, 6, 8).astype(np.float32)[:, None, None, None]

    def scalar(name, value):
        return constant(name, np.array([value], np.float32))

    initializers = [
        constant("w1", draw(8, 3, 1, 1) * sizes), constant("b1", draw(8)),
        constant("w2", draw(8, 1, 3, 3) / sizes), constant("b2", draw(8)),
        constant("w3", draw(8, 8, 1, 1)), constant("b3", draw(8)),
        scalar("a1", 1.3), scalar("s1", 0.2), scalar("a2", 0.7), scalar("s2", -0.31),
        *[constant(k, np.float32(v)) for k, v in (("three", 3), ("zero", 0), ("six", 6))],
    ]  # fmt: skip
    return model_of(nodes, [("x", [1, 3, 12, 12])], [("y", [1, 8, 1, 1])], initializers)


@pytest.mark.parametrize("spelling", HARD_SWISH)
def test_layers_with_hard_swish_run_in_integers(spelling, tmp_path):
    """Numbers that multiply and add included; and channels keep scales of their own in front of the depthwise layer."""
    model, data = hard_swish_network(HARD_SWISH[spelling]), samples(24)
    quantized = eb.quantize(model, eb.Dataset(data))
    check_everywhere(model, quantized, data, least_db=20.0)
    kinds = optimized_types(quantized, tmp_path)
    assert kinds.count("QLinearConv") == 3
    floats = {"Conv", "FusedConv", "Add", "Mul", "Clip", "Div"}
    activations = {"HardSigmoid", "HardSwish", "Sigmoid", "QuickGelu"}
    assert not (floats | activations) & set(kinds), kinds


CLIPPING = {
    "relu": lambda x, y: [helper.make_node("Relu", [x], [y])],
    "relu6": lambda x, y: [helper.make_node("Clip", [x, "zero", "six"], [y])],
}


@pytest.mark.parametrize("clipping", CLIPPING)
def test_channels_of_different_size_in_front_of_a_depthwise_layer_run_in_integers(
    clipping, tmp_path
):
    """Their scales become part of the weights on either side, as ReLU of k x is k ReLU of x."""
    n, spelled = helper.make_node, CLIPPING[clipping]
    nodes = [
        n("Conv", ["x", "w1", "b1"], ["c1"], "pointwise"), *spelled("c1", "r1"),
        n("Conv", ["r1", "w2", "b2"], ["c2"], "depthwise", group=8, pads=[1, 1, 1, 1]),
        *spelled("c2", "r2"),
        n("Conv", ["r2", "w3", "b3"], ["c3"], "last"), n("Relu", ["c3"], ["r"]),
        n("GlobalAveragePool", ["r"], ["y"]),
    ]  # fmt: skip
    random = np.random.default_rng(7)

    def draw(*shape):
        return random.normal(0, 0.4, shape).astype(np.float32)

    sizes = np.array([6, *np.geomspace(0.05, 0.4, 7)], np.float32)
    initializers = [
        constant("w1", draw(8, 3, 1, 1) * sizes[:, None, None, None]), constant("b1", draw(8) * sizes),
        constant("w2", draw(8, 1, 3, 3) / sizes[:, None, None, None]), constant("b2", draw(8)),
        constant("w3", draw(8, 8, 1, 1)), constant("b3", draw(8)),
        constant("zero", np.float32(0)), constant("six", np.float32(6)),
    ]  # fmt: skip
    model = model_of(nodes, [("x", [1, 3, 12, 12])], [("y", [1, 8, 1, 1])], initializers)
    data = samples(24)
    quantized = eb.quantize(model, eb.Dataset(data))
    check_everywhere(model, quantized, data, least_db=30.0)
    kinds = optimized_types(quantized, tmp_path)
    assert kinds.count("QLinearConv") == 3
    assert not {"Conv", "FusedConv", "Clip", "Relu"} & set(kinds), kinds


IN_FRONT = {
    "sum": [("Conv", "a w2", "b", {"pads": [1] * 4}), ("Add", "a b", "z", {})],
    "product": [("Conv", "a w2", "b", {"pads": [1] * 4}), ("Mul", "a b", "z", {})],
    "pool": [("AveragePool", "a", "z", {"kernel_shape": [2, 2]})],
    "resize": [("Resize", "a _ scales", "z", {"mode": "nearest"})],
    "convolution": [("Conv", "a w2", "b", {"pads": [1] * 4}), ("Concat", "a b", "z", {"axis": 1})],
}


@pytest.mark.parametrize("in_front", IN_FRONT)
def test_scales_by_channel_hold_in_onnx_runtime_whatever_stands_in_front(in_front):
    """Its integer kernels have one scale; where it takes the op for one of them, it refuses the model or goes wrong."""
    n = helper.make_node

    def names(text):
        return ["" if name == "_" else name for name in text.split()]

    depth = 16 if in_front == "convolution" else 8
    nodes = [
        n("Conv", ["x", "w1"], ["c"], "first", pads=[1, 1, 1, 1]), n("Relu", ["c"], ["a"]),
        *[n(kind, names(i), names(o), **attributes) for kind, i, o, attributes in IN_FRONT[in_front]],
        n("Conv", ["z", "w3"], ["d"], "depthwise", group=depth), n("Relu", ["d"], ["e"]),
        n("GlobalAveragePool", ["e"], ["y"]),
    ]  # fmt: skip
    sizes = np.array([6, *np.geomspace(0.05, 0.4, 7)], np.float32)[:, None, None, None]
    initializers = [
        constant("w1", weights(8, 3, 3, 3) * sizes), constant("w2", weights(8, 8, 3, 3) * sizes),
        constant("w3", weights(depth, 1, 3, 3)), constant("scales", np.array([1, 1, 2, 2], np.float32)),
    ]  # fmt: skip
    model = model_of(nodes, [("x", [1, 3, 12, 12])], [("y", [1, depth, 1, 1])], initializers)
    data = samples(24)
    quantized = eb.quantize(model, eb.Dataset(data), trial_run=False)
    scales = {i.name: i.dims for i in quantized.graph.initializer}
    quantizers = [node for node in quantized.graph.node if node.op_type == "QuantizeLinear"]
    assert any(len(scales[node.input[1]]) for node in quantizers)
    plain = run(quantized, data, optimized=False)
    assert sqnr(plain, run(quantized, data)) > 30


MOVED = {
    "split": [("Split", "a", "m rest", {"axis": 1})],
    "concat": [("Concat", "a a2", "m", {"axis": 1})],
    "pad": [("Pad", "a pads", "m", {"mode": "edge"})],
    "gather": [("Gather", "a places", "m", {"axis": 1})],
    "depth_to_space": [("DepthToSpace", "a", "m", {"blocksize": 2})],
    "several": [("Split", "a", "s t", {"axis": 1}), ("Concat", "t s", "m", {"axis": 1})],
}  # fmt: skip


@pytest.mark.parametrize("moved", MOVED)
def test_layers_behind_ops_that_only_move_values_run_in_integers(moved, tmp_path):
    """ONNX Runtime moves DequantizeLinear past some of them and not past others."""
    n = helper.make_node
    depth = {"split": 4, "depth_to_space": 2, "gather": 4, "concat": 16}.get(moved, 8)
    nodes = [
        n("Conv", ["x", "w1"], ["c"], "first", pads=[1, 1, 1, 1]), n("Relu", ["c"], ["a"]),
        n("Conv", ["x", "w4"], ["c2"], "beside", pads=[1, 1, 1, 1]), n("Relu", ["c2"], ["a2"]),
        *[n(kind, i.split(), o.split(), **attributes) for kind, i, o, attributes in MOVED[moved]],
        n("Conv", ["m", "w2"], ["d"], "second"), n("Relu", ["d"], ["b"]),
        n("GlobalAveragePool", ["b"], ["p"]), n("Flatten", ["p"], ["f"]),
        n("Gemm", ["f", "w3", "b3"], ["y"], "last"),
    ]  # fmt: skip
    initializers = [
        constant("w1", weights(8, 3, 3, 3)), constant("w4", weights(8, 3, 3, 3)),
        constant("w2", weights(6, depth, 3, 3)), constant("w3", weights(6, 5)), constant("b3", weights(5)),
        constant("pads", np.array([0, 0, 1, 1, 0, 0, 1, 1])), constant("places", np.array([5, 0, 3, 3])),
    ]  # fmt: skip
    model = model_of(nodes, [("x", [1, 3, 12, 12])], [("y", [1, 5])], initializers)
    data = samples(24)
    quantized = eb.quantize(model, eb.Dataset(data))
    check_everywhere(model, quantized, data)
    kinds = optimized_types(quantized, tmp_path)
    assert not {"Conv", "FusedConv", "Gemm", "MatMul", "MatMulNBits", "Concat"} & set(kinds), kinds


def unfused_network():
    """The last convolution ends in Softplus, for which there is no quantizer; the one in the middle is transposed."""
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["a"], name="first", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"], name="relu"),
        helper.make_node("ConvTranspose", ["b", "w2"], ["c"], name="transposed"),
        helper.make_node("Conv", ["c", "w3"], ["d"], name="last"),
        helper.make_node("Softplus", ["d"], ["y"], name="softplus"),
    ]
    initializers = [
        constant("w1", weights(8, 3, 3, 3)),
        constant("w2", weights(8, 8, 2, 2)),
        constant("w3", weights(4, 8, 3, 3)),
    ]
    return model_of(nodes, [("x", [1, 3, 12, 12])], [("y", [1, 4, 11, 11])], initializers)


def test_pairs_that_no_integer_kernel_takes_are_told(tmp_path):
    model = unfused_network()
    plan = eb.plan(model)
    told = {(pair.runtime, pair.node): pair.reason for pair in plan.unfused}
    assert "transposed" in told["onnxruntime", "transposed"]
    assert told["onnxruntime", "last"] == "no quantizer behind it"
    assert ("onnxruntime", "first") not in told
    assert not any(runtime == "openvino" for runtime, _ in told)
    assert "uint8" in told["tensorrt", "first"]
    assert "-> last (Conv) | onnxruntime: no quantizer behind it" in plan.text
    assert {(p["runtime"], p["node"]) for p in json.loads(plan.json)["unfused"]} == set(told)

    # What is told beforehand is what ONNX Runtime then does.
    path = tmp_path / "quantized.onnx"
    onnx.save(eb.quantize(model, eb.Dataset(samples())), path)
    inspection = eb.inspect(str(path))
    assert {layer.name for layer in inspection.unfused} == {"transposed", "last"}
    assert all(layer.precision == "f32" for layer in inspection.unfused)
    assert inspection.quantizers == 3


def test_the_floor_finds_its_layers_where_relu_became_part_of_a_quantizer():
    """The search compares groups by what they end in, which is the Relu of a layer."""
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["a"], name="first", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"], name="relu"),
        helper.make_node("Conv", ["b", "w2"], ["c"], name="second", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["d"], name="relu2"),
        helper.make_node("Add", ["b", "d"], ["e"], name="sum"),
        helper.make_node("Conv", ["e", "w3"], ["y"], name="last"),
    ]
    initializers = [
        constant("w1", weights(8, 3, 3, 3)), constant("w2", weights(8, 8, 3, 3)), constant("w3", weights(4, 8, 3, 3)),
    ]  # fmt: skip
    model = model_of(nodes, [("x", [1, 3, 12, 12])], [("y", [1, 4, 10, 10])], initializers)
    report = eb.Report()
    eb.quantize(model, eb.Dataset(samples(40)), min_sqnr_db=60, max_float_share=1, report=report)
    assert not [note for note in report.notes if "trial run failed" in note]
    assert report.trial.sqnr_f32_db >= 60 and report.trial.float_share > 0


def test_layers_whose_relu_became_part_of_a_quantizer_are_compared_behind_it():
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["a"], name="first", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"], name="relu"),
        helper.make_node("Conv", ["b", "w2"], ["y"], name="last"),
    ]
    initializers = [constant("w1", weights(8, 3, 3, 3)), constant("w2", weights(4, 8, 3, 3))]
    model = model_of(nodes, [("x", [1, 3, 12, 12])], [("y", [1, 4, 10, 10])], initializers)
    quantized = eb.quantize(model, eb.Dataset(samples()))
    assert "Relu" not in types(quantized)
    layers = {
        layer.name: layer for layer in eb.compare(model, quantized, eb.Dataset(samples())).layers
    }
    assert layers.keys() == {"first", "last"}
    assert min(layer.sqnr_db for layer in layers.values()) > 25


def test_only_rows_that_are_looked_up_are_dequantized(tmp_path):
    n = helper.make_node
    nodes = [
        n("Gather", ["table", "x"], ["e"], "look_up"),
        n("MatMul", ["e", "w"], ["y"], "product"),
    ]
    graph = helper.make_graph(
        nodes, "g",
        [helper.make_tensor_value_info("x", TensorProto.INT64, [1, 6])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 6, 4])],
        [constant("table", weights(50, 16)), constant("w", weights(16, 4))],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    data = [{"x": RNG.integers(-50, 50, (1, 6))} for _ in range(20)]
    quantized = eb.quantize(model, eb.Dataset(data))
    onnx.checker.check_model(quantized, full_check=True)
    reference = run(model, data)
    assert sqnr(reference, run(quantized, data, optimized=False)) > 30
    assert sqnr(reference, run(quantized, data)) > 30
    table = next(i for i in quantized.graph.initializer if list(i.dims) == [50, 16])
    assert table.data_type == TensorProto.INT8
    reader = [node.op_type for node in quantized.graph.node if table.name in node.input]
    assert reader == ["Gather"]


def test_the_caller_keeps_the_model_and_its_metadata():
    model = network()
    helper.set_model_props(model, {"character": "a\nb"})
    before = model.SerializeToString()
    quantized = eb.quantize(model, eb.Dataset(samples()))
    assert model.SerializeToString() == before
    properties = {p.key: p.value for p in quantized.metadata_props}
    assert properties["character"] == "a\nb"
    assert properties["eightbit.version"] == eb.__version__
    assert [i.name for i in quantized.graph.input] == ["x"]
    assert [o.name for o in quantized.graph.output] == ["y"]


def test_a_path_gives_an_onnx_model_and_openvino_gives_its_own(tmp_path):
    path = tmp_path / "m.onnx"
    onnx.save(network(), path)
    assert isinstance(eb.quantize(path, eb.Dataset(samples())), onnx.ModelProto)
    openvino = pytest.importorskip("openvino")
    assert isinstance(
        eb.quantize(path, eb.Dataset(samples()), engine=eb.Engine.OPENVINO), openvino.Model
    )


def test_weights_behind_other_nodes_and_shared_ones():
    n = helper.make_node
    nodes = [
        n("Cast", ["half"], ["w"], "cast", to=TensorProto.FLOAT),
        n("Transpose", ["w"], ["wt"], "turn", perm=[1, 0]),
        n("MatMul", ["x", "wt"], ["a"], "first"),
        n("Relu", ["a"], ["r"], "relu"),
        n("MatMul", ["r", "w"], ["y"], "second"),
    ]
    model = model_of(
        nodes,
        [("x", [4, 16])],
        [("y", [4, 16])],
        [constant("half", weights(24, 16).astype(np.float16))],
    )
    data = samples(shape=(4, 16))
    quantized = eb.quantize(model, eb.Dataset(data))
    check_everywhere(model, quantized, data)
    assert "Transpose" not in types(quantized) and "Cast" not in types(quantized)


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_other_float_types(dtype):
    w = weights(16, 16).astype(dtype)
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"], "product")]
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", kind, [4, 16])],
        [helper.make_tensor_value_info("y", kind, [4, 16])], [constant("w", w)],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    data = [{"x": item["x"].astype(dtype)} for item in samples(shape=(4, 16))]
    quantized = eb.quantize(model, eb.Dataset(data))
    onnx.checker.check_model(quantized, full_check=True)
    assert "QuantizeLinear" in types(quantized)
    reference = [r.astype(np.float64) for r in run(model, data)]
    assert sqnr(reference, [r.astype(np.float64) for r in run(quantized, data)]) > 25


@pytest.mark.parametrize("groups", [1, 3, 6])
def test_transposed_convolutions_of_groups(groups):
    """Outputs and groups lie on two axes of the weights, [groups * inputs, outputs, ...]: each pair has its scale."""
    spread = np.exp(RNG.uniform(-3, 0, (6, 2, 1, 1))).astype(np.float32)
    n = helper.make_node
    nodes = [
        n("Relu", ["x"], ["r"], "relu"),
        n("ConvTranspose", ["r", "w", "b"], ["t"], "up", group=groups, strides=[2, 2]),
        n("Conv", ["t", "v"], ["y"], "last"),
    ]
    constants = [
        constant("w", weights(6, 2, 3, 3) * spread),
        constant("b", weights(2 * groups)),
        constant("v", weights(4, 2 * groups, 1, 1)),
    ]
    model = model_of(nodes, [("x", [1, 6, 8, 8])], [("y", [1, 4, 17, 17])], constants)
    data = samples(shape=(1, 6, 8, 8))
    quantized = eb.quantize(model, eb.Dataset(data))
    check_everywhere(model, quantized, data, least_db=30)
    assert any(
        i.data_type == TensorProto.INT8 and list(i.dims) == [6, 2, 3, 3]
        for i in quantized.graph.initializer
    )


def test_softmax_of_old_models_keeps_its_meaning():
    n = helper.make_node
    nodes = [
        n("Conv", ["x", "w"], ["c"], "conv"),
        n("Softmax", ["c"], ["s"], "soft", axis=1),
        n("Squeeze", ["s"], ["y"], "squeeze", axes=[0]),
    ]
    model = model_of(
        nodes,
        [("x", [1, 3, 6, 6])],
        [("y", [4, 6, 6])],
        [constant("w", weights(4, 3, 1, 1))],
        opset=11,
    )
    data = samples(shape=(1, 3, 6, 6))
    check_everywhere(model, eb.quantize(model, eb.Dataset(data)), data, least_db=15)


def test_fp8_lifts_the_opset():
    model, data = network(13), samples()
    quantized = eb.quantize(model, eb.Dataset(data), mode=eb.QuantizationMode.FP8_E4M3)
    onnx.checker.check_model(quantized, full_check=True)
    assert quantized.opset_import[0].version >= 19
    assert sqnr(run(model, data), run(quantized, data, optimized=False)) > 10


FP8_PIECES = {
    "convolutions": [("Conv", ["a", "v"], {"pads": [1] * 4}), ("Relu", ["t0"], {})],
    "pool": [("MaxPool", ["a"], {"kernel_shape": [3, 3], "pads": [1] * 4})],
    "mean": [("AveragePool", ["a"], {"kernel_shape": [3, 3], "pads": [1] * 4}), ("Sigmoid", ["t0"], {})],
    "sum": [("Conv", ["a", "v"], {"pads": [1] * 4}), ("Add", ["t0", "a"], {}), ("Mul", ["t1", "t0"], {})],
    "join": [("Conv", ["a", "v"], {"pads": [1] * 4}), ("Concat", ["t0", "a"], {"axis": 2})],
    "turn": [("Transpose", ["a"], {"perm": [0, 1, 3, 2]}), ("MatMul", ["t0", "m"], {}), ("Softmax", ["t1"], {})],
}  # fmt: skip


@pytest.mark.parametrize("mode", ["FP8_E4M3", "FP8_E5M2"])
@pytest.mark.parametrize("piece", FP8_PIECES)
def test_fp8_runs_in_a_session_as_users_make_it(piece, mode):
    """ONNX Runtime's optimizations take FP8 between quantizers for integers, unless they are kept from it."""
    nodes = [helper.make_node("Conv", ["x", "u"], ["a"], "first", pads=[1] * 4)]
    for i, (kind, inputs, attributes) in enumerate(FP8_PIECES[piece]):
        nodes.append(helper.make_node(kind, inputs, [f"t{i}"], f"n{i}", **attributes))
    nodes.append(helper.make_node("Conv", [nodes[-1].output[0], "w"], ["y"], "last", pads=[1] * 4))
    constants = [constant("u", weights(8, 3, 3, 3)), constant("v", weights(8, 8, 3, 3)), constant("w", weights(4, 8, 3, 3)), constant("m", weights(12, 12))]  # fmt: skip
    model, data = (
        model_of(nodes, [("x", [1, 3, 12, 12])], [("y", [1, 4, None, None])], constants),
        samples(),
    )
    quantized = eb.quantize(model, eb.Dataset(data), mode=eb.QuantizationMode[mode])
    assert any(
        i.data_type in (TensorProto.FLOAT8E4M3FN, TensorProto.FLOAT8E5M2)
        for i in quantized.graph.initializer
    )
    plain = run(quantized, data, optimized=False)
    assert sqnr(run(model, data), plain) > (15 if mode == "FP8_E4M3" else 9)
    assert sqnr(plain, run(quantized, data)) > 40


def test_functions_are_seen_through():
    inner = helper.make_function(
        "own", "Product", ["a"], ["b"],
        [helper.make_node("Mul", ["a", "a"], ["t"], "square"), helper.make_node("Relu", ["t"], ["b"], "relu")],
        [helper.make_opsetid("", 17)],
    )  # fmt: skip
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["m"], "product"),
        helper.make_node("Product", ["m"], ["f"], "call", domain="own"),
        helper.make_node("MatMul", ["f", "w"], ["y"], "last"),
    ]
    model = model_of(
        nodes,
        [("x", [4, 16])],
        [("y", [4, 16])],
        [constant("w", weights(16, 16))],
        functions=[inner],
    )
    model.opset_import.append(helper.make_opsetid("own", 1))
    assert "call/square" in eb.plan(model).text + str(
        eb.inspect(model).to_json()
    ) or "Mul" in types(eb.quantize(model, eb.Dataset(samples(shape=(4, 16)))))


# External data


def external(tmp_path, location="weights.bin", **entries):
    model = network()
    raw = model.graph.initializer[0]
    (tmp_path / "weights.bin").write_bytes(raw.raw_data)
    entries = {"location": location, **entries}
    raw.ClearField("raw_data")
    raw.data_location = TensorProto.EXTERNAL
    for key, value in entries.items():
        raw.external_data.add(key=key, value=str(value))
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def test_external_data_is_read_from_the_folder(tmp_path):
    quantized = eb.quantize(external(tmp_path, offset=0), eb.Dataset(samples()))
    onnx.checker.check_model(quantized, full_check=True)


@pytest.mark.parametrize(
    "location, extra, words",
    [
        ("../weights.bin", {}, "leaves the folder"),
        ("sub/../../weights.bin", {}, "leaves the folder"),
        ("/etc/passwd", {}, "absolute"),
        ("link.bin", {}, "symbolic link"),
        ("folder/weights.bin", {}, "symbolic link"),
        ("hard.bin", {}, "hard link"),
        ("none.bin", {}, "none.bin"),
        ("weights.bin", {"offset": 100}, "bytes 100 to"),
        ("weights.bin", {"offset": 2**64 - 1}, "bytes"),
        ("weights.bin", {"length": 12}, "declares 12"),
        ("weights.bin", {"offset": "x"}, "no number"),
        (".", {}, "plain file"),
    ],
)
def test_external_data_elsewhere_is_refused(tmp_path, location, extra, words):
    path = external(tmp_path, location, **extra)
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "weights.bin").write_bytes((tmp_path / "weights.bin").read_bytes())
    os.symlink(tmp_path / "real", tmp_path / "folder")
    os.symlink(tmp_path / "weights.bin", tmp_path / "link.bin")
    os.link(tmp_path / "real" / "weights.bin", tmp_path / "hard.bin")
    with pytest.raises((eb.ModelError, eb.FileError), match=words):
        eb.plan(path)


def test_a_model_in_memory_has_no_folder(tmp_path):
    model = onnx.load(external(tmp_path), load_external_data=False)
    with pytest.raises(eb.InvalidArgument, match="path"):
        eb.plan(model)


# Broken models


def broken(change):
    model = network()
    change(model)
    return model


def nested(depth):
    graph = b""
    for _ in range(depth):
        # AttributeProto{name "b", type GRAPH, g}, in a NodeProto, in a GraphProto, by hand: too deep for Python's own.
        attribute = b"\x0a\x01b\xa0\x01\x05\x32" + varint(len(graph)) + graph
        node = b"\x22\x02If\x2a" + varint(len(attribute)) + attribute
        graph = b"\x0a" + varint(len(node)) + node
    return b"\x08\x08\x3a" + varint(len(graph)) + graph


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + bytes([value]))


def cycle(model):
    model.graph.node[1].input[0] = "a"


def twice(model):
    model.graph.node[1].output[0] = "c1"


def missing(model):
    del model.graph.initializer[0]


def open_ended(model):
    del model.graph.node[0].input[1:]


def future(model):
    model.opset_import[0].version = 999


def no_standard(model):
    model.opset_import[0].domain = "elsewhere"


def no_outputs(model):
    del model.graph.output[:]


def short(model):
    model.graph.initializer[0].raw_data = b"123"


def negative(model):
    model.graph.initializer[0].dims[0] = -8


def huge(model):
    model.graph.initializer[0].dims[0] = 2**60


@pytest.mark.parametrize(
    "change, words",
    [
        (cycle, "depends on its own output"), (twice, "'c1' is yielded twice"), (missing, "reads 'w1'"),
        (future, "version 999"), (no_standard, "none of the standard operators"), (no_outputs, "no graph with outputs"),
        (open_ended, "1 inputs and 1 outputs"), (short, "3 bytes"), (negative, "impossible shape"), (huge, "impossible shape"),
    ],
)  # fmt: skip
def test_broken_models_are_refused_at_once(change, words):
    start = time.monotonic()
    with pytest.raises(eb.ModelError, match=words):
        eb.plan(broken(change))
    assert time.monotonic() - start < 2


@pytest.mark.parametrize("keep", [0, 1, 7, 100, 1500])
def test_truncated_files_are_refused(tmp_path, keep):
    path = tmp_path / "m.onnx"
    path.write_bytes(network().SerializeToString()[:keep])
    with pytest.raises(eb.ModelError, match=r"m\.onnx"):
        eb.plan(path)


def test_random_bytes_are_refused(tmp_path):
    path = tmp_path / "m.onnx"
    for seed in range(50):
        path.write_bytes(np.random.default_rng(seed).bytes(1 + 40 * seed))
        with pytest.raises(eb.ModelError, match=r"m\.onnx"):
            eb.plan(path)


def test_deep_nesting_is_refused_at_once(tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(nested(10_000))
    start = time.monotonic()
    with pytest.raises(eb.ModelError, match="deep"):
        eb.plan(path)
    assert time.monotonic() - start < 2


@pytest.mark.parametrize("bias", ["w1", "m"])
def test_a_bias_of_another_size_is_refused(bias):
    model = network()
    model.graph.node[2].input.append(bias)
    model.graph.initializer[5].CopyFrom(constant("m", weights(3)))
    with pytest.raises(eb.ModelError):
        eb.plan(model)


def test_names_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(broken(missing).SerializeToString().replace(b"conv1", b"conv\xf2"))
    with pytest.raises(eb.ModelError, match="reads 'w1'"):
        eb.plan(path)


BAD_FILES = {
    **{
        change.__name__: change
        for change in (
            cycle,
            twice,
            missing,
            open_ended,
            future,
            no_standard,
            no_outputs,
            short,
            huge,
        )
    },
    "truncated": lambda model: network().SerializeToString()[:1500],
    "random": lambda model: np.random.default_rng(2).bytes(100_000),
    "nested": lambda model: nested(10_000),
}


# A program's peak counts that of the process which started it, so a small one does.
MEASURED = """
import json, os, sys
_, status, used = os.wait4(os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ), 0)
print(json.dumps([os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, used.ru_maxrss]))
"""


@pytest.mark.parametrize("name", BAD_FILES)
def test_the_command_line_refuses_with_one_line_and_writes_nothing(cli, tmp_path, name):
    model = network()
    content = BAD_FILES[name](model) or model.SerializeToString()
    (tmp_path / "m.onnx").write_bytes(content)
    np.savez(tmp_path / "data.npz", x=samples(1)[0]["x"])
    before = sorted(tmp_path.iterdir())
    command = [cli, "quantize", "m.onnx", "--data", "data.npz", "-o", "out.onnx"]
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *command],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    *lines, measured = done.stdout.splitlines()
    exit_status, seconds, kilobytes = json.loads(measured)
    assert exit_status > 0 and len(lines) == 1 and "error: [" in lines[0], lines
    assert seconds < 2
    assert kilobytes < 200 << 10
    assert sorted(tmp_path.iterdir()) == before


THREADS = """
import os, sys
import eightbit as eb
before = len(os.listdir("/proc/self/task"))
eb.plan(sys.argv[1])
print(len(os.listdir("/proc/self/task")) - before)
"""


def test_onnxruntime_sends_nothing_and_leaves_no_thread(tmp_path):
    onnx.save(network(), tmp_path / "m.onnx")
    done = subprocess.run(
        [sys.executable, "-c", THREADS, tmp_path / "m.onnx"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "0\n"


def quantize_there(cli, folder, *options, largest_file=None):
    """The command line on a model of two files; with files above `largest_file` bytes refused, as on a full disk."""
    external(folder)
    np.savez(folder / "data.npz", x=np.concatenate([sample["x"] for sample in samples(2)]))
    limit = largest_file and (
        lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    )
    before = {path.name: os.lstat(path).st_ino for path in folder.iterdir()}
    command = [cli, "quantize", "m.onnx", "--data", "data.npz", "-o", "out.onnx", *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, preexec_fn=limit)
    after = {path.name: os.lstat(path).st_ino for path in folder.iterdir()}
    return done, before, after


def test_a_full_disk_leaves_nothing(cli, tmp_path):
    done, before, after = quantize_there(
        cli, tmp_path, "--disable-bias-correction", "--no-trial-run", largest_file=1000
    )
    assert done.returncode == 2, done.stderr
    assert "could not write 'out.onnx'" in done.stderr.splitlines()[-1]
    assert after == before


def test_a_full_disk_leaves_the_old_model(cli, tmp_path):
    (tmp_path / "out.onnx").write_text("old")
    done, before, after = quantize_there(
        cli, tmp_path, "--force", "--disable-bias-correction", largest_file=1000
    )
    assert done.returncode == 2 and after == before
    assert (tmp_path / "out.onnx").read_text() == "old"


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_a_link_in_the_place_of_the_output_is_not_followed(cli, tmp_path, link):
    (tmp_path / "mine").write_text("mine")
    link(tmp_path / "mine", tmp_path / "out.onnx")
    done, before, after = quantize_there(cli, tmp_path)
    assert done.returncode == 2 and "--force" in done.stderr and after == before
    done, _, _ = quantize_there(cli, tmp_path, "--force")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "mine").read_text() == "mine"
    assert not (tmp_path / "out.onnx").is_symlink()
    onnx.checker.check_model(onnx.load(tmp_path / "out.onnx"), full_check=True)


def test_a_long_chain_is_read_in_seconds():
    nodes, initializers = [], [constant("w", weights(8, 8))]
    for i in range(10_000):
        nodes.append(
            helper.make_node(
                "Relu" if i % 2 else "MatMul",
                [f"t{i}"] + ["w"] * (1 - i % 2),
                [f"t{i + 1}"],
                f"n{i}",
            )
        )
    model = model_of(nodes, [("t0", [4, 8])], [("t10000", [4, 8])], initializers)
    start = time.monotonic()
    assert eb.plan(model).weight_quantizers >= 1
    assert time.monotonic() - start < 20
