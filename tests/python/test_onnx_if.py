"""Branches of If in ONNX models: measured where samples take them, quantized inside, and the same as in OpenVINO's IR."""

import json

import eightbit as eb
import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")
from onnx import TensorProto, helper, numpy_helper

SHAPE = [1, 8, 12, 12]


def weight(seed, *shape):
    fan_in = np.prod(shape[1:]) if len(shape) > 1 else 1
    return np.random.default_rng(seed).normal(0, 1 / np.sqrt(fan_in), shape).astype(np.float32)


def constants(**arrays):
    return [numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items()]


def value(name, shape=None, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def node(kind, inputs, outputs, name=None, **attributes):
    return helper.make_node(kind, inputs.split(), outputs.split(), name, **attributes)


def conv(x, w, y, bias=""):
    return node("Conv", f"{x} {w} {bias}".strip(), y, f"conv_{w}", pads=[1] * 4)


def branch(nodes, outputs, initializers=()):
    """`outputs`: names and shapes."""
    return helper.make_graph(
        nodes, "branch", [], [value(n, s) for n, s in outputs.items()], list(initializers)
    )


def choose(condition, outputs, then, other, name=None):
    return node("If", condition, outputs, name, then_branch=then, else_branch=other)


def model_of(
    nodes, outputs, initializers=(), conditions=("first", "second"), shape=SHAPE, opset=17
):
    inputs = [value("x", shape), *[value(c, [], TensorProto.BOOL) for c in conditions]]
    graph = helper.make_graph(
        nodes, "g", inputs, [value(n, s) for n, s in outputs.items()], list(initializers)
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


WEIGHTS = {f"w{name}": weight(k, 8, 8, 3, 3) for k, name in enumerate("abcd")}


def nested(inside=True):
    """first: a and b; else: in a branch of its own c, or d without second. The inner branches use the same names."""

    def own(*names):
        return constants(**{name: WEIGHTS[name] for name in names}) if inside else ()

    def one(name):
        return branch([conv("x", name, "t"), node("Relu", "t", "o")], {"o": SHAPE}, own(name))

    then = branch(
        [
            conv("x", "wa", "a"),
            node("Relu", "a", "r"),
            conv("r", "wb", "b"),
            node("Relu", "b", "y1"),
        ],
        {"y1": SHAPE},
        own("wa", "wb"),
    )
    other = branch([choose("second", "y2", one("wc"), one("wd"))], {"y2": SHAPE})
    return model_of(
        [choose("first", "y", then, other)], {"y": SHAPE}, () if inside else constants(**WEIGHTS)
    )


def shared_weights():
    """One weight is read by both branches and outside, another behind a Transpose by both."""
    then = branch(
        [conv("r", "wa", "t"), node("Relu", "t", "u"), conv("u", "wt", "y1")], {"y1": SHAPE}
    )
    other = branch(
        [conv("r", "wt", "t"), node("Sigmoid", "t", "u"), conv("u", "wa", "y2")], {"y2": SHAPE}
    )
    nodes = [
        node("Transpose", "wb", "wt", perm=[1, 0, 2, 3]),
        conv("x", "wa", "c"),
        node("Relu", "c", "r"),
        choose("first", "z", then, other),
        node("Relu", "z", "s"),
        conv("s", "wc", "y"),
    ]
    return model_of(
        nodes,
        {"y": SHAPE},
        constants(wa=WEIGHTS["wa"], wb=WEIGHTS["wb"], wc=WEIGHTS["wc"]),
        ["first"],
    )


def shapes_that_differ():
    """Ranks are alike, extents are not; one branch pools, and behind the If stands a layer for any extent."""
    then = branch(
        [conv("x", "wa", "t"), node("MaxPool", "t", "y1", kernel_shape=[2, 2], strides=[2, 2])],
        {"y1": [1, 8, 6, 6]},
    )
    other = branch([conv("x", "wb", "t"), node("Relu", "t", "y2")], {"y2": SHAPE})
    nodes = [choose("first", "z", then, other), conv("z", "wc", "c"), node("Relu", "c", "y")]
    return model_of(
        nodes,
        {"y": [1, 8, "h", "w"]},
        constants(wa=WEIGHTS["wa"], wb=WEIGHTS["wb"], wc=WEIGHTS["wc"]),
        ["first"],
    )


def several_outputs():
    """One branch hands on what it reads, and yields one tensor twice; the other has a batch normalization and a bias."""
    norm = constants(
        g=weight(11, 8) + 2, h=weight(12, 8), m=weight(13, 8), v=np.abs(weight(14, 8)) + 1
    )
    then = branch(
        [node("Identity", "r", "p1"), conv("r", "wa", "q1"), node("Identity", "q1", "s1")],
        {"p1": SHAPE, "q1": SHAPE, "s1": SHAPE},
    )
    other = branch(
        [
            conv("r", "wb", "t"),
            node("BatchNormalization", "t g h m v", "p2"),
            conv("p2", "wc", "c", "bias"),
            node("Relu", "c", "q2"),
            node("Mul", "q2 half", "s2"),
        ],
        {"p2": SHAPE, "q2": SHAPE, "s2": SHAPE},
        [*norm, *constants(bias=weight(15, 8), half=np.float32(0.5))],
    )
    nodes = [
        node("Relu", "x", "r"),
        choose("first", "p q s", then, other),
        node("Add", "p q", "a"),
        conv("a", "wd", "d"),
        node("Add", "d s", "y"),
    ]
    return model_of(nodes, {"y": SHAPE}, constants(**WEIGHTS), ["first"])


def products():
    """Of a matrix and with hard swish between them."""
    then = branch(
        [
            node("MatMul", "x wm", "t"),
            node("Add", "t bm", "u"),
            node("HardSwish", "u", "h"),
            node("MatMul", "h wn", "y1"),
        ],
        {"y1": [4, 16]},
    )
    other = branch([node("Gemm", "x wn bm", "t", "gemm"), node("Tanh", "t", "y2")], {"y2": [4, 16]})
    initializers = constants(wm=weight(21, 16, 16), wn=weight(22, 16, 16), bm=weight(23, 16))
    return model_of(
        [choose("first", "y", then, other)], {"y": [4, 16]}, initializers, ["first"], shape=[4, 16]
    )


def constant_result():
    """One branch yields what is stored in it."""
    then = branch([], {"k": SHAPE}, constants(k=weight(31, *SHAPE) * 30))
    other = branch([conv("x", "wa", "t"), node("Relu", "t", "o")], {"o": SHAPE})
    nodes = [choose("first", "z", then, other), conv("z", "wb", "y")]
    return model_of(nodes, {"y": SHAPE}, constants(wa=WEIGHTS["wa"], wb=WEIGHTS["wb"]), ["first"])


NETWORKS = {
    "nested": nested,
    "weights outside": lambda: nested(inside=False),
    "shared weights": shared_weights,
    "shapes that differ": shapes_that_differ,
    "several outputs": several_outputs,
    "products": products,
    "constant result": constant_result,
}
AB, C, D = (True, True), (False, True), (False, False)


def samples(model, *ways, count=6):
    random = np.random.default_rng(9)
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
    names = [i.name for i in model.graph.input[1:]]
    return [
        {
            "x": (random.standard_normal(shape) * (1 + k)).astype(np.float32),
            **{n: np.array(c) for n, c in zip(names, way, strict=False)},
        }
        for k, way in enumerate(ways)
        for _ in range(count)
    ]


def run(model, sample, optimized=True):
    options = ort.SessionOptions()
    options.log_severity_level = 3
    if not optimized:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    ).run(None, sample)[0]


def in_openvino(model, sample):
    openvino = pytest.importorskip("openvino")
    core = openvino.Core()
    return core.compile_model(
        core.read_model(model.SerializeToString()), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )(sample)[0]


def error(expected, got):
    assert expected.shape == got.shape
    return np.linalg.norm(expected - got) / np.linalg.norm(expected)


def all_graphs(graph):
    yield graph
    for one in graph.node:
        for attribute in one.attribute:
            if attribute.HasField("g"):
                yield from all_graphs(attribute.g)


def quantized_layers(model):
    """Which convolutions and products read dequantized weights, in all branches."""
    found = {}
    for graph in all_graphs(model.graph):
        dequantized = {o for n in graph.node if n.op_type == "DequantizeLinear" for o in n.output}
        found |= {
            n.name: n.input[1] in dequantized
            for n in graph.node
            if n.op_type in ("Conv", "MatMul", "Gemm")
        }
    return found


@pytest.mark.parametrize("name", NETWORKS)
def test_every_branch_is_quantized_and_every_runtime_agrees(name):
    model = NETWORKS[name]()
    data = samples(model, AB, C, D)
    quantized = eb.quantize(model, eb.Dataset(data), trial_run=False)
    onnx.checker.check_model(quantized, full_check=True)
    layers = quantized_layers(quantized)
    assert layers and all(layers.values()), layers
    for sample in data[::6]:
        expected, plain = run(model, sample), run(quantized, sample, optimized=False)
        assert error(expected, plain) < 0.08
        assert error(plain, run(quantized, sample)) < 0.02
        assert error(plain, in_openvino(quantized, sample)) < 0.02


def ranges(model, data, **options):
    """(low..., high...) of every quantizer of a plan, of activations and of weights."""
    report = eb.Report()
    advanced = eb.AdvancedQuantizationParameters(
        disable_bias_correction=True, overflow_fix=eb.OverflowFix.DISABLE
    )
    eb.quantize(
        model,
        eb.Dataset(data),
        report=report,
        advanced_parameters=advanced,
        **options,
        trial_run=False,
    )
    found = {False: [], True: []}
    for quantizer in json.loads(report.plan_json)["quantizers"]:
        found[quantizer["weight"]].append((*quantizer["low"], *quantizer["high"]))
    return {kind: sorted(values, key=lambda v: (len(v), v)) for kind, values in found.items()}


@pytest.mark.parametrize("recipe", ["NNCF", "EIGHTBIT"])
@pytest.mark.parametrize(
    "name", [n for n in NETWORKS if n != "products"]
)  # hard swish: the runtimes' kernels differ
def test_the_same_quantizers_as_in_ir(name, recipe, tmp_path):
    openvino = pytest.importorskip("openvino")
    model = NETWORKS[name]()
    data, options = samples(model, AB, C, D), {"recipe": getattr(eb.Recipe, recipe)}
    onnx.save(model, tmp_path / "model.onnx")
    a, b = (
        ranges(model, data, **options),
        ranges(openvino.convert_model(tmp_path / "model.onnx"), data, **options),
    )
    for kind in (False, True):
        assert [len(v) for v in a[kind]] == [len(v) for v in b[kind]]
        assert a[kind]
        for first, second in zip(a[kind], b[kind], strict=True):
            np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-4 * max(map(abs, first)))


