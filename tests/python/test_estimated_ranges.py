"""Ranges where no histogram tells: of what SmoothQuant scales, on samples of any length, and with explicit estimators."""

import eightbit as eb
import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops
from small_models import quantized_sqnr

HEADS, DEPTH, VOCABULARY = 4, 8, 50
WIDTH = HEADS * DEPTH
EXTREMES = eb.AdvancedQuantizationParameters(
    activations_range_estimator_params=eb.RangeEstimatorParametersSet.MINMAX
)


def weights(seed, *shape, fan):
    return ops.constant(
        (np.random.default_rng(seed).standard_normal(shape) / np.sqrt(fan)).astype(np.float32)
    )


def attention() -> ov.Model:
    """A decoder layer over any number of tokens."""
    ids = ops.parameter([1, -1], np.int64, name="ids")
    node = ops.gather(weights(1, VOCABULARY, WIDTH, fan=1), ids, ops.constant(np.int64(0)))
    parts = []
    for name in "qkv":
        part = ops.matmul(
            node, weights(ord(name), WIDTH, WIDTH, fan=WIDTH), False, False, name=f"to_{name}"
        )
        part = ops.reshape(part, ops.constant(np.array([0, 0, HEADS, DEPTH])), True)
        parts.append(ops.transpose(part, ops.constant(np.array([0, 2, 1, 3]))))
    scores = ops.multiply(
        ops.matmul(parts[0], parts[1], False, True), ops.constant(np.float32(DEPTH**-0.5))
    )
    mixed = ops.transpose(
        ops.matmul(ops.softmax(scores, -1), parts[2], False, False),
        ops.constant(np.array([0, 2, 1, 3])),
    )
    mixed = ops.reshape(mixed, ops.constant(np.array([0, 0, WIDTH])), True)
    node = ops.add(
        ops.matmul(mixed, weights(5, WIDTH, WIDTH, fan=WIDTH), False, False, name="out"), node
    )
    node = ops.mvn(node, ops.constant(np.array([-1])), True, 1e-5, "INSIDE_SQRT")
    gain = (1 + np.random.default_rng(8).standard_normal(WIDTH) / 2).astype(np.float32)
    node = ops.matmul(
        ops.multiply(node, ops.constant(gain)),
        weights(6, WIDTH, VOCABULARY, fan=WIDTH),
        False,
        False,
        name="head",
    )
    return ov.Model([ops.result(node)], [ids], "attention")


@pytest.mark.parametrize("tokens", [1, 3, 12, 64])
def test_smoothing_short_samples_costs_nothing(tokens):
    random = np.random.default_rng(tokens)
    data = [random.integers(0, VOCABULARY, (1, tokens)) for _ in range(88)]
    model, found = attention(), {}
    for name, options in (("default", {}), ("extremes", {"advanced_parameters": EXTREMES})):
        quantized = eb.quantize(
            model,
            eb.Dataset(data[:64]),
            model_type=eb.ModelType.TRANSFORMER,
            min_sqnr_db=0,
            **options,
        )
        found[name] = quantized_sqnr(model, quantized, data[64:])
    assert found["default"] > found["extremes"] - 0.5


@pytest.mark.parametrize("tokens", [1, 12])
def test_smoothing_beside_none(tokens):
    """A product alone, all of whose samples are short."""
    x = ops.parameter([tokens, 64], np.float32, name="x")
    model = ov.Model(
        [ops.result(ops.matmul(x, weights(2, 64, 16, fan=64), False, False, name="only"))],
        [x],
        "product",
    )
    random = np.random.default_rng(3)
    data = [random.standard_normal((tokens, 64)).astype(np.float32) for _ in range(88)]
    found = {}
    for model_type in (None, eb.ModelType.TRANSFORMER):
        quantized = eb.quantize(model, eb.Dataset(data[:64]), model_type=model_type, min_sqnr_db=0)
        found[model_type] = quantized_sqnr(model, quantized, data[64:])
    if tokens > 1:
        assert found[eb.ModelType.TRANSFORMER] > found[None] - 1
    assert (
        found[eb.ModelType.TRANSFORMER] > 25
    )  # a value for each channel and sample: 64 of them, and unseen ones are larger


@pytest.mark.parametrize("name", ["MEAN_MINMAX", "MEDIAN_MINMAX"])
def test_the_scheme_beside_an_explicit_estimator(name):
    """Half of the samples reach to the one side and half to the other, so that on average ends lie at half of the reach: the
    scheme whose range is shorter is the one that clips."""
    x = ops.parameter([1, 4, 32], np.float32, name="x")
    model = ov.Model(
        [ops.result(ops.matmul(x, weights(1, 32, 16, fan=32), False, False, name="only"))],
        [x],
        "two_sided",
    )
    random = np.random.default_rng(0)
    sides = random.permutation(np.repeat([-1, 1], 45))
    data = [
        (side * np.abs(random.standard_normal((1, 4, 32)))).astype(np.float32) for side in sides
    ]
    estimator = eb.AdvancedQuantizationParameters(
        activations_range_estimator_params=getattr(eb.RangeEstimatorParametersSet, name)
    )
    found = {}
    for preset in (None, eb.QuantizationPreset.PERFORMANCE):
        quantized = eb.quantize(
            model,
            eb.Dataset(data[:64]),
            preset=preset,
            min_sqnr_db=0,
            advanced_parameters=estimator,
        )
        found[preset] = quantized_sqnr(model, quantized, data[64:])
    assert found[None] > found[eb.QuantizationPreset.PERFORMANCE] - 0.5
    assert found[None] > 25  # with a zero point: below 15
