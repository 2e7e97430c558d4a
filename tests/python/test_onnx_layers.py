"""Layers and element types beyond plain networks: recurrent layers, normalizations, attention, ONNX Runtime's own ops, f64 and
bf16. Each is quantized around, and inside where there is something to quantize, and every runtime agrees."""

import eightbit as eb
import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")
from onnx import TensorProto, helper, numpy_helper

MICROSOFT = "com.microsoft"


def weight(seed, *shape, fan_in=None):
    return (
        np.random.default_rng(seed)
        .normal(0, 1 / np.sqrt(fan_in or shape[0]), shape)
        .astype(np.float32)
    )


def node(kind, inputs, output, name=None, **attributes):
    return helper.make_node(kind, inputs.split(), [output], name, **attributes)


def model_of(nodes, constants, shape, opset=17, kind=TensorProto.FLOAT):
    """From x to y."""
    x = helper.make_tensor_value_info("x", kind, shape)
    y = helper.make_tensor_value_info("y", kind, [None] * len(shape))
    tensors = [
        numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()
    ]
    graph = helper.make_graph(nodes, "g", [x], [y], tensors)
    imports = [helper.make_opsetid("", opset), helper.make_opsetid(MICROSOFT, 1)]
    return helper.make_model(
        graph, opset_imports=imports, ir_version=8 if opset < 21 else 10 if opset < 23 else 11
    )


def between(*inner, shape=(2, 6, 16), opset=17, **constants):
    """A product, what is to be looked at, from a to b, and another product."""
    nodes = [node("MatMul", "x w1", "a", "first"), *inner, node("MatMul", "b w2", "y", "last")]
    return model_of(
        nodes, {"w1": weight(1, 16, 16), "w2": weight(2, 16, 16), **constants}, shape, opset
    )


def between_convolutions(*inner, opset=17, **constants):
    nodes = [
        node("Conv", "x w1", "a", "first", pads=[1] * 4),
        *inner,
        node("Relu", "b", "r"),
        node("Conv", "r w2", "y", "last"),
    ]
    weights = {"w1": weight(1, 8, 3, 3, 3, fan_in=27), "w2": weight(2, 4, 8, 1, 1, fan_in=8)}
    return model_of(nodes, {**weights, **constants}, (1, 3, 8, 8), opset)


def recurrent(kind, gates, **attributes):
    """Over 5 steps of 2 sequences; W, R and B."""
    both = attributes.get("direction") == "bidirectional"
    size, ways = (8, 2) if both else (16, 1)
    layer = node(kind, "a w r bias", "t", "layer", hidden_size=size, **attributes)
    ends = [
        node("Transpose", "t", "turned", perm=[0, 2, 1, 3]),
        node("Reshape", "turned rows", "b"),
    ]
    constants = {
        "w": weight(3, ways, gates * size, 16, fan_in=16), "r": weight(4, ways, gates * size, size, fan_in=16),
        "bias": weight(5, ways, 2 * gates * size, fan_in=16), "rows": np.array([5, 2, 16]),
    }  # fmt: skip
    return between(layer, *ends, shape=(5, 2, 16), **constants)


def own(kind, inputs, name="inner", **attributes):
    return node(kind, inputs, "b", name, domain=MICROSOFT, **attributes)


def attention(layer, opset=17, **constants):
    nodes = [
        *[node("MatMul", f"x w{k}", k, f"to_{k}") for k in "qkv"],
        layer,
        node("MatMul", "b w2", "y", "last"),
    ]
    weights = {f"w{k}": weight(ord(k), 16, 16) for k in "qkv2"}
    return model_of(nodes, {**weights, **constants}, (2, 6, 16), opset)


SCALE = {"scale": weight(6, 16, fan_in=16) + 1}
SHIFT = {"shift": weight(7, 16)}
CHANNELS = {"scale": weight(6, 8, fan_in=16) + 1, "shift": weight(7, 8)}

