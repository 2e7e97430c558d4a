"""Inputs that say how large, where and how many: rounded, they change shapes or take other elements."""

import eightbit as eb
import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from onnx_models import F32, I64, model_of, node, quantized_tensors, run, sqnr, weight

RNG = np.random.default_rng(4)
WEIGHTS = {"w1": weight(1, 8, 3, 3, 3), "w2": weight(2, 4, 8, 3, 3)}


def x():
    return RNG.normal(size=(1, 3, 24, 24)).astype(np.float32)


def between_convolutions(*inner, inputs=(), **constants):
    """From r to u."""
    nodes = [
        node("Conv", "x w1", "c", "conv1", pads=[1] * 4), node("Relu", "c", "r", "relu"), *inner,
        node("Conv", "u w2", "y", "conv2", pads=[1] * 4),
    ]  # fmt: skip
    return model_of(
        nodes, [("x", F32, [1, 3, 24, 24]), *inputs], [("y", F32, [1, 4, None, None])], WEIGHTS | constants
    )  # fmt: skip


RATIO = ("ratio", F32, [1])


def by_scales():
    return between_convolutions(
        node("Mul", "ratio two", "twice", "twice"),
        node("Concat", "ones twice twice", "scales", "scales", axis=0),
        node("Resize", "r _ scales", "u", "resize", mode="nearest"),
        inputs=[RATIO], ones=np.ones(2, np.float32), two=np.float32([2]),
    )  # fmt: skip


def by_sizes():
    return between_convolutions(
        node("Mul", "ratio edge", "f", "edge_of"),
        node("Add", "f little", "g", "nearly"),
        node("Cast", "g", "i", "whole", to=I64),
        node("Concat", "front i i", "sizes", "sizes", axis=0),
        node("Resize", "r _ _ sizes", "u", "resize", mode="nearest"),
        inputs=[RATIO], edge=np.float32([24]), little=np.float32([0.01]), front=np.array([1, 8]),
    )  # fmt: skip


def by_the_end_of_a_slice():
    return between_convolutions(
        node("Mul", "ratio edge", "f", "edge_of"),
        node("Add", "f little", "g", "nearly"),
        node("Cast", "g", "end", "whole", to=I64),
        node("Slice", "r zero end axis", "u", "slice"),
        inputs=[RATIO], edge=np.float32([24]), little=np.float32([0.01]), zero=np.array([0]), axis=np.array([3]),
    )  # fmt: skip


@pytest.mark.parametrize("network", [by_scales, by_sizes, by_the_end_of_a_slice])
def test_an_output_keeps_its_size(network):
    model = network()
    samples = [{"x": x(), "ratio": np.float32([r])} for r in (0.5, 0.75, 0.3, 1.0, 0.9) * 5]
    quantized = eb.quantize(model, eb.Dataset(samples), trial_run=False)
    assert sqnr(run(model, samples), run(quantized, samples)) > 20
    assert not {"ratio", "f", "g", "twice", "scales"} & set(quantized_tensors(quantized))
    assert len(quantized_tensors(quantized)) >= 2


def test_openvino_too():
    openvino = pytest.importorskip("openvino")
    model = by_scales()
    samples = [{"x": x(), "ratio": np.float32([r])} for r in (0.5, 0.75, 0.3, 1.0) * 5]
    network = openvino.Core().read_model(model.SerializeToString())
    compiled = openvino.Core().compile_model(
        eb.quantize(network, eb.Dataset(samples), trial_run=False), "CPU"
    )
    assert sqnr(run(model, samples), [[compiled(sample)[0]] for sample in samples]) > 20


def test_a_computed_bias_stays_as_it_is():
    nodes = [
        node("MatMul", "z wb", "zb", "to_bias"),
        node("Reshape", "zb eight", "bias", "flat"),
        node("Conv", "x w1 bias", "y", "conv", pads=[1] * 4),
    ]
    model = model_of(
        nodes, [("x", F32, [1, 3, 24, 24]), ("z", F32, [1, 8])], [("y", F32, [1, 8, 24, 24])],
        {"w1": WEIGHTS["w1"], "wb": weight(5, 8, 8), "eight": np.array([8])},
    )  # fmt: skip
    samples = [{"x": x(), "z": RNG.normal(size=(1, 8)).astype(np.float32)} for _ in range(12)]
    quantized = eb.quantize(model, eb.Dataset(samples), trial_run=False)
    assert not {"zb", "bias"} & set(quantized_tensors(quantized))
    assert sqnr(run(model, samples), run(quantized, samples)) > 25
