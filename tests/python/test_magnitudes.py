"""The unit of the data changes nothing: histograms cover every finite f32."""

import eightbit as eb
import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from onnx_models import F32, model_of, node, run, sqnr, weight


def quality(factor, **options):
    nodes = [
        node("MatMul", "x w1", "a", "first"), node("Relu", "a", "r", "relu"),
        node("MatMul", "r w2", "y", "last"),
    ]  # fmt: skip
    constants = {"w1": weight(1, 32, 32), "w2": weight(2, 32, 16, fan_in=32)}
    model = model_of(nodes, [("x", F32, [4, 32])], [("y", F32, [4, 16])], constants)
    random = np.random.default_rng(6)
    samples = [{"x": (factor * random.normal(size=(4, 32))).astype(np.float32)} for _ in range(24)]
    quantized = eb.quantize(model, eb.Dataset(samples[:16]), **options)
    return sqnr(run(model, samples[16:]), run(quantized, samples[16:]))


@pytest.mark.parametrize("factor", [1e-12, 1e-8, 1e-4, 1e8])
def test_data_in_other_units(factor):
    assert abs(quality(factor) - quality(1.0)) < 1.5


def test_squares_that_the_records_can_not_hold():
    """Weights are then scaled as if all channels were alike."""
    assert quality(1e15) > 25


@pytest.mark.parametrize("factor", [1e-8, 1e8])
def test_asymmetric(factor):
    options = {"preset": eb.QuantizationPreset.MIXED}
    assert abs(quality(factor, **options) - quality(1.0, **options)) < 1.5
