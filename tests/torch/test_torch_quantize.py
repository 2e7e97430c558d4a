"""eightbit.quantize on PyTorch models, end to end in the framework itself."""

import copy
import json

import eightbit as eb
import numpy as np
import pytest
import torch
from eightbit.torch.fake_quantize import FakeQuantize
from torch_networks import Attention, ConvNet, Upsampler, export, op_names, sqnr, tensors, trained


def outputs(model, samples):
    with torch.no_grad():
        return torch.cat([model(torch.from_numpy(sample)) for sample in samples])


def unchanged(model, before):
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_a_module_becomes_one_with_fake_quantizers(images):
    model = trained(ConvNet())
    before = tensors(model)
    report = eb.Report()
    quantized = eb.quantize(model, eb.Dataset(images), report=report)
    unchanged(model, before)
    quantizers = [part for part in quantized.modules() if isinstance(part, FakeQuantize)]
    assert len(quantizers) == report.activation_quantizers + report.weight_quantizers
    assert report.weight_quantizers == 5 and report.samples == len(images)
    assert sqnr(outputs(model, images), outputs(quantized, images)) > 25
    assert {"stem.weight", "stem.bias", "fc.weight"} <= set(quantized.state_dict())


@pytest.mark.parametrize("dynamic", [False, True])
def test_an_exported_graph_becomes_one_with_integers(images, dynamic):
    model = trained(ConvNet())
    example = torch.from_numpy(np.concatenate(images[:2]) if dynamic else images[0])
    exported = export(model, example, dynamic=dynamic)
    before = tensors(exported)
    quantized = eb.quantize(exported, eb.Dataset(images))
    unchanged(exported, before)
    stored = {
        name: tensor.dtype
        for name, tensor in quantized.named_buffers()
        if tensor.dtype == torch.int8
    }
    assert set(stored) == {
        f"{name}.weight_int8"
        for name in ("stem", "layer1.0.conv", "layer1.1.conv", "depthwise", "fc")
    }
    assert (
        sum(
            "quantize_per_tensor" in name and "dequantize" not in name
            for name in op_names(quantized)
        )
        >= 5
    )
    assert sqnr(outputs(model, images), outputs(quantized, images)) > 25


def test_both_forms_compute_the_same(images):
    model = trained(ConvNet())
    modules = eb.quantize(model, eb.Dataset(images))
    integers = eb.quantize(
        export(model, torch.from_numpy(np.concatenate(images[:2])), dynamic=True),
        eb.Dataset(images),
    )
    assert sqnr(outputs(modules, images), outputs(integers, images)) > 60


def test_stacked_samples_give_what_each_gives_alone(images):
    """A graph with a fixed batch runs its samples one by one, one with an open batch many at once."""
    model = trained(ConvNet())
    plans = []
    for count in (1, 2):
        example = torch.from_numpy(np.concatenate(images[:count]))
        report = eb.Report()
        eb.quantize(export(model, example, dynamic=count > 1), eb.Dataset(images), report=report)
        plans.append([quantizer["low"] for quantizer in json.loads(report.plan_json)["quantizers"]])
    assert len(plans[0]) == len(plans[1]) > 10
    for alone, stacked in zip(*plans, strict=True):
        assert alone == pytest.approx(stacked, rel=1e-4, abs=1e-6)


def test_inputs_by_name_and_nested_results():
    random = np.random.default_rng(3)
    model = trained(Attention())
    samples = [
        {"ids": torch.from_numpy(random.integers(0, 50, (1, 12))), "mask": torch.ones(1, 12)}
        for _ in range(12)
    ]
    report = eb.Report()
    quantized = eb.quantize(
        model, eb.Dataset(samples), model_type=eb.ModelType.TRANSFORMER, report=report
    )
    with torch.no_grad():
        pairs = [(model(**sample), quantized(**sample)) for sample in samples]
    assert set(pairs[0][1]) == {"hidden", "ids"} and isinstance(pairs[0][1]["ids"], tuple)
    a, b = (torch.cat([pair[side]["hidden"] for pair in pairs]) for side in (0, 1))
    assert sqnr(a, b) > 20
    assert "words" in report.plan_text and report.weight_quantizers == 5


def test_transposed_convolutions_have_a_scale_for_each_output_channel(images):
    random = np.random.default_rng(5)
    model = trained(Upsampler())
    with torch.no_grad():
        model.up.weight[:, 0] *= 50  # one scale for all would lose the other channels
    samples = [random.standard_normal((1, 4, 6, 6)).astype(np.float32) for _ in range(8)]
    exported = export(model, torch.from_numpy(np.concatenate(samples[:2])), dynamic=True)
    quantized = eb.quantize(exported, eb.Dataset(samples))
    assert quantized.get_buffer("up.weight_scale").shape == (1, 6, 1, 1)
    assert sqnr(outputs(model, samples), outputs(quantized, samples)) > 25


