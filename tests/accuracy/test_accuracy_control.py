"""quantize_with_accuracy_control from Python, on models that run in a moment."""

import json
import logging
import os
import signal

import eightbit as eb
import numpy as np
import openvino as ov
import pytest


def output_of(model, image):
    return model(image)[0]


def distance_to(images, references):
    """A validation whose metric is minus the error of the outputs, with a value an item."""

    def validate(model, items):
        errors = [
            -float(np.square(output_of(model, item) - reference).mean())
            for item, reference in zip(items, references, strict=True)
        ]
        return float(np.mean(errors)), errors

    return validate


@pytest.fixture(scope="module")
def references(float_model, images):
    compiled = ov.compile_model(float_model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return [output_of(compiled, image) for image in images]


@pytest.fixture
def call(float_model, images, references):
    """quantize_with_accuracy_control with this module's model and data, and what it reports."""

    def run(validate=None, **options):
        result = eb.AccuracyResult()
        model = eb.quantize_with_accuracy_control(
            float_model,
            eb.Dataset(images[:20]),
            options.pop("validation", eb.Dataset(images)),
            validate or distance_to(images, references),
            result=result,
            **options,
        )
        return model, result

    return run


@pytest.fixture(scope="module")
def full_drop(float_model, images, references):
    """What full quantization loses."""
    result = eb.AccuracyResult()
    data = eb.Dataset(images)
    eb.quantize_with_accuracy_control(
        float_model, eb.Dataset(images[:20]), data, distance_to(images, references), max_drop=1e9, result=result
    )  # fmt: skip
    return result.drop


def quantizers(model):
    return sum(op.get_type_name() == "FakeQuantize" for op in model.get_ordered_ops())


def test_a_goal_that_quantization_meets_costs_two_validations(call):
    seen = []
    model, result = call(lambda model, items: seen.append(len(list(items))) or 1.0)
    assert seen == [40, 40]
    assert result.reached and result.drop == 0 and result.stopped_by == "goal"
    assert result.quantizers == result.all_quantizers > 0
    assert quantizers(model) > 0


def test_layers_go_back_until_the_goal_is_met(call, full_drop):
    goal = full_drop / 4
    model, result = call(max_drop=goal)
    assert result.reached and result.drop <= goal
    assert 0 < result.quantizers < result.all_quantizers
    assert 0 < quantizers(model) < result.all_quantizers
    assert {layer for group in result.reverted for layer in group.layers}
    assert result.trials[0].what == "all quantized" and len(result.trials) >= 2


def test_a_goal_of_nothing_leaves_the_float_model(call, float_model, images, references):
    model, result = call(max_drop=1e-13)
    assert result.reached and result.quantizers == 0
    compiled = ov.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    for image, reference in zip(images[:5], references, strict=False):
        np.testing.assert_allclose(output_of(compiled, image), reference, atol=1e-5)


def test_the_most_harmful_layer_is_the_first_suspect(float_model, images):
    """conv_1 has large weights for a channel that is always 0: no other weight of it is left in 8 bits."""
    from openvino import opset13 as ops

    coarse = float_model.clone()
    nodes = {op.get_friendly_name(): op for op in coarse.get_ordered_ops()}

    def change(name, where, value):
        values = nodes[name].input_value(1).get_node().get_data().copy()
        values[where] = value
        nodes[name].input(1).replace_source_output(ops.constant(values).output(0))

    change("bias_0", (0, 0), -100)
    change("conv_1", (slice(None), 0), 50)
    compiled = ov.compile_model(coarse, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    validate = distance_to(images, [output_of(compiled, image) for image in images])
    restorer = eb.AdvancedAccuracyRestorerParameters(max_num_iterations=0)
    data = eb.Dataset(images)
    with pytest.raises(eb.AccuracyNotReached) as caught:
        eb.quantize_with_accuracy_control(
            coarse, data, data, validate, max_drop=0, recipe=eb.Recipe.NNCF,
            advanced_accuracy_restorer_parameters=restorer,
        )  # fmt: skip
    first, *others = caught.value.suspects
    assert "conv_1" in first.layers and first.share > 0.5
    assert first.share + sum(group.share for group in others) == pytest.approx(1, abs=0.3)


def test_relative_drops_are_shares_of_the_float_metric(call, images, references, full_drop):
    base = distance_to(images, references)

    def validate(model, items):
        return 50 + base(model, items)[0]

    _, relative = call(validate, max_drop=1e9, drop_type=eb.DropType.RELATIVE)
    assert relative.drop == pytest.approx(full_drop / 50, rel=1e-3)
    with pytest.raises(eb.errors.InvalidArgument, match="metric is 0"):
        call(lambda model, items: 0.0, drop_type="relative")


@pytest.mark.parametrize("returns", ["metric", "values", "outputs"])
def test_every_form_of_a_validation(call, images, references, full_drop, returns):
    base = distance_to(images, references)

    def validate(model, items):
        items = list(items)
        metric, values = base(model, items)
        outputs = [[output_of(model, item).copy()] for item in items]
        return {"metric": metric, "values": (metric, values), "outputs": (metric, outputs)}[returns]

    _, result = call(validate, max_drop=full_drop / 2)
    assert result.reached and result.quantizers > 0


def test_a_failure_carries_the_best_model(call):
    restorer = eb.AdvancedAccuracyRestorerParameters(max_num_iterations=0)
    with pytest.raises(eb.AccuracyNotReached, match="max_drop is 0") as caught:
        call(max_drop=0, advanced_accuracy_restorer_parameters=restorer)
    error = caught.value
    assert isinstance(error.model, ov.Model) and error.drop > 0
    assert error.metric == pytest.approx(error.float_metric - error.drop)
    assert error.result.stopped_by == "max_num_iterations" and len(error.result.trials) == 1
    model, result = call(
        max_drop=0, advanced_accuracy_restorer_parameters=restorer, on_failure="return"
    )
    assert not result.reached and isinstance(model, ov.Model)
    assert result.drop == min(trial.drop for trial in result.trials)


def test_only_activations_leaves_weights_quantized(call):
    restorer = eb.AdvancedAccuracyRestorerParameters(restore_mode=eb.RestoreMode.ONLY_ACTIVATIONS)
    with pytest.raises(eb.AccuracyNotReached) as caught:
        call(max_drop=0, advanced_accuracy_restorer_parameters=restorer)
    constants = {
        str(op.get_element_type().to_string())
        for op in caught.value.model.get_ordered_ops()
        if op.get_type_name() == "Constant"
    }
    assert "i8" in constants or "u8" in constants


def test_a_time_limit_ends_the_search(call):
    import time

    def slow(model, items):
        time.sleep(0.3)
        return 0.0 if quantized_flag.pop(0) else -1.0

    quantized_flag = [True] + [False] * 100
    _, result = call(slow, max_drop=0.5, max_minutes=1.0 / 60, on_failure="return")
    assert not result.reached and result.stopped_by == "max_minutes"
    assert len(result.trials) <= 4


def test_the_best_model_is_on_disk_with_its_report(call, full_drop, tmp_path):
    path = tmp_path / "best.xml"
    _, result = call(max_drop=full_drop / 4, best_model=path)
    report = json.loads((tmp_path / "best.json").read_text())
    assert report["reached"] and report["quantizers"] == result.quantizers
    assert len(report["trials"]) == len(result.trials)
    assert quantizers(ov.Core().read_model(path)) > 0
    folder = eb.AdvancedAccuracyRestorerParameters(intermediate_model_dir=tmp_path / "new")
    call(max_drop=1e9, advanced_accuracy_restorer_parameters=folder)
    assert (tmp_path / "new" / "intermediate_model.xml").exists()


@pytest.mark.parametrize("given", [True, False], ids=["path", "temporary"])
def test_what_is_interrupted_leaves_the_best_model(call, tmp_path, monkeypatch, caplog, given):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    calls = []

    def validate(model, items):
        calls.append(1)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return -float(len(calls))

    options = {"best_model": tmp_path / "best.xml"} if given else {}
    with caplog.at_level(logging.WARNING, "eightbit"), pytest.raises(KeyboardInterrupt):
        call(validate, max_drop=0, **options)
    (found,) = tmp_path.rglob("best*.xml")
    assert quantizers(ov.Core().read_model(found)) > 0
    assert str(found) in caplog.text
    assert json.loads(found.with_suffix(".json").read_text())["trials"]


def test_nothing_is_left_behind_otherwise(call, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    call(max_drop=1e9)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"max_drop": -0.1}, "max_drop is -0.1"),
        ({"max_drop": float("nan")}, "max_drop is nan"),
        ({"max_drop": "much"}, "max_drop is 'much'"),
        ({"drop_type": "both"}, "drop_type is 'both'"),
        ({"on_failure": "cry"}, "on_failure is 'cry'"),
        ({"max_minutes": 0}, "max_minutes is 0"),
        ({"validation": [1, 2]}, "validation_dataset is a list"),
        ({"validation": eb.Dataset(iter([1]))}, "ends after one reading"),
        ({"validate": 7}, "validation_fn is a int"),
        ({"validate": lambda model, items: None}, "validation_fn returned None"),
        ({"validate": lambda model, items: "good"}, "validation_fn returned 'good'"),
        ({"validate": lambda model, items: (1.0, "abc")}, "validation_fn returned"),
        ({"validate": lambda model, items: float("nan")}, "metric of the float model is nan"),
        ({"validate": lambda model, items: 1 / 0}, "validation_fn raised ZeroDivisionError"),
        ({"best_model": "best.onnx"}, "ends in .xml"),
    ],
)
def test_errors_say_what_to_do(call, options, text):
    with pytest.raises(eb.errors.InvalidArgument, match=text):
        call(**options)


def test_an_exception_of_the_validation_is_the_cause(call):
    with pytest.raises(eb.errors.InvalidArgument) as caught:
        call(lambda model, items: 1 / 0)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_metric_that_is_lower_for_better_models_is_noticed(call, images, references):
    base = distance_to(images, references)
    _, result = call(lambda model, items: -base(model, items)[0], max_drop=1e-6)
    assert any("lower is better" in note for note in result.notes)


def test_a_validation_set_of_one_item(float_model, images, items):
    data = eb.Dataset(items[:1], lambda item: item[0])

    def validate(model, items):
        return float(np.mean([output_of(model, image).argmax() == label for image, label in items]))

    assert isinstance(
        eb.quantize_with_accuracy_control(float_model, data, data, validate), ov.Model
    )


def test_options_without_effect_say_so(call, caplog):
    with caplog.at_level(logging.WARNING, "eightbit"):
        call(
            max_drop=1e9,
            advanced_accuracy_restorer_parameters=eb.AdvancedAccuracyRestorerParameters(
                num_ranking_workers=2
            ),
        )
    assert "num_ranking_workers=2 has no effect" in caplog.text
