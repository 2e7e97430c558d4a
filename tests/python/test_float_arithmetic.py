"""Spectra, and norms that an exporter took apart, in front of layers: their arithmetic stays in float, the layers do not."""

import eightbit as eb
import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops
from small_models import quantized_sqnr


def weights(seed, *shape, fan):
    return ops.constant(
        (np.random.default_rng(seed).standard_normal(shape) / np.sqrt(fan)).astype(np.float32)
    )


def square(node):
    return ops.power(node, ops.constant(np.float32(2)))


def spectrum() -> ov.Model:
    """A magnitude spectrum in front of a convolution, as in models that hear."""
    n, k = np.arange(256), np.arange(129)[:, None]
    basis = np.concatenate(
        [np.cos(2 * np.pi * k * n / 256), np.sin(2 * np.pi * k * n / 256)]
    ) * np.hanning(256)
    x = ops.parameter([1, 1, 2048], np.float32, name="x")
    both = ops.convolution(
        x, ops.constant(basis[:, None].astype(np.float32)), [64], [0], [0], [1], name="transform"
    )
    real, imaginary = ops.split(both, ops.constant(np.int64(1)), 2).outputs()
    node = ops.sqrt(ops.add(square(real), square(imaginary), name="power"))
    node = ops.convolution(node, weights(1, 32, 129, 3, fan=387), [1], [0], [0], [1], name="layer")
    return ov.Model([ops.result(node)], [x], "spectrum")


def norm() -> ov.Model:
    """E[x^2] - E[x]^2, as JAX and TensorFlow write it."""
    x = ops.parameter([1, 20, 64], np.float32, name="x")
    h = ops.matmul(x, weights(2, 64, 64, fan=192), False, False, name="a")

    def mean(node):
        total = ops.reduce_sum(node, ops.constant(np.array([-1])), True)
        return ops.divide(total, ops.constant(np.float32(64)))

    m = mean(h)
    variance = ops.maximum(
        ops.subtract(mean(ops.multiply(h, h)), ops.multiply(m, m)), ops.constant(np.float32(0))
    )
    scale = ops.sqrt(ops.add(variance, ops.constant(np.float32(1e-3))))
    node = ops.matmul(
        ops.divide(ops.subtract(h, m), scale), weights(3, 64, 64, fan=192), False, False, name="b"
    )
    return ov.Model([ops.result(node)], [x], "norm")


def sounds(random):
    return (random.standard_normal((1, 1, 2048)).cumsum(-1) * 10 ** random.uniform(-2.5, 0)).astype(
        np.float32
    )


def vectors(random):
    return (random.standard_normal((1, 20, 64)) * 10 ** random.uniform(-1, 1)).astype(np.float32)


def as_loud_as_others(sample):
    return sample / np.abs(sample).max()


@pytest.mark.parametrize(
    "net, make, least", [(spectrum, sounds, 25), (norm, vectors, 14)], ids=["spectrum", "norm"]
)
def test_arithmetic_in_front_of_layers_stays_in_float(net, make, least):
    random = np.random.default_rng(0)
    data = [as_loud_as_others(make(random)) for _ in range(60)]
    report = eb.Report()
    quantized = eb.quantize(net(), eb.Dataset(data[:50]), report=report, min_sqnr_db=0)
    assert quantized_sqnr(net(), quantized, data[50:]) >= least
    assert report.weight_quantizers == 2 and report.activation_quantizers == 2


@pytest.mark.parametrize(
    "net, make", [(spectrum, sounds), (norm, vectors)], ids=["spectrum", "norm"]
)
def test_inputs_of_very_different_loudness_are_read_in_floats(net, make):
    random = np.random.default_rng(0)
    data = [make(random) for _ in range(60)]
    report = eb.Report()
    quantized = eb.quantize(net(), eb.Dataset(data[:50]), report=report, min_sqnr_db=0)
    assert report.weight_quantizers == 1 and report.activation_quantizers == 1
    assert "20 dB of signal to noise at most" in report.plan_text
    # too few samples to tell: the quiet ones keep a few levels
    few = eb.quantize(net(), eb.Dataset(data[:19]), min_sqnr_db=0)
    unseen = data[50:]
    assert quantized_sqnr(net(), quantized, unseen) >= 25
    assert quantized_sqnr(net(), quantized, unseen) > quantized_sqnr(net(), few, unseen) + 6
    eb.quantize(net(), eb.Dataset(data[:50]), report=report, recipe=eb.Recipe.NNCF)
    assert report.weight_quantizers > 1
