"""The snippets of the guide to quantization with accuracy control, with one word changed: `import eightbit as nncf`."""

import eightbit as nncf
import numpy as np
import openvino as ov
import pytest


@pytest.fixture
def calibration_loader(items):
    """(images, labels), as a DataLoader with batches of one yields them."""
    return [(image, np.array([label])) for image, label in items]


@pytest.fixture
def calibration_dataset(calibration_loader):
    def transform_fn(data_item):
        images, _ = data_item
        return images

    return nncf.Dataset(calibration_loader, transform_fn)


def validate(model: ov.CompiledModel, validation_loader) -> float:
    predictions = []
    references = []
    output = model.outputs[0]
    for images, target in validation_loader:
        pred = model(images)[output]
        predictions.append(np.argmax(pred, axis=1))
        references.append(target)
    predictions = np.concatenate(predictions, axis=0)
    references = np.concatenate(references, axis=0)
    return float(np.mean(predictions == references))


@pytest.mark.parametrize("drop_type", [nncf.DropType.ABSOLUTE, nncf.DropType.RELATIVE])
def test_the_page_for_openvino(float_model, calibration_dataset, images, tmp_path, drop_type):
    quantized_model = nncf.quantize_with_accuracy_control(
        float_model,
        calibration_dataset=calibration_dataset,
        validation_dataset=calibration_dataset,
        validation_fn=validate,
        max_drop=0.01,
        drop_type=drop_type,
    )
    model_int8 = ov.compile_model(quantized_model)
    assert model_int8(images[0])[0].shape == (1, 5)
    ov.save_model(quantized_model, tmp_path / "quantized_model.xml", compress_to_fp16=False)
    again = ov.compile_model(
        tmp_path / "quantized_model.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    assert validate(again, calibration_dataset.get_data()) >= 0.99


def test_every_parameter_of_nncf(float_model, calibration_dataset, tmp_path):
    from eightbit.quantization.advanced_parameters import (
        AdvancedAccuracyRestorerParameters,
        AdvancedQuantizationParameters,
        RestoreMode,
    )

    quantized = nncf.quantize_with_accuracy_control(
        float_model,
        calibration_dataset,
        calibration_dataset,
        validate,
        max_drop=0.5,
        drop_type=nncf.DropType.ABSOLUTE,
        preset=nncf.QuantizationPreset.MIXED,
        target_device=nncf.TargetDevice.CPU,
        subset_size=10,
        fast_bias_correction=True,
        model_type=None,
        ignored_scope=nncf.IgnoredScope(names=["conv_0"]),
        advanced_quantization_parameters=AdvancedQuantizationParameters(),
        advanced_accuracy_restorer_parameters=AdvancedAccuracyRestorerParameters(
            max_num_iterations=3,
            tune_hyperparams=False,
            ranking_subset_size=8,
            num_ranking_workers=None,
            intermediate_model_dir=str(tmp_path),
            restore_mode=RestoreMode.ACTIVATIONS_AND_WEIGHTS,
        ),
    )
    (layer,) = [op for op in quantized.get_ordered_ops() if op.get_friendly_name() == "conv_0"]
    assert layer.input_value(0).get_node().get_type_name() == "Parameter"


def onnx_classifier():
    """Two convolutions and a product, with fixed random weights."""
    onnx = pytest.importorskip("onnx")
    random = np.random.default_rng(3)

    def weights(name, *shape):
        return onnx.numpy_helper.from_array(
            (random.standard_normal(shape) * 0.2).astype(np.float32), name
        )

    nodes = [
        onnx.helper.make_node("Conv", ["image", "w0", "b0"], ["c0"], "conv_0", pads=[1, 1, 1, 1]),
        onnx.helper.make_node("Relu", ["c0"], ["r0"], "relu_0"),
        onnx.helper.make_node("Conv", ["r0", "w1", "b1"], ["c1"], "conv_1", pads=[1, 1, 1, 1]),
        onnx.helper.make_node("Relu", ["c1"], ["r1"], "relu_1"),
        onnx.helper.make_node("GlobalAveragePool", ["r1"], ["p"], "pool"),
        onnx.helper.make_node("Flatten", ["p"], ["f"], "flatten"),
        onnx.helper.make_node("Gemm", ["f", "w2", "b2"], ["logits"], "classifier"),
    ]
    tensor = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        nodes,
        "classifier",
        [tensor("image", onnx.TensorProto.FLOAT, [1, 3, 16, 16])],
        [tensor("logits", onnx.TensorProto.FLOAT, [1, 5])],
        [
            weights("w0", 8, 3, 3, 3), weights("b0", 8), weights("w1", 8, 8, 3, 3), weights("b1", 8),
            weights("w2", 8, 5), weights("b2", 5),
        ],
    )  # fmt: skip
    return onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8
    )


def scores_of(model, images):
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return [session.run(None, {"image": image})[0] for image in images]


def test_the_page_for_onnx(images):
    """A validation function gets the ModelProto, as with NNCF; its metric is the error of the outputs."""
    model = onnx_classifier()
    references = scores_of(model, images)
    dataset = nncf.Dataset(images, lambda image: {"image": image})

    def validate_onnx(model, items):
        errors = [
            float(np.square(scores - reference).mean())
            for scores, reference in zip(scores_of(model, items), references, strict=True)
        ]
        return -float(np.mean(errors)), [-error for error in errors]

    def run(max_drop):
        result = nncf.AccuracyResult()
        quantized = nncf.quantize_with_accuracy_control(
            model, dataset, dataset, validate_onnx, max_drop=max_drop, result=result
        )
        assert type(quantized).__name__ == "ModelProto"
        assert result.reached and -validate_onnx(quantized, images)[0] <= max_drop
        return result

    plain = run(1e9)
    assert plain.quantizers == plain.all_quantizers
    assert 0 < run(plain.drop / 2).quantizers < plain.quantizers
    assert run(plain.drop / 1000).quantizers < plain.quantizers