FIRST_LAST = {"first", "last"}
QKV = {"to_q", "to_k", "to_v", "last"}
# Model, and the layers whose weights are quantized.
LAYERS = {
    "LSTM": (lambda: recurrent("LSTM", 4), FIRST_LAST),
    "LSTM, both ways": (lambda: recurrent("LSTM", 4, direction="bidirectional"), FIRST_LAST),
    "GRU": (lambda: recurrent("GRU", 3), FIRST_LAST),
    "GRU, linear before reset": (lambda: recurrent("GRU", 3, linear_before_reset=1), FIRST_LAST),
    "RNN": (lambda: recurrent("RNN", 1), FIRST_LAST),
    "LayerNormalization": (lambda: between(node("LayerNormalization", "a scale shift", "b"), **SCALE, **SHIFT), FIRST_LAST),
    "RMSNormalization": (lambda: between(node("RMSNormalization", "a scale", "b"), opset=23, **SCALE), FIRST_LAST),
    "InstanceNormalization": (lambda: between_convolutions(node("InstanceNormalization", "a scale shift", "b"), **CHANNELS), FIRST_LAST),
    "GroupNormalization": (
        lambda: between_convolutions(node("GroupNormalization", "a scale shift", "b", num_groups=4), opset=21, **CHANNELS), FIRST_LAST,
    ),
    "Attention": (lambda: attention(node("Attention", "q k v", "b", q_num_heads=2, kv_num_heads=2), opset=23), QKV),
    "own FusedMatMul": (lambda: between(own("FusedMatMul", "a w3", alpha=0.5, transB=1), w3=weight(8, 16, 16)), FIRST_LAST | {"inner"}),
    "own FusedGemm": (
        lambda: between(own("FusedGemm", "a w3 shift", activation="Relu"), shape=(6, 16), w3=weight(8, 16, 16), **SHIFT),
        FIRST_LAST | {"inner"},
    ),
    "own FusedConv": (
        lambda: between_convolutions(own("FusedConv", "a w3 shift", activation="Relu", pads=[1] * 4), w3=weight(8, 8, 8, 3, 3, fan_in=72), shift=weight(7, 8)),
        FIRST_LAST | {"inner"},
    ),
    "own FusedConv with a sum": (
        lambda: between_convolutions(
            node("Sigmoid", "a", "s"), own("FusedConv", "a w3 shift s", activation="Relu", pads=[1] * 4),
            w3=weight(8, 8, 8, 3, 3, fan_in=72), shift=weight(7, 8),
        ),
        FIRST_LAST | {"inner"},
    ),
    "own Gelu": (lambda: between(own("Gelu", "a")), FIRST_LAST),
    "own BiasGelu": (lambda: between(own("BiasGelu", "a shift"), **SHIFT), FIRST_LAST),
    "own FastGelu": (lambda: between(own("FastGelu", "a shift"), **SHIFT), FIRST_LAST),
    "own QuickGelu": (lambda: between(own("QuickGelu", "a")), FIRST_LAST),
    "own SkipLayerNormalization": (
        lambda: between(own("SkipLayerNormalization", "a x scale shift more"), more=weight(9, 16), **SCALE, **SHIFT), FIRST_LAST,
    ),
    "own SkipSimplifiedLayerNormalization": (lambda: between(own("SkipSimplifiedLayerNormalization", "a x scale"), **SCALE), FIRST_LAST),
    "own Attention": (
        lambda: between(own("Attention", "a wqkv bias", num_heads=2), wqkv=weight(8, 16, 48), bias=weight(9, 48)), FIRST_LAST,
    ),
    "own MultiHeadAttention": (lambda: attention(own("MultiHeadAttention", "q k v bias", num_heads=2), bias=weight(9, 48)), QKV),
}  # fmt: skip


def samples(model, count=8, dtype=np.float32):
    random = np.random.default_rng(4)
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
    return [{"x": random.standard_normal(shape).astype(dtype)} for _ in range(count)]


def run(model, data, optimized=True):
    options = ort.SessionOptions()
    options.log_severity_level = 3
    if not optimized:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return np.stack([session.run(None, sample)[0].astype(np.float64) for sample in data])


