"""min_sqnr_db: layers that ruin an output stay in float, and only these."""

import json

import eightbit as eb
import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops
from small_models import (
    by_runtime,
    delicate_net,
    delicate_samples,
    quantized_sqnr,
    serialized,
)


@pytest.fixture(scope="module")
def net():
    return delicate_net()


@pytest.fixture(scope="module")
def data():
    return delicate_samples()


@pytest.fixture(scope="module")
def unseen():
    return delicate_samples(8, seed=77)


def reported(net, data, **options):
    report = eb.Report()
    return eb.quantize(net, eb.Dataset(data), report=report, **options), report


def floor_notes(report):
    return [note for note in report.notes if "min_sqnr_db" in note]


def test_without_a_floor_the_network_is_ruined(net, data, unseen):
    quantized, report = reported(net, data, min_sqnr_db=0)
    assert quantized_sqnr(net, quantized, unseen) < 12
    assert report.trial.sqnr_db < 12 and floor_notes(report) == []


def test_the_layer_that_ruins_it_stays_in_float(net, data, unseen):
    quantized, report = reported(net, data)
    assert quantized_sqnr(net, quantized, unseen) >= 19.5  # other samples than those of the trial
    assert report.trial.sqnr_f32_db >= 20
    kept = [line for line in report.plan_text.splitlines() if line.endswith("| min_sqnr_db 20")]
    assert kept == ["float ruined | min_sqnr_db 20"]
    assert abs(report.trial.float_share - 0.25) < 0.01
    [note] = floor_notes(report)
    assert "1 of 4 groups in float, 25 % of the multiplications" in note


def test_another_floor(net, data):
    _, report = reported(net, data, min_sqnr_db=27)
    assert report.trial.sqnr_f32_db >= 27


def test_a_floor_that_holds_changes_nothing(net, data, tmp_path):
    scope = eb.IgnoredScope(names=["ruined"])
    a, report = reported(net, data, ignored_scope=scope, min_sqnr_db=5)
    b, _ = reported(net, data, ignored_scope=scope, min_sqnr_db=0)
    assert report.trial.float_share == 0 and floor_notes(report) == []
    sample = delicate_samples(1, seed=3)
    assert np.array_equal(by_runtime(a, sample), by_runtime(b, sample))


def test_more_samples_are_run_where_it_is_close(net, unseen):
    """What 8 samples say of others is not certain: a floor at what they reach is held on more."""
    data, sound = delicate_samples(64), eb.IgnoredScope(names=["ruined"])
    _, report = reported(net, data, ignored_scope=sound, min_sqnr_db=0)
    reached = report.trial.sqnr_f32_db
    assert report.trial.samples == 8
    _, report = reported(net, data, ignored_scope=sound, min_sqnr_db=reached - 10)
    assert report.trial.samples == 8 and report.trial.float_share == 0
    quantized, report = reported(net, data, ignored_scope=sound, min_sqnr_db=reached - 0.01)
    assert report.trial.samples == 32 and report.trial.sqnr_f32_db >= reached - 0.01
    assert report.trial.float_share > 0
    assert quantized_sqnr(net, quantized, unseen) >= reached - 0.01


@pytest.mark.parametrize("first", [0, 1])
def test_outputs_of_unlike_scales(net, data, first):
    """Each output's noise counts by its own signal, whatever the order of the outputs."""
    (x,), (result,) = net.get_parameters(), net.get_results()
    delicate = result.input_value(0)
    random = np.random.default_rng(5)
    node = x
    for name in ("sound1", "sound2", "sound3"):
        weights = (300 * random.standard_normal((64, 64))).astype(np.float32)
        node = ops.relu(ops.matmul(node, ops.constant(weights), False, False, name=name))
    outputs = [ops.result(delicate), ops.result(node)]
    model = ov.Model(outputs[::-1] if first else outputs, [x])
    _, report = reported(model, data)
    assert report.trial.sqnr_f32_db >= 20
    kept = [line for line in report.plan_text.splitlines() if line.endswith("| min_sqnr_db 20")]
    assert kept == ["float ruined | min_sqnr_db 20"]


def test_a_share_that_does_not_suffice_ends_in_a_warning(net, data, caplog):
    eb.set_log_level("WARNING")
    quantized, report = reported(net, data, max_float_share=0.1)
    assert report.trial.float_share <= 0.1 and report.trial.sqnr_db < 20
    [note] = floor_notes(report)
    for part in (
        "below min_sqnr_db 20",
        "ruined",
        "ignored_scope",
        "max_float_share (0.1)",
        "eightbit report",
    ):
        assert part in note
    assert note in caplog.text
    assert isinstance(quantized, ov.Model)