def test_layers_in_branches_run_in_integers(tmp_path):
    """Where a quantizer stands behind them, as everywhere in ONNX Runtime."""
    model = nested()
    quantized = eb.quantize(model, eb.Dataset(samples(model, AB, C, D)), trial_run=False)
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    ort.InferenceSession(quantized.SerializeToString(), options, providers=["CPUExecutionProvider"])
    kinds = [
        n.op_type
        for graph in all_graphs(onnx.load(options.optimized_model_filepath).graph)
        for n in graph.node
    ]
    assert kinds.count("QLinearConv") == 1, kinds  # a; the others end their branch


@pytest.mark.parametrize("inside", [True, False])
def test_what_a_branch_alone_needs_stands_in_it(inside):
    """Also weights that stood outside, so that a runtime can prepare them."""
    model = nested(inside)
    quantized = eb.quantize(model, eb.Dataset(samples(model, AB, C, D)), trial_run=False)
    assert not quantized.graph.initializer
    assert [n.op_type for n in quantized.graph.node] == ["If"]
    weights = [
        i
        for graph in all_graphs(quantized.graph)
        for i in graph.initializer
        if list(i.dims) == [8, 8, 3, 3]
    ]
    assert [i.data_type for i in weights] == [TensorProto.INT8] * 4


