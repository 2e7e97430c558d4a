"""Bodies of Loop and Scan in ONNX models: measured over all iterations and quantized inside; what stays closed is said."""

import eightbit as eb
import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")
from onnx import TensorProto, helper
from test_onnx_if import (
    all_graphs,
    branch,
    choose,
    constants,
    error,
    in_openvino,
    node,
    quantized_layers,
    run,
    value,
    weight,
)

STATE = [4, 16]
WEIGHTS = {f"w{name}": weight(k, 16, 16) for k, name in enumerate("abcd")}


def model_of(nodes, output, initializers=(), shape=STATE, trips=False, opset=17):
    inputs = [value("x", shape), *([value("n", [], TensorProto.INT64)] if trips else [])]
    graph = helper.make_graph(nodes, "g", inputs, [value("y", output)], list(initializers))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def loop(
    nodes,
    states,
    stacked=(),
    inputs="x",
    trips="trips",
    initializers=(),
    name="loop",
    outputs="y",
    shape=STATE,
):
    """`states`: pairs of names, what an iteration begins and ends with."""
    body = helper.make_graph(
        [*nodes, node("Identity", "go", "go_on")], "body",
        [value("i", [], TensorProto.INT64), value("go", [], TensorProto.BOOL), *[value(before, shape) for before, _ in states]],
        [value("go_on", [], TensorProto.BOOL), *[value(after, shape) for _, after in states], *[value(s) for s in stacked]],
        list(initializers),
    )  # fmt: skip
    return helper.make_node("Loop", [trips, "", *inputs.split()], outputs.split(), name, body=body)


def cell(x, h, a="wa", b="wb"):
    """tanh(x a + h b), called out."""
    return [
        node("MatMul", f"{x} {a}", "fx", f"of_{a}"),
        node("MatMul", f"{h} {b}", "fh", f"of_{b}"),
        node("Add", "fx fh", "f"),
        node("Tanh", "f", "out"),
    ]


def recurrent_loop():
    """One weight stands outside, one inside; a product of the state is stacked, and a layer reads it."""
    inner = loop(
        [*cell("r", "h"), node("MatMul", "out wc", "s", "of_wc")], [("h", "out")], ["s"], initializers=constants(wb=WEIGHTS["wb"]), outputs="last all",
    )  # fmt: skip
    nodes = [
        node("Relu", "x", "r"),
        inner,
        node("MatMul", "all wd", "p", "of_wd"),
        node("ReduceSum", "p axes", "q", keepdims=0),
        node("Add", "q last", "y"),
    ]
    outside = constants(
        **{k: v for k, v in WEIGHTS.items() if k != "wb"}, trips=np.array(4), axes=np.array([0])
    )
    return model_of(nodes, STATE, outside)


def recurrent_scan():
    """Over the first axis of one input and, backwards, the second of another."""
    body = helper.make_graph(
        [node("Add", "e o", "x_t"), *cell("x_t", "h"), node("MatMul", "out wc", "s", "of_wc")], "body",
        [value("h", STATE), value("e", STATE), value("o", STATE)], [value("out", STATE), value("s", STATE)], constants(wc=WEIGHTS["wc"]),
    )  # fmt: skip
    scan = node(
        "Scan",
        "zero x t",
        "last all",
        "scan",
        body=body,
        num_scan_inputs=2,
        scan_input_axes=[0, 1],
        scan_input_directions=[0, 1],
        scan_output_axes=[1],
    )
    nodes = [
        node("Transpose", "x", "t", perm=[1, 0, 2]),
        scan,
        node("MatMul", "all wd", "y", "of_wd"),
    ]
    return model_of(
        nodes,
        [4, 5, 16],
        constants(**WEIGHTS, zero=np.zeros(STATE, np.float32))[:2]
        + constants(wd=WEIGHTS["wd"], zero=np.zeros(STATE, np.float32)),
        [5, *STATE],
    )


def branch_in_loop():
    """Even iterations take one branch, odd ones the other."""
    then = branch([node("MatMul", "h wa", "t", "of_wa"), node("Tanh", "t", "o")], {"o": STATE})
    other = branch([node("MatMul", "h wb", "t", "of_wb"), node("Sigmoid", "t", "o")], {"o": STATE})
    nodes = [
        node("Mod", "i two", "m"),
        node("Cast", "m", "odd", to=TensorProto.BOOL),
        choose("odd", "out", other, then),
    ]
    return model_of(
        [loop(nodes, [("h", "out")])],
        STATE,
        constants(wa=WEIGHTS["wa"], wb=WEIGHTS["wb"], two=np.array(2), trips=np.array(3)),
    )


