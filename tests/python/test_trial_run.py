"""What users of the result get, as the trial run tells it: in the report, in the model, in the recipe, and by compare()."""

import json
import math

import eightbit as eb
import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops
from small_models import by_runtime, quantized_sqnr, serialized, sqnr


def reported(model, data, **options):
    report = eb.Report()
    return eb.quantize(model, eb.Dataset(data), report=report, **options), report


def trial_in(model: ov.Model) -> dict:
    return json.loads(model.get_rt_info(["eightbit", "quantization", "trial"]).astype(str))


def test_the_report_tells_what_users_get(model, samples):
    _, report = reported(model, samples)
    trial = report.trial
    assert trial.samples == 4 and trial.unseen  # a third of twelve
    assert [output.name for output in trial.outputs] == ["logits"]
    assert trial.sqnr_db == trial.outputs[0].sqnr_db > 20
    assert trial.sqnr_f32_db == trial.outputs[0].sqnr_f32_db > 20
    assert 0 <= trial.outputs[0].agreement <= 1
    assert trial.float_share == 0
    assert "dB on 4 samples" in str(trial) and "'logits'" in str(trial)


def test_times_are_those_of_the_three_that_take_turns(model, samples):
    _, report = reported(model, samples)
    trial = report.trial
    assert trial.milliseconds > 0 and trial.float_milliseconds > 0
    assert math.isclose(trial.speedup, trial.float_milliseconds / trial.milliseconds)
    assert math.isclose(trial.speedup_over_f32, trial.float_f32_milliseconds / trial.milliseconds)
    assert f"{trial.speedup:.2f} times as fast as the float model by default" in str(trial)


def test_it_is_the_runtime_that_is_asked(model, samples):
    """All samples alike, so that it does not matter which ones were tried."""
    quantized, report = reported(model, [samples[0]] * 12)
    assert abs(report.trial.sqnr_f32_db - quantized_sqnr(model, quantized, [samples[0]])) < 0.01
    by_default = ov.compile_model(quantized, "CPU")(samples[0])[0].ravel()
    assert abs(report.trial.sqnr_db - sqnr(by_runtime(model, [samples[0]]), by_default)) < 0.01
    if report.trial.precision == "f32":
        assert report.trial.float_sqnr_db == math.inf


def test_the_json_of_the_report(model, samples):
    _, report = reported(model, samples)
    trial = json.loads(report.to_json())["trial"]
    assert trial == json.loads(report.trial.to_json())
    assert trial["samples"] == 4 and trial["milliseconds"] > 0
    assert trial["outputs"][0]["name"] == "logits"
    assert math.isclose(trial["sqnr_db"], report.trial.sqnr_db, rel_tol=1e-6)


def test_the_model_tells_it_too(model, samples):
    """Without times: the same data makes the same file."""
    quantized, report = reported(model, samples)
    told = trial_in(quantized)
    assert "milliseconds" not in told
    assert math.isclose(told["sqnr_db"], report.trial.sqnr_db, rel_tol=1e-6)


def test_the_recipe_holds_it_and_is_replayed_without_a_trial(model, samples, tmp_path):
    quantized, report = reported(model, samples)
    report.recipe.save(tmp_path / "r.json")
    assert json.loads((tmp_path / "r.json").read_text())["trial"] == trial_in(quantized)
    again = eb.Report()
    replay = eb.quantize(model, recipe=tmp_path / "r.json", report=again)
    assert serialized(replay, tmp_path, "replay") == serialized(quantized, tmp_path, "first")
    assert again.trial is None and "trial run" not in [step.step for step in again.steps]


def test_switched_off(model, samples):
    quantized, report = reported(model, samples, trial_run=False)
    assert report.trial is None and "trial" not in json.loads(report.to_json())
    assert "trial run" not in [step.step for step in report.steps]
    assert not quantized.has_rt_info(["eightbit", "quantization", "trial"])
    assert "trial" not in json.loads(report.recipe.to_json())