def test_names_are_unique_over_all_branches():
    for build in NETWORKS.values():
        model = build()
        quantized = eb.quantize(model, eb.Dataset(samples(model, AB, C, D)), trial_run=False)
        names = [i.name for graph in all_graphs(quantized.graph) for i in graph.initializer]
        names += [o for graph in all_graphs(quantized.graph) for n in graph.node for o in n.output]
        assert len(names) == len(set(names))


def test_a_branch_that_no_sample_takes_stays_in_float():
    model, report = nested(), eb.Report()
    quantized = eb.quantize(
        model, eb.Dataset(samples(model, AB, C)), report=report, trial_run=False
    )
    assert quantized_layers(quantized) == {
        "conv_wa": True,
        "conv_wb": True,
        "conv_wc": True,
        "conv_wd": False,
    }
    assert any("branch of an If" in note for note in report.notes)
    for sample in samples(model, D):
        np.testing.assert_allclose(run(quantized, sample), run(model, sample), rtol=1e-4, atol=1e-5)


def test_ranges_come_from_the_samples_that_took_the_branch():
    model = nested()

    def of_a(data):
        report = eb.Report()
        eb.quantize(model, eb.Dataset(data), recipe=eb.Recipe.NNCF, report=report)
        return [
            line
            for line in report.plan_text.splitlines()
            if "conv_wa" in line and "weight" not in line
        ]

    alone, mixed = of_a(samples(model, AB)), of_a(samples(model, AB) + samples(model, D))
    assert alone and alone == mixed