def loop_in_loop():
    inner = loop(cell("v", "h", "wa", "wb"), [("h", "out")], inputs="v", name="inner", outputs="w")
    nodes = [inner, node("MatMul", "w wc", "m", "of_wc"), node("Tanh", "m", "v_out")]
    return model_of(
        [loop(nodes, [("v", "v_out")])],
        STATE,
        constants(**{k: WEIGHTS[k] for k in ("wa", "wb", "wc")}, trips=np.array(2)),
    )


def growing_state():
    """Nothing may be concluded from the shape that the state has at first."""
    nodes = [
        node("Shape", "h", "shape"), node("Cast", "shape", "sizes", to=TensorProto.FLOAT), node("ReduceSum", "sizes", "size", keepdims=0),
        node("Div", "h size", "d"), node("MatMul", "d wa", "m", "of_wa"), node("Concat", "h m", "out", axis=0),
    ]  # fmt: skip
    return model_of(
        [loop(nodes, [("h", "out")], shape=None)],
        [None, 16],
        constants(wa=WEIGHTS["wa"] * 30, trips=np.array(3)),
    )


def convolutions():
    shape = [1, 8, 12, 12]
    nodes = [
        node("Conv", "h va", "c", "of_va", pads=[1] * 4),
        node("Relu", "c", "r"),
        node("Conv", "r vb", "out", "of_vb", pads=[1] * 4),
    ]
    weights = constants(va=weight(11, 8, 8, 3, 3), vb=weight(12, 8, 8, 3, 3), trips=np.array(2))
    return model_of([loop(nodes, [("h", "out")], shape=shape)], shape, weights, shape)


NETWORKS = {
    "Loop": recurrent_loop, "Scan": recurrent_scan, "If in Loop": branch_in_loop, "Loop in Loop": loop_in_loop,
    "growing state": growing_state, "convolutions": convolutions,
}  # fmt: skip


def samples(model, count=8, trips=None):
    random = np.random.default_rng(9)
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
    extra = {} if trips is None else {"n": np.array(trips)}
    return [{"x": random.standard_normal(shape).astype(np.float32), **extra} for _ in range(count)]


@pytest.mark.parametrize("name", NETWORKS)
def test_bodies_are_quantized_and_every_runtime_agrees(name):
    model = NETWORKS[name]()
    data = samples(model)
    quantized = eb.quantize(model, eb.Dataset(data), trial_run=False)
    onnx.checker.check_model(quantized, full_check=True)
    layers = quantized_layers(quantized)
    assert layers and all(layers.values()), layers
    for sample in data[:3]:
        expected, plain = run(model, sample), run(quantized, sample, optimized=False)
        assert error(expected, plain) < 0.1
        assert error(plain, run(quantized, sample)) < 0.02
        assert error(plain, in_openvino(quantized, sample)) < 0.02


def test_iterations_are_measured_as_one_tensor_of_all_would_be():
    """A product of each row of x by itself."""
    body = helper.make_graph(
        [
            node("MatMul", "e wa", "m", "of_wa"),
            node("Relu", "m", "r"),
            node("MatMul", "r wb", "s", "of_wb"),
        ],
        "body",
        [value("e", STATE)],
        [value("s", STATE)],
    )
    weights = constants(wa=WEIGHTS["wa"], wb=WEIGHTS["wb"])
    scan = model_of(
        [node("Scan", "x", "y", "scan", body=body, num_scan_inputs=1)],
        [5, *STATE],
        weights,
        [5, *STATE],
    )
    plain = model_of(
        [
            node("MatMul", "x wa", "m", "of_wa"),
            node("Relu", "m", "r"),
            node("MatMul", "r wb", "y", "of_wb"),
        ],
        [5, *STATE],
        weights,
        [5, *STATE],
    )

    def ranges(model, recipe):
        report = eb.Report()
        advanced = eb.AdvancedQuantizationParameters(disable_bias_correction=True)
        eb.quantize(
            model,
            eb.Dataset(samples(model)),
            report=report,
            recipe=recipe,
            advanced_parameters=advanced,
        )
        return [
            line.split("|")[2]
            for line in report.plan_text.splitlines()
            if line.startswith("quantize")
        ]

    for recipe in (eb.Recipe.NNCF, eb.Recipe.EIGHTBIT):
        assert len(ranges(scan, recipe)) == 4
        assert ranges(scan, recipe) == ranges(plain, recipe)