def in_openvino(model, data):
    """Without its generated kernels, which are wrong for chains of quantized products (docs/runtime_faults.md): the file is right."""
    openvino = pytest.importorskip("openvino")
    core = openvino.Core()
    compiled = core.compile_model(
        core.read_model(model.SerializeToString()),
        "CPU",
        {"INFERENCE_PRECISION_HINT": "f32", "SNIPPETS_MODE": "DISABLE"},
    )
    return np.stack([compiled(sample)[0] for sample in data])


def error(expected, got):
    return np.linalg.norm(expected - got) / np.linalg.norm(expected)


def check(model, quantized, data):
    onnx.checker.check_model(
        quantized, full_check=all(n.domain != MICROSOFT for n in quantized.graph.node)
    )
    plain = run(quantized, data, optimized=False)
    assert error(run(model, data), plain) < 0.1
    assert error(plain, run(quantized, data)) < 0.01
    return plain


def dequantized_weights(model):
    """Names of the nodes that read them."""
    stored = {i.name for i in model.graph.initializer if i.data_type == TensorProto.INT8}
    weights = {
        o
        for n in model.graph.node
        if n.op_type == "DequantizeLinear" and n.input[0] in stored
        for o in n.output
    }
    return {n.name for n in model.graph.node if weights & set(n.input)}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_and_what_is_around_them(name):
    build, layers = LAYERS[name]
    model = build()
    data = samples(model)
    quantized = eb.quantize(model, eb.Dataset(data), trial_run=False)
    assert dequantized_weights(quantized) == layers
    plain = check(model, quantized, data)
    assert error(plain, in_openvino(quantized, data)) < 0.01


@pytest.mark.parametrize("name", ["LSTM", "GRU"])
def test_the_plan_says_that_recurrent_layers_compute_in_floats(name):
    """ONNX Runtime has no integer kernel for them, and OpenVINO takes no dequantized weights there."""
    assert "float layer | the runtime computes it in floats" in eb.plan(LAYERS[name][0]()).text


def product(kind, dtype):
    nodes = [
        node("MatMul", "x w1", "a", "first"),
        node("Relu", "a", "b"),
        node("MatMul", "b w2", "y", "last"),
    ]
    return model_of(
        nodes, {f"w{k}": weight(k, 16, 16).astype(dtype) for k in (1, 2)}, (4, 16), kind=kind
    )


def convolution(kind, dtype):
    nodes = [
        node("Conv", "x w1", "a", "first", pads=[1] * 4),
        node("Relu", "a", "b"),
        node("Conv", "b w2", "y", "last"),
    ]
    weights = {
        "w1": weight(1, 8, 3, 3, 3, fan_in=27).astype(dtype),
        "w2": weight(2, 4, 8, 1, 1, fan_in=8).astype(dtype),
    }
    return model_of(nodes, weights, (1, 3, 8, 8), kind=kind)


@pytest.mark.parametrize("build", [product, convolution])
def test_half_floats(build):
    model = build(TensorProto.FLOAT16, np.float16)
    data = samples(model, dtype=np.float16)
    quantized = eb.quantize(model, eb.Dataset(data), trial_run=False)
    assert dequantized_weights(quantized) == FIRST_LAST
    plain = check(model, quantized, data)
    assert error(plain, in_openvino(quantized, data)) < 0.02


def test_double_where_onnx_runtime_computes_in_it():
    model = product(TensorProto.DOUBLE, np.float64)
    data = samples(model, dtype=np.float64)
    quantized = eb.quantize(model, eb.Dataset(data), trial_run=False)
    check(model, quantized, data)
    stored = [i.data_type for i in quantized.graph.initializer if list(i.dims) == [16, 16]]
    assert stored == [TensorProto.INT8] * 2


