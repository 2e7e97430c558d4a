"""Options that are chosen by what they do to the outputs."""

import json

import eightbit as eb
import numpy as np
import openvino as ov
import openvino.opset13 as ops
import pytest
from eightbit import _eightbit
from eightbit._models import to_native_model


@pytest.fixture(scope="module")
def products() -> ov.Model:
    """Three matrix products, whose weights are rounded together only when that is asked for."""
    random = np.random.default_rng(3)
    node = image = ops.parameter([1, 16, 64], np.float32, name="image")
    for index, (inputs, outputs) in enumerate([(64, 256), (256, 64), (64, 10)]):
        weights = (random.standard_normal((inputs, outputs)) / np.sqrt(inputs)).astype(np.float32)
        node = ops.matmul(node, ops.constant(weights), False, False, name=f"product_{index}")
        node = ops.relu(node, name=f"relu_{index}") if index < 2 else node
    return ov.Model([ops.result(node)], [image], "products")


@pytest.fixture(scope="module")
def many() -> list[np.ndarray]:
    """Inputs that vary together: there is much for rounding together to gain."""
    random = np.random.default_rng(7)
    mixed = random.standard_normal((3, 64))
    return [(random.standard_normal((1, 16, 3)) @ mixed).astype(np.float32) for _ in range(120)]


def decibels(reference: ov.CompiledModel, other: ov.CompiledModel, images) -> float:
    pairs = [(reference(image)[0], other(image)[0]) for image in images]
    return 10 * np.log10(
        sum((a**2).sum() for a, _ in pairs) / sum(((a - b) ** 2).sum() for a, b in pairs)
    )


def compiled(model: ov.Model) -> ov.CompiledModel:
    return ov.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


def test_the_best_trial_is_what_comes_back(products, many):
    result, report = eb.TuneResult(), eb.Report()
    tuned = eb.tune(products, eb.Dataset(many[:100]), result=result, report=report)
    assert isinstance(tuned, ov.Model) and report.samples == 100
    assert result.trials[0].what == "as asked"
    best = result.trials[0]
    for trial in result.trials[1:]:  # less than 0.05 dB is chance
        best = trial if trial.sqnr_db >= best.sqnr_db + 0.05 else best
    assert best.sqnr_db >= result.trials[0].sqnr_db + 0.05
    options = json.loads(result.options.to_json())
    name, value = best.what.split("=")
    chosen = options.get(name, options["advanced_parameters"].get(name))
    assert str(chosen).lower() == value or isinstance(chosen, dict)
    assert any(note.startswith("tuned: ") for note in report.notes)
    plain = eb.quantize(products, eb.Dataset(many[:100]))
    reference = compiled(products)
    assert (
        decibels(reference, compiled(tuned), many[100:])
        > decibels(reference, compiled(plain), many[100:]) - 0.5
    )


def test_the_data_is_read_once_and_given_options_stay(products, many):
    read = []
    result = eb.TuneResult()
    eb.tune(
        products,
        eb.Dataset(read.append(1) or image for image in many[:80]),
        preset=eb.QuantizationPreset.MIXED,
        weight_rounding=eb.WeightRounding.NEAREST,
        fast_bias_correction=False,
        result=result,
    )
    assert len(read) == 80
    tried = " ".join(trial.what for trial in result.trials)
    assert "preset" not in tried and "weight_rounding" not in tried and "fast_bias" not in tried
    assert json.loads(result.options.to_json())["preset"] == "mixed"


def native_options(**given):
    options = _eightbit.QuantizeOptions()
    for name, value in given.items():
        setattr(options, name, value)
    return options


@pytest.mark.parametrize(
    "given",
    [{"min_sqnr_db": 30.0}, {"max_float_share": 0.2}, {"strict": True, "min_sqnr_db": 25.0}],
    ids=lambda given: next(iter(given)),
)
def test_what_decides_by_a_trial_run_is_refused_before_anything_is_measured(products, many, given):
    """Python has no such arguments; the library below it says so, to C++ too."""
    read = []
    source = eb.Dataset(read.append(1) or image for image in many[:80])
    with pytest.raises(eb.InvalidArgument, match=f"tune.*{next(iter(given))}.* no effect"):
        _eightbit.tune(
            to_native_model(products, eb.Engine.AUTO),
            source._native(),
            native_options(**given),
            _eightbit.RunOptions(),
        )
    assert not read


def test_too_few_samples(products, many):
    with pytest.raises(eb.DataError, match="at least two"):
        eb.tune(products, eb.Dataset(many[:1]))
    assert isinstance(eb.tune(products, eb.Dataset(many[:2])), ov.Model)


def test_accuracy_control_tunes_before_it_gives_layers_up(products, many):
    reference, unseen = compiled(products), many[100:]

    def validate(model, items):
        return min(decibels(reference, model, unseen), 60.0)

    def controlled(max_drop, tune):
        result = eb.AccuracyResult()
        eb.quantize_with_accuracy_control(
            products, eb.Dataset(many[:100]), eb.Dataset(unseen), validate, max_drop=max_drop,
            on_failure=eb.OnFailure.RETURN, result=result,
            advanced_accuracy_restorer_parameters=eb.AdvancedAccuracyRestorerParameters(
                tune_hyperparams=tune, max_num_iterations=1
            ),
        )  # fmt: skip
        return result

    first = controlled(0.0, True)
    plain, tuned = first.trials[0], first.trials[1]
    assert tuned.what == "tuned" and tuned.drop < plain.drop
    reached = controlled((plain.drop + tuned.drop) / 2, True)
    assert reached.reached and reached.quantizers == reached.all_quantizers and not reached.reverted
    assert [trial.what for trial in reached.trials] == ["all quantized", "tuned"]
    assert all(trial.what != "tuned" for trial in controlled(0.0, False).trials)
