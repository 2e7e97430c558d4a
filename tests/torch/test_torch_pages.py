"""The PyTorch snippets of the guides for nncf, with one word changed: `import eightbit as nncf`."""

import subprocess
import sys

import eightbit as nncf
import openvino as ov
import pytest
import torch
from eightbit.torch import disable_patching
from torch import nn
from torch_networks import op_names, sqnr, trained


class Basic(nn.Module):
    def __init__(self, inside: int, outside: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outside)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outside)
        self.downsample = None
        if stride != 1 or inside != outside:
            self.downsample = nn.Sequential(
                nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside)
            )

    def forward(self, x):
        short = x if self.downsample is None else self.downsample(x)
        return self.relu(self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x))))) + short)


class ResNet18(nn.Module):
    """With torchvision's names, an eighth of its width."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 8, 7, 2, 3, bias=False), nn.BatchNorm2d(8)
        self.relu, self.maxpool = nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
        for number, (inside, outside) in enumerate(((8, 8), (8, 16), (16, 32), (32, 64)), 1):
            blocks = Basic(inside, outside, 1 if number == 1 else 2), Basic(outside, outside, 1)
            self.add_module(f"layer{number}", nn.Sequential(*blocks))
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(64, 10)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))


@pytest.fixture(scope="module")
def model():
    return trained(ResNet18())


@pytest.fixture(scope="module")
def example_inputs():
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(8, 3, 64, 64, generator=generator).contiguous(memory_format=torch.channels_last)
    return (x,)


@pytest.fixture(scope="module")
def exported_model(model, example_inputs):
    with torch.no_grad(), disable_patching():
        return torch.export.export(model, example_inputs).module()


@pytest.fixture(scope="module")
def calibration_dataset(example_inputs):
    calibration_loader = torch.utils.data.DataLoader([example_inputs])

    def transform_fn(data_item):
        return data_item

    return nncf.Dataset(calibration_loader, transform_fn)


def test_the_tutorial_from_export_to_compiled_model(
    exported_model, calibration_dataset, example_inputs
):
    import openvino.torch  # noqa: F401

    with disable_patching():
        quantized_model = nncf.quantize(exported_model, calibration_dataset)
    with torch.no_grad():
        assert sqnr(exported_model(*example_inputs), quantized_model(*example_inputs)) > 18
        torch._dynamo.reset()
        optimized_model = nncf.torch.compile(quantized_model, backend="openvino")
        assert sqnr(quantized_model(*example_inputs), optimized_model(*example_inputs)) > 20


@pytest.mark.parametrize(
    "options",
    [
        {"model_type": nncf.ModelType.Transformer},
        {"preset": nncf.QuantizationPreset.MIXED},
        {"fast_bias_correction": False},
        {"subset_size": 1000},
        {"target_device": nncf.TargetDevice.CPU},
        {"ignored_scope": nncf.IgnoredScope(names=["layer1.0.conv1", "layer4.1.conv2"])},
        {"ignored_scope": nncf.IgnoredScope(types=["Conv2d", "Linear"])},
        {"ignored_scope": nncf.IgnoredScope(patterns=".*layer1.*")},
        {"ignored_scope": nncf.IgnoredScope(subgraphs=[nncf.Subgraph(inputs=["layer1.0.conv1"], outputs=["layer1.1.conv2"])])},
    ],
    ids=lambda options: "-".join(options),
)  # fmt: skip
def test_options(exported_model, calibration_dataset, options):
    quantized = nncf.quantize(exported_model, calibration_dataset, **options)
    stored = {name for name, tensor in quantized.named_buffers() if tensor.dtype == torch.int8}
    scope = options.get("ignored_scope")
    assert ("layer1.0.conv1.weight_int8" in stored) == (scope is None)
    assert (not stored) == (scope is not None and scope.types != [])


def test_a_module_with_a_loader_of_labelled_images(model):
    images = torch.utils.data.TensorDataset(torch.randn(6, 3, 64, 64), torch.zeros(6))
    loader = torch.utils.data.DataLoader(images, batch_size=2)

    def transform_fn(data_item):
        images, _ = data_item
        return images

    quantized = nncf.quantize(model, nncf.Dataset(loader, transform_fn))
    for strip in (nncf.strip, nncf.torch.strip):
        stripped = strip(quantized, strip_format=nncf.torch.StripFormat.IN_PLACE)
        assert op_names(stripped) != op_names(quantized)
    assert quantized(torch.randn(3, 3, 64, 64)).shape == (3, 10)


def test_a_module_goes_into_openvino(model):
    """The page's way of inference: convert, compile, call."""
    images = [torch.randn(1, 3, 64, 64) for _ in range(4)]
    quantized = nncf.quantize(model, nncf.Dataset(images))
    ov_quantized_model = ov.convert_model(nncf.strip(quantized), example_input=images[0])
    compiled = ov.compile_model(ov_quantized_model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    with torch.no_grad():
        reference = quantized(images[0])
    assert sqnr(reference, torch.from_numpy(compiled(images[0].numpy())[0])) > 20


def test_a_transform_is_checked_as_the_page_says(model):
    loader = torch.utils.data.DataLoader([(torch.randn(3, 64, 64), 1)] * 2)

    def transform_fn(data_item):
        return data_item[0]

    for data_item in loader:
        assert model(transform_fn(data_item)).shape == (1, 10)
    assert nncf.quantize(model, nncf.Dataset(loader, transform_fn), subset_size=1)(
        torch.randn(1, 3, 64, 64)
    ).shape == (1, 10)


def test_torch_is_imported_when_it_is_asked_for():
    code = (
        "import sys, eightbit as nncf; assert 'torch' not in sys.modules; nncf.torch.disable_patching; nncf.strip;"
        "assert not hasattr(nncf, 'jax')"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
