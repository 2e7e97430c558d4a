"""Trained models in both Keras, beside the same models converted to OpenVINO and quantized there."""

import re
import subprocess
import sys
import time

import eightbit as eb
import keras
import numpy as np
import openvino as ov
import pytest
import tensorflow as tf
import trained_networks as trained
from small_networks import LAYERS, in_tflite, layers_of, run_tflite, sqnr

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


def integers(found: list[str]) -> int:
    return sum(each in ("i8", "u8") for each in found)


def megabytes(folder) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20


def seconds_of(call) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def speed_of(one, other, sample, rounds: int = 300) -> float:
    """How many times as fast the first one is, both in turns, by what a quarter of the runs is faster than."""
    models = [ov.compile_model(model, "CPU") for model in (one, other)]
    seconds = [[], []]
    for number in range(rounds):
        for place in (0, 1) if number % 2 else (1, 0):
            seconds[place].append(seconds_of(lambda at=place: models[at](sample)))
    return float(np.quantile(seconds[1], 0.25) / np.quantile(seconds[0], 0.25))


def is_as_fast(one, other, sample) -> bool:
    """In one of three tries: what else the machine does slows down either."""
    return any(speed_of(one, other, sample) > 0.97 for _ in range(3))


def ratio_of(one, other, rounds: int = 3) -> float:
    """How many times as long the first call takes, both in turns."""
    return float(np.median([seconds_of(one) / seconds_of(other) for _ in range(rounds)]))


def test_efficientnet_lite0(kit, tmp_path):
    model = trained.efficientnet_lite0(kit)
    calibration, unseen = eb.Dataset(trained.images(0, 300)), trained.images(400, 64)
    wanted = np.concatenate([model.predict_on_batch(each) for each in unseen])
    quantized = eb.quantize(model, calibration)
    converted, other = (
        ov.convert_model(quantized),
        eb.quantize(ov.convert_model(model), calibration),
    )
    ours, theirs = (sqnr(wanted, run(each, unseen)) for each in (converted, other))
    assert ours > 22.8 and ours > theirs - 0.5
    found = precisions(converted, unseen[0])
    assert len(found) == integers(found) == 50
    assert is_as_fast(converted, other, unseen[0])
    tf.saved_model.save(eb.strip(quantized), tmp_path / "stripped")
    assert megabytes(tmp_path / "stripped") < 5


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
    plain = ov.convert_model(model)
    other = eb.quantize(plain, eb.Dataset(by_name(plain, calibration)))
    ours, theirs = (sqnr(wanted, run(each, by_name(each, unseen))) for each in (converted, other))
    assert ours > 20.5 and abs(ours - theirs) < 0.5
    for each in (converted, other):
        assert integers(precisions(each, by_name(each, unseen)[0])) >= 36
    assert is_as_fast(converted, other, by_name(converted, unseen)[0])


def test_mini_xception():
    """A file of Keras 2, with separable convolutions."""
    path, calibration, unseen = (
        trained.mini_xception(),
        trained.faces(0, 200),
        trained.faces(400, 64),
    )
    model = keras.models.load_model(path, compile=False)
    wanted = np.concatenate([model.predict_on_batch(each) for each in unseen])
    quantized = eb.quantize(path, eb.Dataset(calibration))
    converted = ov.convert_model(quantized)
    assert sqnr(wanted, run(converted, unseen)) > 23.5
    found = precisions(converted, unseen[0])
    assert len(found) == integers(found) == 23


def test_basic_pitch():
    """A SavedModel with three outputs, whose first layers do not like 8 bits."""
    model = tf.saved_model.load(str(trained.basic_pitch()))
    calibration, unseen = trained.chords(0, 16), trained.chords(100, 16)
    quantized = eb.quantize(model, eb.Dataset(calibration))
    compiled = ov.compile_model(
        ov.convert_model(quantized), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    serving = model.signatures["serving_default"]
    wanted = [serving(input_2=tf.constant(each)) for each in unseen]
    in_tensorflow, in_openvino = (
        [each(sound) for sound in unseen] for each in (quantized, compiled)
    )
    for name in ("contour", "note", "onset"):
        floats = np.concatenate([each[name] for each in wanted])
        ours, theirs = (
            sqnr(floats, np.concatenate([each[name] for each in all_of]))
            for all_of in (in_tensorflow, in_openvino)
        )
        assert ours > 20 and abs(ours - theirs) < 0.2, name


def test_tflite():
    """One range for each activation; the last layer, whose outputs have none, stays in floats."""
    model = trained.efficientnet_lite0(keras)
    calibration, unseen = eb.Dataset(trained.images(0, 300)), trained.images(400, 32)
    one_range = eb.QuantizationParameters(per_channel=False)
    advanced = eb.AdvancedQuantizationParameters(activations_quantization_params=one_range)
    quantized = eb.quantize(model, calibration, advanced_parameters=advanced)
    interpreter = in_tflite(eb.strip(quantized, strip_format=eb.StripFormat.IN_PLACE))
    layers = layers_of(interpreter, "CONV_2D", "DEPTHWISE_CONV_2D")
    assert layers == [[np.int8, np.int8]] * 49
    wanted = np.concatenate([model.predict_on_batch(each) for each in unseen])
    assert sqnr(wanted, run_tflite(interpreter, unseen)) > 14


def test_calibration_takes_little_longer_than_the_model():
    """With all that is done before samples are run. OpenVINO measures as fast as it measures the converted model."""
    model, samples = trained.efficientnet_lite0(keras), trained.images(0, 300)
    data = eb.Dataset(samples)
    function = tf.function(lambda image: model(image, training=False))
    function(samples[0])
    converted = ov.convert_model(model)

    def own():
        for sample in samples:
            function(tf.constant(sample))

    assert ratio_of(lambda: eb.calibrate(model, data), own) < 2.0
    twin = ratio_of(
        lambda: eb.calibrate(model, data, engine="openvino"), lambda: eb.calibrate(converted, data)
    )
    assert twin < 1.3


def test_the_example_of_efficientnet_lite0(tmp_path):
    script = trained.ROOT / "examples" / "efficientnet_lite0" / "quantize.py"
    pictures = trained.INPUTS / "images"
    done = subprocess.run(
        [sys.executable, script, pictures, tmp_path, "--calibration", "100"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "50 of 50 layers in integers" in done.stdout
    agreement = int(re.search(r"(\d+)% of 100 pictures get the same class", done.stdout)[1])
    assert agreement > 80
