"""engine="openvino": the same records, measured in OpenVINO."""

import eightbit as eb
import numpy as np
import pytest
import torch
from torch_networks import Attention, ConvNet, export, sqnr, trained


@pytest.mark.parametrize("dynamic", [False, True])
def test_the_same_plan_from_both_engines(images, dynamic):
    model = trained(ConvNet())
    example = torch.from_numpy(np.concatenate(images[:2]) if dynamic else images[0])
    exported = export(model, example, dynamic=dynamic)
    reports = []
    for engine in (eb.Engine.AUTO, eb.Engine.OPENVINO):
        reports.append(eb.Report())
        quantized = eb.quantize(
            exported, eb.Dataset(images), engine=engine, report=reports[-1], trial_run=False
        )
        with torch.no_grad():
            batch = [torch.from_numpy(image) for image in images]
            assert sqnr(*(torch.cat([net(x) for x in batch]) for net in (model, quantized))) > 25
    ranges = [
        [
            line.split("|")[2]
            for line in report.plan_text.splitlines()
            if line.startswith("quantize") and "weight" not in line
        ]
        for report in reports
    ]
    assert len(ranges[0]) == len(ranges[1]) > 5
    for ours, theirs in zip(*ranges, strict=True):
        numbers = [
            [float(word.strip("[],")) for word in text.split()[:2]] for text in (ours, theirs)
        ]
        assert numbers[0] == pytest.approx(numbers[1], rel=1e-3)


def test_a_value_and_its_copy():
    """OpenVINO's converter fails on a result for each of both."""

    class Turned(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = torch.nn.Linear(8, 8)

        def forward(self, x):
            return self.fc(self.fc(x).transpose(1, 2).contiguous())

    model = trained(Turned())
    samples = [torch.randn(1, 8, 8, generator=torch.Generator().manual_seed(k)) for k in range(8)]
    exported = export(model, samples[0])
    quantized = eb.quantize(exported, eb.Dataset(samples), engine="openvino", trial_run=False)
    with torch.no_grad():
        pairs = [torch.cat([net(sample) for sample in samples]) for net in (model, quantized)]
    assert sqnr(*pairs) > 25


def test_several_inputs():
    random = np.random.default_rng(3)
    samples = [
        {"ids": torch.from_numpy(random.integers(0, 50, (1, 12))), "mask": torch.ones(1, 12)}
        for _ in range(4)
    ]
    model = trained(Attention())
    quantized = eb.quantize(
        model, eb.Dataset(samples), model_type="transformer", engine="openvino", trial_run=False
    )
    with torch.no_grad():
        assert sqnr(model(**samples[0])["hidden"], quantized(**samples[0])["hidden"]) > 20


def test_onnxruntime_is_refused(images):
    with pytest.raises(eb.UnsupportedBackendError, match="ONNX Runtime"):
        eb.quantize(trained(ConvNet()), eb.Dataset(images), engine="onnxruntime", trial_run=False)
