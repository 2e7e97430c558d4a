"""Tensors without elements: a halo of width 0, a cache that is still empty, a second input that few samples have."""

import eightbit as eb
import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from onnx_models import F32, I64, model_of, node, run, sqnr, weight

RNG = np.random.default_rng(3)
WEIGHTS = {"w": weight(1, 8, 8), "v": weight(2, 8, 4, fan_in=8), "b": weight(3, 8), "zero": np.array([0]), "axis": np.array([1])}  # fmt: skip
LAST = [node("Concat", "h x", "j", "join", axis=1), node("MatMul", "j v", "y", "last")]


def x():
    return RNG.normal(size=(1, 6, 8)).astype(np.float32)


def cut_off(*layers, count="zero", inputs=()):
    """The first `count` rows go through `layers`, from e to h, and come back in front of all rows."""
    cut = node("Slice", f"x zero {count} axis", "e", "cut")
    return model_of(
        [cut, *layers, *LAST], [("x", F32, [1, 6, 8]), *inputs], [("y", F32, [1, None, 4])], WEIGHTS
    )


def test_a_layer_that_computes_nothing():
    model, samples = cut_off(node("MatMul", "e w", "h", "empty")), [{"x": x()} for _ in range(20)]
    report = eb.Report()
    quantized = eb.quantize(model, eb.Dataset(samples[:16]), report=report, trial_run=False)
    assert sqnr(run(model, samples[16:]), run(quantized, samples[16:])) > 25
    assert any("had elements there" in note for note in report.notes)
    assert "empty/bias_correction" not in [n.name for n in quantized.graph.node]


def test_what_no_sample_filled_stays_in_float():
    """Its range is not known: one of zeros would make zeros of all that comes later."""
    model = cut_off(node("MatMul", "e w", "h", "often_empty"), count="n", inputs=[("n", I64, [1])])
    samples = [{"x": x(), "n": np.array([0 if i < 16 else 3])} for i in range(20)]
    quantized = eb.quantize(model, eb.Dataset(samples[:16]), trial_run=False)
    assert sqnr(run(model, samples[16:]), run(quantized, samples[16:])) > 25


def test_samples_without_elements_do_not_move_a_range():
    model = cut_off(
        node("MatMul", "e w", "h", "sometimes_empty"), count="n", inputs=[("n", I64, [1])]
    )
    some = [{"x": x(), "n": np.array([i % 4])} for i in range(24)]
    full = [sample for sample in some if sample["n"][0] > 0]
    a = eb.quantize(
        model, eb.Dataset(some), advanced_parameters=WITHOUT_CORRECTION, trial_run=False
    )
    assert sqnr(run(model, some), run(a, some)) > 25
    assert sqnr(run(model, full), run(a, full)) > 25


WITHOUT_CORRECTION = eb.AdvancedQuantizationParameters(disable_bias_correction=True)
