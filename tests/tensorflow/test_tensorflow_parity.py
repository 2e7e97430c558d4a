"""Trained models in both Keras, beside the same models converted to OpenVINO and quantized there."""

import eightbit as eb
import numpy as np
import openvino as ov
import pytest
import trained_networks as trained
from small_networks import LAYERS, sqnr

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not trained.INPUTS.exists(), reason="bench/make_inputs.py makes the data"),
]


def precisions(model, sample) -> list[str]:
    layers = [layer for layer in eb.inspect(model, sample).layers if layer.type in LAYERS]
    return [layer.precision for layer in layers]


def run(model, samples) -> np.ndarray:
    compiled = ov.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.concatenate([compiled(sample)[0] for sample in samples])


def by_name(model, samples):
    """As a converted model takes them."""
    names = [port.any_name for port in model.inputs]
    keys = ["input_ids" if "ids" in name else "attention_mask" for name in names]
    return [{name: item[key] for name, key in zip(names, keys, strict=True)} for item in samples]


def test_efficientnet_lite0(kit):
    model = trained.efficientnet_lite0(kit)
    calibration, unseen = eb.Dataset(trained.images(0, 300)), trained.images(400, 64)
    wanted = np.concatenate([model.predict_on_batch(each) for each in unseen])
    converted = ov.convert_model(eb.quantize(model, calibration))
    ours = sqnr(wanted, run(converted, unseen))
    theirs = sqnr(wanted, run(eb.quantize(ov.convert_model(model), calibration), unseen))
    assert ours > 22.5 and ours > theirs - 0.5
    found = precisions(converted, unseen[0])
    assert len(found) == 50 and set(found) == {"u8"}


@pytest.mark.parametrize("attention", ["dense", "multi_head"])
def test_minilm(kit, attention):
    """model_type is not given."""
    model = trained.minilm(kit, attention)
    calibration, unseen = trained.texts(0, 100), trained.texts(400, 32)
    wanted = np.concatenate(
        [model.predict_on_batch([each["input_ids"], each["attention_mask"]]) for each in unseen]
    )
    quantized = eb.quantize(model, eb.Dataset(calibration))
    converted = ov.convert_model(quantized)
    found = run(converted, by_name(converted, unseen))
    assert sqnr(wanted, found) > 20.5
    kinds = precisions(converted, by_name(converted, unseen)[0])
    assert sum(each in ("i8", "u8") for each in kinds) >= 36
    plain = ov.convert_model(model)
    theirs = eb.quantize(plain, eb.Dataset(by_name(plain, calibration)))
    assert sqnr(wanted, found) > sqnr(wanted, run(theirs, by_name(theirs, unseen))) - 0.5