def test_weights_in_bf16_behind_casts():
    bf16 = pytest.importorskip("ml_dtypes").bfloat16
    nodes = [
        node("Cast", "v1", "w1", to=TensorProto.FLOAT), node("MatMul", "x w1", "a", "first"), node("Relu", "a", "b"),
        node("Cast", "v2", "w2", to=TensorProto.FLOAT), node("MatMul", "b w2", "y", "last"),
    ]  # fmt: skip
    model = model_of(nodes, {f"v{k}": weight(k, 16, 16).astype(bf16) for k in (1, 2)}, (4, 16))
    data = samples(model)
    quantized = eb.quantize(model, eb.Dataset(data), trial_run=False)
    assert dequantized_weights(quantized) == FIRST_LAST
    plain = check(model, quantized, data)
    assert error(plain, in_openvino(quantized, data)) < 0.01


def computing_in_bf16():
    bf16 = pytest.importorskip("ml_dtypes").bfloat16
    inner = [
        node("MatMul", "half w1", "a", "first"),
        node("Relu", "a", "b"),
        node("MatMul", "b w2", "c", "last"),
    ]
    nodes = [
        node("Cast", "x", "half", to=TensorProto.BFLOAT16),
        *inner,
        node("Cast", "c", "y", to=TensorProto.FLOAT),
    ]
    return model_of(nodes, {f"w{k}": weight(k, 16, 16).astype(bf16) for k in (1, 2)}, (4, 16))


@pytest.mark.parametrize(
    "build",
    [computing_in_bf16, lambda: convolution(TensorProto.DOUBLE, np.float64)],
    ids=["bf16", "f64"],
)
def test_what_onnx_runtime_can_not_compute_is_an_error_that_says_what_to_do(build):
    model = build()
    with pytest.raises(eb.ModelError, match="convert the model to f32"):
        eb.quantize(model, eb.Dataset(samples(model)), trial_run=False)


def test_openvino_quantizes_what_computes_in_bf16(tmp_path):
    openvino, model = pytest.importorskip("openvino"), computing_in_bf16()
    onnx.save(model, tmp_path / "model.onnx")
    data = samples(model)
    quantized = eb.quantize(
        tmp_path / "model.onnx", eb.Dataset(data), engine=eb.Engine.OPENVINO, trial_run=False
    )
    assert "FakeQuantize" in {op.get_type_name() for op in quantized.get_ops()}
    original = openvino.Core().read_model(tmp_path / "model.onnx")
    expected, got = (
        np.stack([compiled(sample)[0] for sample in data])
        for compiled in (
            openvino.compile_model(m, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
            for m in (original, quantized)
        )
    )
    assert error(expected, got) < 0.1


@pytest.mark.parametrize("shape", [(1, 16, 16), (2, 16, 16), (1, 1, 16, 16)], ids=str)
@pytest.mark.parametrize("rows", [(2, 6, 16), (6, 16)], ids=str)
def test_a_weight_of_more_than_two_axes(shape, rows):
    """ONNX Runtime takes scales of columns with matrices alone."""
    inner = [node("MatMul", "a w", "t", "inner"), node("Relu", "t", "b")]
    model = between(*inner, shape=rows, w=weight(3, *shape, fan_in=16))
    rank = max(len(shape), len(rows))
    model.graph.output[0].CopyFrom(
        helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * rank)
    )
    random = np.random.default_rng(8)
    data = [{"x": random.normal(size=rows).astype(np.float32)} for _ in range(12)]
    quantized = eb.quantize(model, eb.Dataset(data), trial_run=False)
    onnx.checker.check_model(quantized, full_check=True)
    before, after = (
        ort.InferenceSession(m.SerializeToString(), providers=["CPUExecutionProvider"])
        for m in (model, quantized)
    )
    noise = signal = 0.0
    for sample in data:
        a, b = before.run(None, sample)[0], after.run(None, sample)[0]
        assert a.shape == b.shape
        noise, signal = noise + np.sum((a - b) ** 2), signal + np.sum(a * a)
    assert 10 * np.log10(signal / noise) > 30
    stored = [t.dims for t in quantized.graph.initializer if t.name == "inner/weights_1/quantized"]
    squeezed = np.prod(shape[:-2]) == 1 and len(rows) >= len(shape)
    assert [list(dims) for dims in stored] == [[16, 16] if squeezed else list(shape)]
