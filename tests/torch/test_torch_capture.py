"""How modules are captured: sizes that differ, recurrent layers, modules in training mode, and what it takes."""

import time

import eightbit as eb
import numpy as np
import pytest
import torch
from eightbit.torch import get_config, load_from_config, strip
from eightbit.torch.capture import capture
from eightbit.torch.recurrent import shapes_at_once
from torch import nn
from torch_networks import ConvNet, sqnr, trained


class Recurrent(nn.Module):
    def __init__(self, kind, **options):
        super().__init__()
        self.layer = kind(16, 32, **options)
        self.out = nn.Linear(32 * (2 if options.get("bidirectional") else 1), 8)

    def forward(self, x):
        return self.out(self.layer(x)[0])


def pictures(sizes):
    random = np.random.default_rng(7)
    return [random.standard_normal((1, 3, *size)).astype(np.float32) for size in sizes]


def outputs(model, samples):
    with torch.no_grad():
        return torch.cat([model(torch.as_tensor(sample)).flatten() for sample in samples])


@pytest.mark.parametrize("first", [(16, 16), (20, 12)])
def test_pictures_of_several_sizes(first):
    images = pictures([first, (16, 24), (24, 16), (12, 20), *[(16, 16)] * 12])
    model = trained(ConvNet())
    quantized = eb.quantize(model, eb.Dataset(images), trial_run=False)
    more = pictures([(32, 20), (18, 18)])
    assert sqnr(outputs(model, images + more), outputs(quantized, images + more)) > 25
    assert quantized(torch.zeros(3, 3, 18, 30)).shape == (3, 5)
    loaded = load_from_config(trained(ConvNet(), seed=9), get_config(quantized))
    loaded.load_state_dict(quantized.state_dict())
    assert torch.equal(outputs(loaded, more), outputs(quantized, more))
    result = eb.compare(model, quantized, eb.Dataset(images))
    assert result.outputs[0].sqnr_db > 25


def test_a_size_that_appears_late_is_refused_with_what_to_do():
    images = pictures([(16, 16)] * 20 + [(18, 18)])
    with pytest.raises(eb.DataError, match=r"sample 20: input 'x'.*one size.*dynamic_shapes"):
        eb.quantize(trained(ConvNet()), eb.Dataset(images), trial_run=False)


def test_a_module_that_is_made_for_one_size_is_named():
    class Fixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3, padding=1)

        def forward(self, x):
            return self.conv(x) * torch.ones(int(x.shape[2]), 1)

    with pytest.raises(eb.ModelError, match="axis 2 of 'x'.*Fixed.*transform_func"):
        eb.quantize(
            trained(Fixed()), eb.Dataset(pictures([(16, 16), (18, 16), (20, 16)])), trial_run=False
        )


def test_samples_are_looked_at_once_and_no_further_than_asked():
    def source():
        for number, image in enumerate(pictures([(16, 16)] * 20)):
            read.append(number)
            yield image

    read: list[int] = []
    report = eb.Report()
    eb.quantize(
        trained(ConvNet()), eb.Dataset(source()), subset_size=3, report=report, trial_run=False
    )
    assert report.samples == 3 and read == [0, 1, 2]


def test_a_loader_that_fails_fails_at_its_sample():
    def source():
        yield from pictures([(16, 16)] * 2)
        raise RuntimeError("no disk")

    with pytest.raises(eb.DataError, match="sample 2.*no disk"):
        eb.quantize(trained(ConvNet()), eb.Dataset(source()), trial_run=False)


LAYERS = [
    (nn.LSTM, {"batch_first": True}),
    (nn.LSTM, {"bidirectional": True, "num_layers": 2}),
    (nn.LSTM, {"batch_first": True, "bidirectional": True}),
    (nn.GRU, {"batch_first": True}),
    (nn.RNN, {"nonlinearity": "relu"}),
]


@pytest.mark.parametrize(("kind", "options"), LAYERS)
def test_recurrent_layers_have_the_shapes_that_torch_finds(kind, options):
    model = trained(Recurrent(kind, **options))
    x = torch.randn(4, 6, 16)

    def shapes():
        graph = torch.export.export(model, (x,)).graph
        return [
            [(value.shape, value.stride()) for value in node.meta["val"]]
            for node in graph.nodes
            if isinstance(node.meta.get("val"), tuple)
        ]

    with torch.no_grad():
        want = shapes()
        with shapes_at_once():
            found = shapes()
    assert want == found and len(want) == 1


def test_capturing_a_recurrent_layer_does_not_go_through_its_steps():
    model = trained(Recurrent(nn.LSTM, batch_first=True))
    capture(model, torch.randn(1, 4, 16))
    begin = time.perf_counter()
    capture(model, torch.randn(1, 400, 16))
    assert time.perf_counter() - begin < 2  # 10 s where torch traces every step


def test_steps_of_time_are_no_batch():
    """The first half of a sequence gives what it gives alone; the second one does not."""
    graph = capture(trained(Recurrent(nn.LSTM)), torch.randn(6, 1, 16))
    (x,) = graph.graph.find_nodes(op="placeholder")
    assert x.meta["val"].shape[0] == 6


