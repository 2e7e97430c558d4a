"""weight_rounding="adaptive": better weights on a real network, the same bytes however it is run."""

import os
from pathlib import Path

import eightbit as eb
import numpy as np
import openvino as ov
import pytest
from small_models import conv_net, serialized

INPUTS = Path(os.environ.get("EIGHTBIT_INPUTS", "bench/inputs"))
ADAPTIVE = eb.WeightRounding.ADAPTIVE


@pytest.fixture(scope="module")
def images() -> list[np.ndarray]:
    return list(np.load(INPUTS / "images.npz")["image"][:, None][:160])


def noise(reference, model, images) -> float:
    precise = {"INFERENCE_PRECISION_HINT": "f32"}
    float_model, tested = (ov.compile_model(m, "CPU", precise) for m in (reference, model))
    return sum(float(np.sum((float_model(x)[0] - tested(x)[0]) ** 2)) for x in images)


def test_a_network_loses_less(images):
    model = ov.Core().read_model(INPUTS / "efflite0.xml")
    statistics = eb.calibrate(model, eb.Dataset(images[:96]), subset_size=96)
    nearest = eb.quantize(
        model, statistics, weight_rounding=eb.WeightRounding.NEAREST, trial_run=False
    )
    default = eb.Report()
    quick = eb.quantize(model, statistics, report=default, trial_run=False)
    report = eb.Report()
    adaptive = eb.quantize(
        model, statistics, weight_rounding=ADAPTIVE, report=report, trial_run=False
    )
    assert any(note.startswith("weight rounding: 50 layers") for note in report.notes)
    assert any(note.startswith("weight rounding: 45 layers") for note in default.notes)
    assert "weight rounding" in {step.step for step in report.steps}
    held_out = images[96:]
    before = noise(model, nearest, held_out)
    assert noise(model, adaptive, held_out) < 0.92 * before
    assert noise(model, quick, held_out) < 0.92 * before


def test_threads_and_statistics_do_not_change_a_byte(samples, tmp_path):
    model = conv_net()
    files = []
    statistics = eb.calibrate(model, eb.Dataset(samples))
    for index, threads in enumerate((1, 2)):
        quantized = eb.quantize(
            model, eb.Dataset(samples), weight_rounding="adaptive", threads=threads, trial_run=False
        )
        files.append(serialized(quantized, tmp_path, f"{index}"))
    quantized = eb.quantize(model, statistics, weight_rounding="adaptive", trial_run=False)
    files.append(serialized(quantized, tmp_path, "statistics"))
    assert files[0][1] == files[1][1] == files[2][1]
    nearest = serialized(
        eb.quantize(model, eb.Dataset(samples), weight_rounding="nearest", trial_run=False),
        tmp_path,
        "nearest",
    )
    assert files[0][1] != nearest[1]


def test_it_works_without_bias_correction(samples):
    advanced = eb.AdvancedQuantizationParameters(disable_bias_correction=True)
    report = eb.Report()
    eb.quantize(
        conv_net(), eb.Dataset(samples), weight_rounding=ADAPTIVE, advanced_parameters=advanced,
        report=report,
        trial_run=False,
    )  # fmt: skip
    assert any("weight rounding: 3 layers" in note for note in report.notes)
    unasked = eb.Report()
    eb.quantize(
        conv_net(),
        eb.Dataset(samples),
        advanced_parameters=advanced,
        report=unasked,
        trial_run=False,
    )
    assert not any("weight rounding" in note for note in unasked.notes)


@pytest.mark.parametrize(
    "other", [{"recipe": eb.Recipe.NNCF}, {"mode": eb.QuantizationMode.FP8_E4M3}]
)
def test_what_makes_it_void_is_told(samples, other):
    with pytest.raises(eb.InvalidArgument, match="weight_rounding has no effect"):
        eb.quantize(
            conv_net(), eb.Dataset(samples), weight_rounding=ADAPTIVE, **other, trial_run=False
        )


def test_unknown_names_are_refused(samples):
    with pytest.raises(eb.InvalidArgument, match="weight_rounding is .adaround."):
        eb.quantize(conv_net(), eb.Dataset(samples), weight_rounding="adaround", trial_run=False)
