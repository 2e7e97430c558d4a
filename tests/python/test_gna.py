"""GNA, an accelerator for speech: 16 bits, in IR that runs on a CPU."""

import logging

import eightbit as eb
import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops
from small_models import sqnr, weights

WIDTH = 40


def acoustic_model() -> ov.Model:
    """A convolution over frames, two layers with sigmoid and tanh, scores."""
    x = ops.parameter([1, 1, 8, WIDTH], np.float32, name="frames")
    h = ops.convolution(x, weights(8, 1, 8, 5), [1, 1], [0, 0], [0, 0], [1, 1])
    h = ops.reshape(ops.relu(h), ops.constant(np.array([1, -1])), False)
    for i, squash in enumerate((ops.sigmoid, ops.tanh)):
        h = squash(
            ops.add(
                ops.matmul(h, weights(64, h.shape[1], seed=i), False, True), weights(1, 64, seed=9)
            )
        )
    return ov.Model([ops.result(ops.matmul(h, weights(32, 64, seed=3), False, True))], [x], "am")


def frames(count, seed=3):
    random = np.random.default_rng(seed)
    return [random.standard_normal((1, 1, 8, WIDTH)).astype(np.float32) for _ in range(count)]


def outputs(model):
    compiled = ov.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.concatenate([compiled(x)[0] for x in frames(60, seed=7)])


def levels_of(model):
    """Of weights of convolutions and of products, and of activations."""
    found = {"Convolution": set(), "MatMul": set(), "activations": set()}
    for op in model.get_ops():
        for port in range(op.get_input_size()):
            source = op.input_value(port).node
            if source.get_type_name() != "FakeQuantize":
                continue
            constant = source.input_value(0).node.get_type_name() == "Constant"
            kind = op.get_type_name() if constant and port == 1 else "activations"
            found[kind].add(source.get_attributes()["levels"])
    return found


@pytest.mark.parametrize("device", ["GNA", "GNA3", "GNA3.5"])
@pytest.mark.parametrize("preset", [None, eb.QuantizationPreset.MIXED])
def test_16_bits_leave_60_db(device, preset):
    model = acoustic_model()
    quantized = eb.quantize(
        model, eb.Dataset(frames(100)), target_device=eb.TargetDevice(device), preset=preset
    )
    assert sqnr(outputs(model), outputs(quantized)) >= 60
    assert levels_of(quantized) == {
        "Convolution": {65535}, "MatMul": {65535}, "activations": {65536},
    }  # fmt: skip


@pytest.mark.parametrize("device, convolution", [("GNA", 16), ("GNA3", 8), ("GNA3.5", 8)])
def test_performance_has_weights_of_8_bits_where_the_device_has_them(device, convolution):
    model = acoustic_model()
    quantized = eb.quantize(
        model,
        eb.Dataset(frames(100)),
        target_device=eb.TargetDevice(device),
        preset=eb.QuantizationPreset.PERFORMANCE,
    )
    assert sqnr(outputs(model), outputs(quantized)) > 25
    plan = eb.plan(
        model,
        target_device=eb.TargetDevice(device),
        preset=eb.QuantizationPreset.PERFORMANCE,
    ).text
    weights_of = [line for line in plan.splitlines() if "weight" in line and "sym" in line]
    assert sum("16b sym pt" in line for line in weights_of) == (1 if convolution == 16 else 0)
    assert sum("8b sym pc" in line for line in weights_of) == 3


def test_that_no_openvino_has_the_plug_in_is_told(caplog):
    report = eb.Report()
    with caplog.at_level(logging.WARNING, "eightbit"):
        eb.quantize(
            acoustic_model(),
            eb.Dataset(frames(20)),
            target_device=eb.TargetDevice.GNA3_5,
            report=report,
        )
    assert "target_device GNA3.5: no current runtime has its plug-in" in caplog.text
    assert any("GNA3.5" in note for note in report.notes)