def test_shared_parameters_stay_shared(images):
    class Tied(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.one = torch.nn.Conv2d(3, 3, 3, padding=1)
            self.two = torch.nn.Conv2d(3, 3, 3, padding=1)
            self.two.weight = self.one.weight

        def forward(self, x):
            return self.two(torch.relu(self.one(x)))

    model = trained(Tied())
    report = eb.Report()
    quantized = eb.quantize(
        export(model, torch.from_numpy(images[0])), eb.Dataset(images), report=report
    )
    assert report.weight_quantizers == 1
    assert sqnr(outputs(model, images), outputs(quantized, images)) > 25


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(images, dtype):
    model = trained(ConvNet()).to(dtype)
    samples = [torch.from_numpy(image).to(dtype) for image in images]
    quantized = eb.quantize(
        export(model, torch.cat(samples[:2]), dynamic=True), eb.Dataset(samples)
    )
    with torch.no_grad():
        a, b = (
            torch.cat([net(sample) for sample in samples]).float() for net in (model, quantized)
        )
    assert quantized(samples[0]).dtype == dtype
    assert sqnr(a, b) > 20


def test_compare_tells_layers_by_the_names_of_modules(images):
    model = trained(ConvNet())
    quantized = eb.quantize(model, eb.Dataset(images))
    result = eb.compare(model, quantized, eb.Dataset(images))
    assert result.samples == len(images) and result.outputs[0].sqnr_db > 25
    assert {"stem", "layer1.0.conv", "fc"} <= {layer.name for layer in result.layers}


def test_compare_measures_layers_of_two_graphs_alone(images):
    model = trained(ConvNet())
    exported = export(model, torch.from_numpy(images[0]))
    quantized = eb.quantize(exported, eb.Dataset(images))
    result = eb.compare(exported, quantized, eb.Dataset(images))
    assert result.outputs[0].sqnr_db > 25
    layers = {layer.name: layer for layer in result.layers}
    stem, last = layers["stem"], layers["fc"]
    assert 30 < last.alone_db < 60
    assert last.alone_db > last.sqnr_db  # what came before is left out
    assert stem.alone_db == pytest.approx(stem.sqnr_db, abs=3)  # nothing came before
    same = eb.compare(exported, exported, eb.Dataset(images))
    assert all(np.isinf(layer.sqnr_db) and layer.alone_db is None for layer in same.layers)


def test_a_quantized_module_can_be_copied_and_trained(images):
    model = trained(ConvNet())
    quantized = copy.deepcopy(eb.quantize(model, eb.Dataset(images)))
    quantized.train()
    optimizer = torch.optim.SGD(quantized.parameters(), lr=1e-3)
    loss = quantized(torch.from_numpy(images[0])).pow(2).sum()
    loss.backward()
    trained_parameters = {
        name for name, parameter in quantized.named_parameters() if parameter.grad is not None
    }
    optimizer.step()
    assert {"stem.weight", "fc.bias"} <= trained_parameters
    assert any(name.endswith(".scale") for name in trained_parameters)


def test_a_saved_recipe_makes_the_same_model(tmp_path):
    """A module needs a sample to be exported with, an exported graph nothing."""
    random = np.random.default_rng(4)
    images = [random.standard_normal((1, 3, 16, 16)).astype(np.float32) for _ in range(6)]
    x = torch.from_numpy(images[0])
    module = trained(ConvNet())
    exported = torch.export.export(module, (x,)).module()
    cases = {
        "module": (module, {"calibration_dataset": eb.Dataset(images[:1])}),
        "graph": (exported, {}),
    }
    for name, (model, data) in cases.items():
        path = tmp_path / f"{name}.recipe.json"
        report = eb.Report()
        once = eb.quantize(model, eb.Dataset(images), report=report)
        report.recipe.save(path)
        again = eb.quantize(model, recipe=path, **data)
        torch.testing.assert_close(again(x), once(x), rtol=0, atol=0)
    with pytest.raises(eb.errors.InvalidArgument, match="calibration_dataset has no effect"):
        eb.quantize(exported, eb.Dataset(images), recipe=path)


def test_accuracy_control_hands_out_graphs_of_the_same_kind():
    """A validation function gets what quantize gives; no file can hold such a model meanwhile."""
    module = trained(ConvNet())
    x = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    exported = torch.export.export(module, (x,)).module()
    seen = []

    def validate(candidate, items):
        seen.append(type(candidate))
        with torch.no_grad():
            return float(-(candidate(x) - module(x)).abs().mean())

    data = eb.Dataset([(x,)] * 4)
    best = eb.quantize_with_accuracy_control(exported, data, data, validate, max_drop=1.0)
    assert len(seen) > 1 and all(issubclass(kind, torch.fx.GraphModule) for kind in seen)
    assert isinstance(best, torch.fx.GraphModule)