def test_strict(net, data, unseen):
    with pytest.raises(eb.AccuracyNotReached, match="below min_sqnr_db 20.*ruined") as caught:
        reported(net, data, max_float_share=0.1, strict=True)
    assert isinstance(caught.value.model, ov.Model)
    assert 0 < len(by_runtime(caught.value.model, unseen))
    assert caught.value.result.stopped_by == "min_sqnr_db"


def test_strict_where_it_holds(net, data):
    _, report = reported(net, data, strict=True)
    assert report.trial.sqnr_f32_db >= 20


def test_recipe_nncf_has_no_floor(net, data):
    _, report = reported(net, data, recipe=eb.Recipe.NNCF)
    assert report.trial.sqnr_db < 20 and report.trial.float_share == 0
    assert floor_notes(report) == [] and "min_sqnr_db" not in report.plan_text


def test_recipe_nncf_takes_one(net, data):
    _, report = reported(net, data, recipe=eb.Recipe.NNCF, min_sqnr_db=15, max_float_share=1)
    assert report.trial.sqnr_f32_db >= 15


def test_the_recipe_replays_what_was_found(net, data, tmp_path):
    quantized, report = reported(net, data)
    report.recipe.save(tmp_path / "r.json")
    assert json.loads((tmp_path / "r.json").read_text())["trial"]["float_share"] > 0.2
    replay = eb.Report()
    again = eb.quantize(net, recipe=tmp_path / "r.json", report=replay)
    assert serialized(again, tmp_path, "again") == serialized(quantized, tmp_path, "first")
    assert not {"trial run", "quality search"} & {step.step for step in replay.steps}


def test_onnx(unseen):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from onnx_models import F32, model_of, node, run
    from onnx_models import sqnr as onnx_sqnr

    net = delicate_net()
    constants, nodes, at = {}, [], "x"
    products = [op for op in net.get_ordered_ops() if op.get_type_name() == "MatMul"]
    for product in products:
        name = product.get_friendly_name()
        constants[f"w_{name}"] = product.input_value(1).get_node().get_data()
        end = "y" if name == "last" else f"{name}_out"
        nodes.append(node("MatMul", f"{at} w_{name}", end, name))
        if name != "last":
            nodes.append(node("Relu", end, f"{name}_relu", f"relu_{name}"))
        at = f"{name}_relu"
    model = model_of(nodes, [("x", F32, [1, 16, 64])], [("y", F32, [1, 16, 64])], constants)
    data = [{"x": sample} for sample in delicate_samples()]
    report = eb.Report()
    quantized = eb.quantize(model, eb.Dataset(data), report=report)
    assert "float ruined | min_sqnr_db 20" in report.plan_text and report.trial.float_share < 0.3
    feeds = [{"x": sample} for sample in unseen]
    assert onnx_sqnr(run(model, feeds), run(quantized, feeds)) > 19.5


def silent_net():
    """A logarithm behind a layer that clips: silence, half of the samples, is exactly 0 there, and must stay so."""
    random = np.random.default_rng(2)
    x = ops.parameter([1, 8, 32], np.float32, name="x")
    positive = np.abs(random.standard_normal((32, 32)) / 16).astype(np.float32)
    node = ops.relu(ops.matmul(x, ops.constant(positive), False, False, name="filter"))
    node = ops.log(ops.add(node, ops.constant(np.float32(1e-6))))
    mixed = (random.standard_normal((32, 16)) / 6).astype(np.float32)
    node = ops.matmul(node, ops.constant(mixed), False, False, name="head")
    return ov.Model([ops.result(node)], [x], "silent_net")


def silent_samples(count, seed):
    random = np.random.default_rng(seed)
    loud = [
        np.abs(random.standard_normal((1, 8, 32)) ** 3).astype(np.float32) for _ in range(count)
    ]
    return [sample if i % 2 else 0 * sample for i, sample in enumerate(loud)]


def test_a_bias_correction_that_does_harm_is_left_out():
    net = silent_net()
    quantized, report = reported(net, silent_samples(48, 1), min_sqnr_db=0)
    left_out = [note for note in report.notes if note.startswith("bias correction is left out")]
    plain = eb.AdvancedQuantizationParameters(disable_bias_correction=True)
    without, _ = reported(net, silent_samples(48, 1), min_sqnr_db=0, advanced_parameters=plain)
    unseen = silent_samples(16, 9)
    assert quantized_sqnr(net, quantized, unseen) > quantized_sqnr(net, without, unseen) - 0.5
    assert len(left_out) == 1, report.notes