def test_statistics_of_branches_can_be_saved_and_merged(tmp_path):
    model = nested()
    data = samples(model, AB, C)
    parts = [eb.calibrate(model, eb.Dataset(data), shard=(i, 2)) for i in range(2)]
    eb.Statistics.merge(parts).save(tmp_path / "merged.stats")
    eb.calibrate(model, eb.Dataset(data)).save(tmp_path / "whole.stats")
    assert (tmp_path / "merged.stats").read_bytes() == (tmp_path / "whole.stats").read_bytes()
    quantized = eb.quantize(model, eb.Statistics.load(tmp_path / "merged.stats"), trial_run=False)
    assert quantized_layers(quantized) == {
        "conv_wa": True,
        "conv_wb": True,
        "conv_wc": True,
        "conv_wd": False,
    }


def test_ignored_names_reach_into_branches():
    model = nested()
    quantized = eb.quantize(
        model,
        eb.Dataset(samples(model, AB, C, D)),
        ignored_scope=eb.IgnoredScope(names=["conv_wc"]),
        trial_run=False,
    )
    assert quantized_layers(quantized) == {
        "conv_wa": True,
        "conv_wb": True,
        "conv_wc": False,
        "conv_wd": True,
    }


def test_bodies_of_loops_in_branches_are_carried_along():
    """A Loop reads a tensor of the branch around it, which gets another name than the twin in the other branch."""
    inner = helper.make_graph(
        [node("Add", "v t", "v_out"), node("Identity", "c", "c_out")], "body",
        [value("i", [], TensorProto.INT64), value("c", [], TensorProto.BOOL), value("v", SHAPE)],
        [value("c_out", [], TensorProto.BOOL), value("v_out", SHAPE)],
    )  # fmt: skip

    def looping(name):
        loop = helper.make_node("Loop", ["trips", "", "s"], ["o"], body=inner)
        return branch([conv("x", name, "t"), node("Relu", "t", "s"), loop], {"o": SHAPE})

    model = model_of(
        [choose("first", "y", looping("wa"), looping("wb"))], {"y": SHAPE},
        constants(wa=WEIGHTS["wa"], wb=WEIGHTS["wb"], trips=np.array(3)), ["first"],
    )  # fmt: skip
    data = samples(model, AB, C)
    quantized = eb.quantize(model, eb.Dataset(data), trial_run=False)
    onnx.checker.check_model(quantized, full_check=True)
    assert all(quantized_layers(quantized).values())
    for sample in data[::6]:
        assert error(run(model, sample), run(quantized, sample)) < 0.05


def test_large_weights_and_external_data_in_branches(tmp_path):
    model = nested()
    data = samples(model, AB, C, D)
    bodies = [i for graph in all_graphs(model.graph) for i in graph.initializer]
    raw = b""
    for tensor in bodies:
        onnx.external_data_helper.set_external_data(
            tensor, "weights.bin", len(raw), len(tensor.raw_data)
        )
        raw += tensor.raw_data
        tensor.ClearField("raw_data")
    (tmp_path / "weights.bin").write_bytes(raw)
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    quantized = eb.quantize(tmp_path / "model.onnx", eb.Dataset(data), trial_run=False)
    assert (
        quantized.SerializeToString()
        == eb.quantize(nested(), eb.Dataset(data), trial_run=False).SerializeToString()
    )


def test_compare_measures_layers_of_branches():
    model = nested()
    data = eb.Dataset(samples(model, AB, C))
    quantized = eb.quantize(model, eb.Dataset(samples(model, AB, C, D)), trial_run=False)
    layers = {layer.name: layer.sqnr_db for layer in eb.compare(model, quantized, data).layers}
    assert layers["conv_wb"] > 20 and layers["conv_wc"] > 20
    assert "conv_wd" not in layers, "no sample took its branch"
