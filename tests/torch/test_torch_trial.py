"""The trial run and the quality floor of modules and exported graphs, which run in PyTorch."""

import eightbit as eb
import numpy as np
import pytest
import torch
from torch_networks import ConvNet, export, sqnr, trained


def outputs(model, samples):
    with torch.no_grad():
        return torch.cat([model(torch.from_numpy(sample)) for sample in samples])


class Delicate(torch.nn.Module):
    """`ruined` reads one channel that is 3000 times as large as the others and that it has no use for."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.ruined, self.last = (
            torch.nn.Linear(64, 64, bias=False) for _ in range(4)
        )
        with torch.no_grad():
            for layer in (self.first, self.second, self.ruined, self.last):
                torch.nn.init.normal_(layer.weight, std=1 / np.sqrt(32))
            self.second.weight[0] *= 3000
            self.second.weight[0].abs_()  # so that it is never silent
            self.ruined.weight[:, 0] *= 1e-6

    def forward(self, x):
        x = torch.relu(self.second(torch.relu(self.first(x))))
        return self.last(torch.relu(self.ruined(x)))


def vectors(count, seed):
    random = np.random.default_rng(seed)
    return [random.standard_normal((1, 16, 64)).astype(np.float32) for _ in range(count)]


def delicate(exported):
    torch.manual_seed(3)
    model = Delicate().eval()
    return model, export(
        model, torch.from_numpy(np.concatenate(vectors(2, 0))), dynamic=True
    ) if exported else model


@pytest.mark.parametrize("exported", [False, True])
def test_the_report_tells_what_users_get(images, exported):
    model = trained(ConvNet())
    source = (
        export(model, torch.from_numpy(np.concatenate(images[:2])), dynamic=True)
        if exported
        else model
    )
    report = eb.Report()
    eb.quantize(source, eb.Dataset(images), report=report)
    trial = report.trial
    assert len(trial.outputs) == 1 and trial.sqnr_db > 20 and trial.sqnr_db == trial.sqnr_f32_db
    assert trial.precision == "f32" and 0 <= trial.outputs[0].agreement <= 1
    assert trial.samples > 0 and trial.milliseconds > 0


@pytest.mark.parametrize("exported", [False, True])
def test_the_layer_that_ruins_it_stays_in_float(exported):
    model, source = delicate(exported)
    report = eb.Report()
    quantized = eb.quantize(source, eb.Dataset(vectors(48, 1)), report=report)
    unseen = vectors(8, 2)
    assert sqnr(outputs(model, unseen), outputs(quantized, unseen)) >= 19.5
    assert "ruined" in "".join(
        line for line in report.plan_text.splitlines() if line.endswith("| min_sqnr_db 20")
    )
    assert report.trial.float_share < 0.51