def counted():
    """n iterations."""
    return model_of(
        [loop(cell("x", "h"), [("h", "out")], trips="n")],
        STATE,
        constants(wa=WEIGHTS["wa"], wb=WEIGHTS["wb"]),
        trips=True,
    )


def test_samples_that_do_not_run_the_loop_are_not_counted_there():
    model = counted()

    def ranges(data):
        report = eb.Report()
        eb.quantize(model, eb.Dataset(data), recipe=eb.Recipe.NNCF, report=report)
        return [line for line in report.plan_text.splitlines() if line.startswith("quantize")]

    assert any("of_wb:0" in line for line in ranges(samples(model, trips=3)))
    assert ranges(samples(model, trips=3)) == ranges(
        samples(model, trips=3) + samples(model, 4, trips=0)
    )


def test_a_loop_that_no_sample_runs_stays_in_float():
    model, report = counted(), eb.Report()
    quantized = eb.quantize(
        model, eb.Dataset(samples(model, trips=0)), report=report, trial_run=False
    )
    assert not any(quantized_layers(quantized).values())
    assert any("ran their loop" in note for note in report.notes)
    sample = samples(model, 1, trips=3)[0]
    np.testing.assert_allclose(run(quantized, sample), run(model, sample), rtol=1e-4, atol=1e-5)


def test_what_a_body_alone_needs_stands_in_it():
    model = counted()
    quantized = eb.quantize(model, eb.Dataset(samples(model, trips=3)), trial_run=False)
    assert [n.op_type for n in quantized.graph.node] == ["Loop"]
    assert not quantized.graph.initializer
    body = list(all_graphs(quantized.graph))[1]
    assert [i.data_type for i in body.initializer if list(i.dims) == [16, 16]] == [
        TensorProto.INT8
    ] * 2
    assert [i.name for i in body.input] == ["i", "go", "h"]


def test_statistics_of_bodies_can_be_merged(tmp_path):
    model = recurrent_loop()
    data = samples(model)
    parts = [eb.calibrate(model, eb.Dataset(data), shard=(i, 2)) for i in range(2)]
    eb.Statistics.merge(parts).save(tmp_path / "merged.stats")
    eb.calibrate(model, eb.Dataset(data)).save(tmp_path / "whole.stats")
    assert (tmp_path / "merged.stats").read_bytes() == (tmp_path / "whole.stats").read_bytes()


def test_compare_and_report_pass_over_layers_of_bodies():
    model = recurrent_loop()
    data = eb.Dataset(samples(model))
    layers = {
        layer.name
        for layer in eb.compare(model, eb.quantize(model, data, trial_run=False), data).layers
    }
    assert "of_wd" in layers
    assert "of_wa" not in layers


def test_what_stays_closed_is_said():
    """Identity of that version cannot hand on sequences."""
    nodes = [
        loop(cell("x", "h"), [("h", "out")], outputs="z"),
        node("SequenceConstruct", "z z", "both"),
        node("ConcatFromSequence", "both", "c", axis=1),
        node("MatMul", "c wc", "y", "of_wc"),
    ]
    weights = constants(wa=WEIGHTS["wa"], wb=WEIGHTS["wb"], wc=weight(3, 32, 16), trips=np.array(3))
    model = model_of(nodes, STATE, weights, opset=13)
    assert "float loop | layers in its body stay in float: of_wa, of_wb" in eb.plan(model).text
    data = samples(model)
    quantized = eb.quantize(model, eb.Dataset(data), trial_run=False)
    onnx.checker.check_model(quantized, full_check=True)
    assert quantized_layers(quantized) == {"of_wa": False, "of_wb": False, "of_wc": True}
    for sample in data[:2]:
        assert error(run(model, sample), run(quantized, sample)) < 0.05
        assert error(run(quantized, sample, optimized=False), run(quantized, sample)) < 0.02
