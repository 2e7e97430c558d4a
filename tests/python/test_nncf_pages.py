"""The OpenVINO snippets of the guides for nncf, with one word changed: `import eightbit as nncf`."""

import eightbit as nncf
import numpy as np
import openvino as ov
import pytest
from small_models import op_types


@pytest.fixture
def val_dataset(samples):
    return [(sample, index) for index, sample in enumerate(samples)]


@pytest.fixture
def dataset(val_dataset):
    def transform_fn(data_item):
        images, _ = data_item
        return images

    return nncf.Dataset(val_dataset, transform_fn)


def fake_quantizes_around(model, name):
    """Whether the node with this name gets a quantized input."""
    (node,) = [op for op in model.get_ordered_ops() if op.get_friendly_name() == name]
    return node.input_value(0).get_node().get_type_name() == "FakeQuantize"


def test_quantize_compile_infer_save(model, dataset, samples, tmp_path):
    quantized_model = nncf.quantize(model, dataset)
    model_int8 = ov.compile_model(quantized_model)
    assert model_int8(samples[0])[0].shape == (1, 5)
    ov.save_model(quantized_model, tmp_path / "quantized_model.xml")
    assert ov.compile_model(tmp_path / "quantized_model.xml")(samples[0])[0].shape == (1, 5)


def test_check_of_the_transformation_function(model, val_dataset):
    compiled = ov.compile_model(model)
    for data_item in val_dataset:
        compiled(data_item[0])


def test_model_type(model, dataset):
    assert "FakeQuantize" in op_types(
        nncf.quantize(model, dataset, model_type=nncf.ModelType.Transformer)
    )


def test_preset(model, dataset):
    """Symmetric and asymmetric activations differ where values have both signs."""

    def ranges(preset):
        quantized = nncf.quantize(model, dataset, preset=preset)
        (first,) = [op for op in quantized.get_ordered_ops() if op.get_friendly_name() == "conv_0"]
        quantizer = first.input_value(0).get_node()
        return [
            float(quantizer.input_value(port).get_node().get_data().ravel()[0]) for port in (1, 2)
        ]

    low, high = ranges(nncf.QuantizationPreset.PERFORMANCE)
    assert -low == pytest.approx(high, rel=0.02)
    assert ranges(nncf.QuantizationPreset.MIXED) != [low, high]


def test_fast_bias_correction(model, dataset):
    assert "FakeQuantize" in op_types(nncf.quantize(model, dataset, fast_bias_correction=False))


def test_subset_size(model, dataset):
    report = nncf.Report()
    nncf.quantize(model, dataset, subset_size=1000, report=report)
    assert report.samples == 12
    nncf.quantize(model, dataset, subset_size=7, report=report)
    assert report.samples == 7


@pytest.mark.parametrize(
    "scope",
    [
        nncf.IgnoredScope(names=["conv_0"]),
        nncf.IgnoredScope(patterns=".*conv_0.*"),
        nncf.IgnoredScope(patterns=[".*conv_0.*"]),
        nncf.IgnoredScope(subgraphs=[nncf.Subgraph(inputs=["conv_0"], outputs=["relu_0"])]),
    ],
    ids=["names", "pattern", "patterns", "subgraphs"],
)
def test_ignored_scope_by_name_pattern_and_subgraph(model, dataset, scope):
    quantized = nncf.quantize(model, dataset, ignored_scope=scope)
    assert not fake_quantizes_around(quantized, "conv_0")
    assert fake_quantizes_around(quantized, "conv_1")


def test_ignored_scope_by_type(model, dataset):
    quantized = nncf.quantize(
        model, dataset, ignored_scope=nncf.IgnoredScope(types=["Convolution"])
    )
    assert not fake_quantizes_around(quantized, "conv_0")
    assert not fake_quantizes_around(quantized, "conv_1")
    assert fake_quantizes_around(quantized, "classifier")


@pytest.mark.parametrize("device", list(nncf.TargetDevice))
def test_target_device(model, dataset, device):
    assert "FakeQuantize" in op_types(nncf.quantize(model, dataset, target_device=device))


def test_advanced_parameters(model, dataset):
    from eightbit.quantization.advanced_parameters import (
        AdvancedQuantizationParameters,
        OverflowFix,
    )
    from eightbit.quantization.range_estimator import RangeEstimatorParametersSet

    advanced = AdvancedQuantizationParameters(
        overflow_fix=OverflowFix.DISABLE,
        quantize_outputs=True,
        activations_range_estimator_params=RangeEstimatorParametersSet.MINMAX,
    )
    quantized = nncf.quantize(model, dataset, advanced_parameters=advanced)
    (result,) = quantized.get_results()
    assert result.input_value(0).get_node().get_type_name() == "FakeQuantize"


def test_a_data_loader_with_batches(model, samples):
    torch = pytest.importorskip("torch")
    data = torch.utils.data.TensorDataset(
        torch.from_numpy(np.concatenate(samples)), torch.zeros(len(samples))
    )
    loader = torch.utils.data.DataLoader(data, batch_size=1)

    def transform_fn(data_item):
        images, _ = data_item
        return images.numpy()

    assert "FakeQuantize" in op_types(nncf.quantize(model, nncf.Dataset(loader, transform_fn)))
