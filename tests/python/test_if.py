"""Branches of If: measured where samples take them, quantized, and run in integers."""

import eightbit as eb
import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops
from small_models import op_types

SHAPE = [1, 8, 12, 12]
RANDOM = np.random.default_rng(5)
WEIGHTS = {name: (RANDOM.standard_normal((8, 8, 3, 3)) * 0.2).astype(np.float32) for name in "abcd"}


def convolution(x, name):
    pads = [1, 1]
    return ops.relu(
        ops.convolution(
            x, ops.constant(WEIGHTS[name]), [1, 1], pads, pads, [1, 1], name=f"conv_{name}"
        )
    )


def choose(condition, then, other, inputs):
    """`inputs`: value, parameter of `then`, parameter of `other`; None where a branch does not read it."""
    node = ops.if_op(condition)
    node.set_then_body(then)
    node.set_else_body(other)
    for value, first, second in inputs:
        node.set_input(value.output(0), first, second)
    return node.set_output(then.get_results()[0], other.get_results()[0])


def branch(build, *more):
    x = ops.parameter(SHAPE, np.float32)
    return ov.Model([ops.result(build(x))], [x, *more], "branch"), x


def flag(name=None):
    return ops.parameter([1], bool, name=name)


@pytest.fixture
def model():
    """first: a and b; else: in a branch of its own c, or d without second."""
    x, first, second, passed = (
        ops.parameter(SHAPE, np.float32, name="x"),
        flag("first"),
        flag("second"),
        flag(),
    )

    def inner(y):
        then, u = branch(lambda z: convolution(z, "c"))
        other, v = branch(lambda z: convolution(z, "d"))
        return choose(passed, then, other, [(y, u, v)])

    then, u = branch(lambda y: convolution(convolution(y, "a"), "b"))
    other, v = branch(inner, passed)
    out = choose(first, then, other, [(x, u, v), (second, None, passed)])
    for parameter in (x, first, second):
        parameter.output(0).get_tensor().set_names({parameter.friendly_name})
    return ov.Model([ops.result(out)], [x, first, second], "branches")


AB, C, D = (True, True), (False, True), (False, False)


def samples(*ways):
    random = np.random.default_rng(9)
    return [
        {
            "x": random.standard_normal(SHAPE).astype(np.float32) * (1 + i),
            "first": np.array([first]),
            "second": np.array([second]),
        }
        for i, (first, second) in enumerate(ways)
        for _ in range(6)
    ]


def bodies(node):
    return node.get_function(0), node.get_function(1)


def by_convolution(model):
    """Which convolutions read FakeQuantize, in all branches."""
    found = {}
    for node in model.get_ordered_ops():
        if node.get_type_name() == "If":
            for body in bodies(node):
                found |= by_convolution(body)
        elif node.get_type_name() == "Convolution":
            source = node.input_value(0).get_node().get_type_name()
            found[node.friendly_name[-1]] = source == "FakeQuantize"
    return found


def run(model, sample, **options):
    options = {"INFERENCE_PRECISION_HINT": "f32", **options}
    return ov.compile_model(model, "CPU", options)(sample)[0]


def test_every_branch_is_quantized_and_right(model):
    quantized = eb.quantize(model, eb.Dataset(samples(AB, C, D)), trial_run=False)
    assert by_convolution(quantized) == dict.fromkeys("abcd", True)
    assert op_types(quantized).count("FakeQuantize") == 0, "nothing outside needs a quantizer"
    for sample in samples(AB, C, D):
        expected, got = run(model, sample), run(quantized, sample)
        assert np.linalg.norm(expected - got) < 0.05 * np.linalg.norm(expected)


def test_branches_run_in_integers(model):
    """All quantizers are in branches, so integer kernels there are what the runtime's switch for them changes."""
    quantized = eb.quantize(model, eb.Dataset(samples(AB, C, D)), trial_run=False)
    for sample in samples(AB, C, D)[::6]:
        assert not np.array_equal(
            run(quantized, sample), run(quantized, sample, LP_TRANSFORMS_MODE="NO")
        )
        assert np.array_equal(run(model, sample), run(model, sample, LP_TRANSFORMS_MODE="NO"))


def test_ranges_come_from_the_samples_that_took_the_branch(model):
    """The same branches, whatever else is in the data."""

    def ranges(data):
        text = eb.Report()
        eb.quantize(model, eb.Dataset(data), recipe=eb.Recipe.NNCF, report=text)
        return [
            line
            for line in text.plan_text.splitlines()
            if "conv_a" in line and "weight" not in line
        ]

    alone, mixed = ranges(samples(AB)), ranges(samples(AB) + samples(D))
    assert alone and alone == mixed


def test_a_branch_that_no_sample_takes_stays_in_float(model):
    report = eb.Report()
    quantized = eb.quantize(model, eb.Dataset(samples(AB, C)), report=report, trial_run=False)
    assert by_convolution(quantized) == {"a": True, "b": True, "c": True, "d": False}
    assert any("branch of an If" in note for note in report.notes)
    for sample in samples(D):
        np.testing.assert_allclose(run(quantized, sample), run(model, sample), rtol=1e-4, atol=1e-5)


def test_statistics_of_branches_can_be_saved_and_merged(model, tmp_path):
    data = samples(AB, C, D)
    parts = [eb.calibrate(model, eb.Dataset(data), shard=(i, 2)) for i in range(2)]
    whole = eb.calibrate(model, eb.Dataset(data))
    eb.Statistics.merge(parts).save(tmp_path / "merged.stats")
    whole.save(tmp_path / "whole.stats")
    assert (tmp_path / "merged.stats").read_bytes() == (tmp_path / "whole.stats").read_bytes()
    quantized = eb.quantize(model, eb.Statistics.load(tmp_path / "merged.stats"), trial_run=False)
    assert all(by_convolution(quantized).values())


def test_saved_statistics_know_which_branches_were_taken(model, tmp_path):
    eb.calibrate(model, eb.Dataset(samples(AB))).save(tmp_path / "some.stats")
    quantized = eb.quantize(model, eb.Statistics.load(tmp_path / "some.stats"), trial_run=False)
    assert by_convolution(quantized) == {"a": True, "b": True, "c": False, "d": False}


def test_ignored_names_reach_into_branches(model):
    scope = eb.IgnoredScope(names=["conv_a"])
    quantized = eb.quantize(
        model, eb.Dataset(samples(AB, C, D)), ignored_scope=scope, trial_run=False
    )
    assert by_convolution(quantized) == {"a": False, "b": True, "c": True, "d": True}