def test_what_a_trial_run_alone_can_tell_needs_one(model, samples):
    for option in ({"min_sqnr_db": 20}, {"strict": True}, {"placement": eb.PlacementMode.MEASURED}):
        with pytest.raises(eb.InvalidArgument, match=next(iter(option))):
            eb.quantize(model, eb.Dataset(samples), trial_run=False, **option)


def test_options_that_are_no_numbers(model, samples):
    for option in (
        {"min_sqnr_db": "20"}, {"min_sqnr_db": -1}, {"min_sqnr_db": True}, {"max_float_share": 1.5},
        {"max_float_share": None}, {"trial_run": 1}, {"strict": "yes"}, {"placement": "fast"},
    ):  # fmt: skip
        with pytest.raises(eb.InvalidArgument, match=next(iter(option))):
            eb.quantize(model, eb.Dataset(samples), **option)


def test_a_single_sample_is_not_unseen(model, samples):
    _, report = reported(model, samples[:1])
    assert report.trial.samples == 1 and not report.trial.unseen


def test_from_statistics(model, samples):
    statistics = eb.calibrate(model, eb.Dataset(samples))
    report = eb.Report()
    eb.quantize(model, statistics, report=report)
    assert report.trial.samples > 0


def test_onnx(samples):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from onnx_models import F32, model_of, node, weight

    nodes = [
        node("Conv", "image w1", "a", "first"), node("Relu", "a", "b", "relu"), node("Conv", "b w2", "y", "second"),
    ]  # fmt: skip
    constants = {"w1": weight(1, 8, 3, 3, 3), "w2": weight(2, 4, 8, 3, 3)}
    model = model_of(
        nodes, [("image", F32, [1, 3, 16, 16])], [("y", F32, [1, 4, 12, 12])], constants
    )
    quantized, report = reported(model, [{"image": sample} for sample in samples])
    assert report.trial.outputs[0].name == "y" and report.trial.sqnr_db > 20
    assert report.trial.outputs[0].agreement is None  # no scores
    properties = {p.key: p.value for p in quantized.metadata_props}
    assert json.loads(properties["eightbit.trial"])["samples"] == report.trial.samples


def test_compare_tells_what_users_get_and_what_was_measured(model, samples):
    quantized, _ = reported(model, samples, trial_run=False)
    result = eb.compare(model, quantized, eb.Dataset(samples))
    [output] = result.outputs
    assert abs(output.sqnr_db - quantized_sqnr(model, quantized, samples)) < 0.01
    assert abs(output.measured_db - output.sqnr_db) < 1  # no fault of the runtime here
    assert all(layer.measured_db is None for layer in result.layers)
    told = json.loads(result.to_json())["outputs"][0]
    assert math.isclose(told["measured_db"], output.measured_db, rel_tol=1e-6)


def score_map(bias: float) -> ov.Model:
    """Scores of pixels, as a detector yields them."""
    random = np.random.default_rng(0)
    image = ops.parameter([1, 3, 16, 16], np.float32, name="image")
    weights = (0.3 * random.standard_normal((8, 3, 3, 3))).astype(np.float32)
    features = ops.relu(ops.convolution(image, weights, [1, 1], [1, 1], [1, 1], [1, 1]))
    head = (0.3 * random.standard_normal((1, 8, 1, 1))).astype(np.float32)
    found = ops.convolution(features, head, [1, 1], [0, 0], [0, 0], [1, 1])
    return ov.Model([ops.sigmoid(ops.add(found, np.float32(bias)))], [image], "detector")


@pytest.mark.parametrize(("bias", "silent"), [(-7, True), (-1, False)])
def test_samples_in_which_nothing_is_found_are_told(bias, silent):
    random = np.random.default_rng(1)
    data = [random.random((1, 3, 16, 16), np.float32) for _ in range(12)]
    _, report = reported(score_map(bias), data)
    told = [note for note in report.notes if "the model finds nothing there" in note]
    assert len(told) == silent
    if silent:
        largest = max(by_runtime(score_map(bias), data))
        assert largest < float(told[0].partition("stay below ")[2].split()[0]) < 0.1
        assert "in all 4 samples" in told[0]
