"""The TensorFlow snippets of the guides for nncf, and what their example does, with one word changed: `import eightbit as nncf`."""

import eightbit as nncf
import numpy as np
import openvino as ov
import pytest
import tensorflow as tf
from small_networks import LAYERS, convolutions, images, outputs, sqnr

CLASSES = 5


@pytest.fixture
def val_dataset():
    """Pictures with labels, as tensorflow_datasets hands them out with as_supervised."""
    pictures = np.concatenate(images(24))
    labels = np.arange(24) % CLASSES
    return tf.data.Dataset.from_tensor_slices((pictures, labels))


def transform_fn(data_item):
    images, _ = data_item
    return images


def test_dataset_quantize_convert_compile_and_save(kit, val_dataset, tmp_path):
    model = convolutions(kit)
    calibration_dataset = nncf.Dataset(val_dataset.batch(1), transform_fn)
    quantized_model = nncf.quantize(model, calibration_dataset)

    ov_quantized_model = ov.convert_model(quantized_model)
    model_int8 = ov.compile_model(ov_quantized_model)
    input_fp32 = images(1)[0]
    assert model_int8(input_fp32)[0].shape == (1, CLASSES)
    ov.save_model(ov_quantized_model, tmp_path / "quantized_model.xml")
    saved = ov.Core().read_model(tmp_path / "quantized_model.xml")
    kinds = [
        each.precision for each in nncf.inspect(saved, input_fp32).layers if each.type in LAYERS
    ]
    assert len(kinds) == 4 and set(kinds) <= {"i8", "u8"}  # AMX takes both


def test_the_folder_of_a_saved_model(kit, val_dataset, tmp_path):
    """As the guide loads it, and by its path."""
    tf.saved_model.save(convolutions(kit), tmp_path / "model_path")
    calibration_dataset = nncf.Dataset(val_dataset.batch(1), transform_fn)
    model = tf.saved_model.load(tmp_path / "model_path")
    quantized_model = nncf.quantize(model, calibration_dataset)
    compiled = ov.compile_model(ov.convert_model(quantized_model))
    by_path = ov.compile_model(
        nncf.quantize(tmp_path / "model_path", nncf.Dataset(images(24))), "CPU"
    )
    for image in images(4, 8):
        np.testing.assert_allclose(compiled(image)[0], by_path(image)[0], atol=0.05)


def test_check_of_the_transformation_function(kit, val_dataset):
    model = convolutions(kit)
    for data_item in val_dataset.batch(1):
        model(transform_fn(data_item))


def test_options_of_the_guide(kit, val_dataset):
    model = convolutions(kit)
    calibration_dataset = nncf.Dataset(val_dataset.batch(1), transform_fn)
    wanted = outputs(model, images(4))
    for options in (
        {"preset": nncf.QuantizationPreset.MIXED},
        {"target_device": nncf.TargetDevice.CPU, "subset_size": 10},
        {"fast_bias_correction": False},
        {"model_type": nncf.ModelType.TRANSFORMER},
        {"ignored_scope": nncf.IgnoredScope(types=["DepthwiseConv2dNative"])},
    ):
        quantized_model = nncf.quantize(model, calibration_dataset, **options)
        assert sqnr(wanted, outputs(quantized_model, images(4))) > 20


def test_batches_and_the_subset_size_of_the_guide(kit, val_dataset):
    """Items of a batch count: the guide's division by the batch size takes fewer samples."""
    batch_size, subset_size = 8, 24
    calibration_dataset = nncf.Dataset(val_dataset.batch(batch_size), transform_fn)
    model = convolutions(kit)
    whole = nncf.calibrate(model, calibration_dataset, subset_size=subset_size)
    part = nncf.calibrate(model, calibration_dataset, subset_size=subset_size // batch_size)
    assert (whole.samples, part.samples) == (24, 3)


@pytest.mark.slow
def test_mobilenet_v2(kit, val_dataset):
    """The guide's example: the architecture of keras.applications, batches of 128, accuracy before and after."""
    kit.utils.set_random_seed(0)
    model = kit.applications.MobileNetV2((64, 64, 3), alpha=0.35, weights=None, classes=CLASSES)
    random = np.random.default_rng(1)
    pictures = random.uniform(-1, 1, (48, 64, 64, 3)).astype(np.float32)
    batches = tf.data.Dataset.from_tensor_slices((pictures, np.zeros(48))).batch(16)
    quantized_model = nncf.quantize(model, nncf.Dataset(batches, transform_fn))
    ov_quantized_model = ov.convert_model(quantized_model)

    def validate(compiled):
        return np.concatenate([compiled(picture[None])[0] for picture in pictures])

    found = validate(ov.compile_model(ov_quantized_model, "CPU"))
    assert sqnr(model.predict(pictures, verbose=0), found) > 20
    layers = nncf.inspect(ov_quantized_model, pictures[:1]).layers
    kinds = [each.precision for each in layers if each.type in LAYERS]
    assert len(kinds) == 53 and set(kinds) <= {"i8", "u8"}