@pytest.mark.parametrize("exported", [False, True])
def test_the_report_tells_the_time_of_the_capture(images, exported):
    model = trained(ConvNet())
    source = (
        torch.export.export(model, (torch.from_numpy(images[0]),)).module() if exported else model
    )
    report = eb.Report()
    eb.quantize(source, eb.Dataset(images), report=report, trial_run=False)
    assert report.steps[0].step == "capture" and report.steps[0].seconds > 0
    assert report.seconds > sum(step.seconds for step in report.steps) * 0.9


@pytest.mark.parametrize("stripped", [False, True])
@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_a_traced_module_takes_any_batch(kind, stripped):
    """As OpenVINO converts it with an example."""
    openvino = pytest.importorskip("openvino")
    model = trained(Recurrent(kind, batch_first=True))
    samples = [torch.randn(1, 20, 16) for _ in range(12)]
    quantized = eb.quantize(model, eb.Dataset(samples), trial_run=False)
    quantized = strip(quantized) if stripped else quantized
    converted = openvino.convert_model(quantized, example_input=samples[0])
    compiled = openvino.compile_model(converted, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    x = torch.cat(samples[:3])
    assert sqnr(model(x), torch.from_numpy(compiled(x.numpy())[0])) > 30


def test_a_module_in_training_mode_is_captured_for_inference_and_left_in_it(images):
    model = trained(ConvNet())
    wanted = eb.quantize(model, eb.Dataset(images), trial_run=False)
    model.train()
    model.layer1.eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    modes = [part.training for part in model.modules()]
    quantized = eb.quantize(model, eb.Dataset(images), trial_run=False)
    assert [part.training for part in model.modules()] == modes and not quantized.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert torch.equal(outputs(wanted, images), outputs(quantized, images))


def test_a_module_in_training_mode_is_left_in_it_after_errors(images):
    class Branches(nn.Module):
        def forward(self, x):
            return x + 1 if x.sum() > 0 else x - 1

    model = Branches()
    with pytest.raises(eb.ModelError, match="cannot be exported"):
        eb.quantize(model, eb.Dataset(images), trial_run=False)
    assert model.training


class Plain(nn.Module):
    """Layers that ONNX Runtime has kernels for."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3)
        self.fc = nn.Linear(8, 5)

    def forward(self, x):
        return self.fc(torch.relu(self.two(torch.relu(self.one(x)))).mean((2, 3)))


@pytest.mark.parametrize("stripped", [False, True])
def test_the_torchscript_exporter_to_onnx(images, stripped, tmp_path):
    """It knows no limits of -127 and 127, which weights have."""
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    quantized = eb.quantize(trained(Plain()), eb.Dataset(images), trial_run=False)
    quantized = strip(quantized) if stripped else quantized
    with torch.no_grad():
        quantized.one.weight[0, 0, 0, 0] = -10.0  # is clipped to -127
    path, x = str(tmp_path / "model.onnx"), torch.from_numpy(images[0])
    torch.onnx.export(quantized, (x,), path, dynamo=False)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {session.get_inputs()[0].name: images[0]})
    assert sqnr(quantized(x).detach(), torch.from_numpy(found)) > 35


class DepthwiseBehindASum(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.depthwise, self.last = nn.Conv2d(8, 8, 3, groups=8), nn.Conv2d(8, 4, 1)

    def forward(self, x):
        first = torch.relu(self.one(x))
        return self.last(torch.relu(self.depthwise(first + self.two(first))))


@pytest.mark.parametrize("dynamo", [False, True])
@pytest.mark.parametrize("stripped", [False, True])
def test_scales_by_channel_behind_a_sum_run_in_onnx_runtime(images, stripped, dynamo, tmp_path):
    """It would take the sum for one in integers, which have a single scale."""
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    quantized = eb.quantize(trained(DepthwiseBehindASum()), eb.Dataset(images), trial_run=False)
    quantized = strip(quantized) if stripped else quantized
    path, x = str(tmp_path / "model.onnx"), torch.from_numpy(images[0])
    if dynamo:
        torch.onnx.export(quantized, (x,), dynamo=True, verbose=False).save(path)
    else:
        torch.onnx.export(quantized, (x,), path, dynamo=False)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {session.get_inputs()[0].name: images[0]})
    assert sqnr(quantized(x).detach(), torch.from_numpy(found)) > 35


@pytest.mark.parametrize("stripped", [False, True])
@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions(images, kind, stripped):
    model = trained(Plain())
    quantized = eb.quantize(model, eb.Dataset(images), trial_run=False)
    quantized = strip(quantized) if stripped else quantized
    wanted = outputs(model, images)
    other = quantized.to(kind)
    found = outputs(other, [torch.from_numpy(image).to(kind) for image in images])
    assert found.dtype == kind and sqnr(wanted, found.float()) > 25
    if not stripped:
        assert all(
            value.dtype == torch.float32
            for name, value in other.named_parameters()
            if ".scale" in name
        )
