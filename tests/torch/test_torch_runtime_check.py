"""A runtime that computes something else than the quantizers say: the layer it gets wrong is found, named and left in
float. The fault is put into what runs a quantized module."""

import eightbit as eb
import numpy as np
import pytest
import torch
from eightbit.torch.engine import TorchEngine

LAYERS = 6


@pytest.fixture
def net():
    torch.manual_seed(0)
    return torch.nn.Sequential(
        *[
            torch.nn.Sequential(torch.nn.Conv2d(8 if i else 3, 8, 3, padding=1), torch.nn.ReLU())
            for i in range(LAYERS)
        ]
    ).eval()


@pytest.fixture
def faulty(monkeypatch):
    """`faulty(k)`: networks whose layer k is quantized yield twice their outputs."""
    infer = TorchEngine.infer

    def make(*layers):
        def wrong(self, network, inputs):
            outputs = infer(self, network, inputs)
            names = {name for name, _ in network.module.named_modules()}
            quantized = [layer for layer in layers if f"fake_quantize.{layer}_0_weight" in names]
            return [2 * output for output in outputs] if quantized else outputs

        monkeypatch.setattr(TorchEngine, "infer", wrong)

    return make


def quantized(net, images, **options):
    report = eb.Report()
    model = eb.quantize(net, eb.Dataset(images * 3), report=report, **options)
    return model, report


def in_float(report):
    reason = "| the runtime computes something else with it in 8 bits"
    return [line for line in report.plan_text.splitlines() if line.endswith(reason)]


def notes(report):
    return [note for note in report.notes if "something else than the quantizers say" in note]


@pytest.mark.parametrize("layer", [0, 3, 5])
def test_the_layer_is_found_and_named(net, images, faulty, layer):
    faulty(layer)
    _, report = quantized(net, images)
    [note] = notes(report)
    left = in_float(report)
    assert len(left) == 1 and left[0].startswith("float ")
    assert left[0].split()[1] in note
    assert report.trial.sqnr_db > 25 and 0 < report.trial.float_share < 0.4


def test_several(net, images, faulty):
    faulty(1, 4)
    _, report = quantized(net, images)
    left = in_float(report)
    assert len(left) == 2
    assert report.trial.sqnr_db > 25


def test_what_all_layers_suffer_from_is_told_and_not_searched_for_ever(net, images, faulty, caplog):
    faulty(*range(LAYERS))
    _, report = quantized(net, images)
    assert report.trial.sqnr_db < 20
    assert notes(report)
    assert report.trial.measured_db > report.trial.sqnr_db + 10


def test_off_without_a_floor(net, images, faulty):
    faulty(3)
    _, report = quantized(net, images, min_sqnr_db=0)
    assert report.trial.float_share == 0
    [note] = notes(report)  # told all the same
    assert "where they are computed in floats" in note


def test_nothing_to_find_where_the_runtime_does_as_it_is_told(net, images):
    model, report = quantized(net, images)
    assert notes(report) == [] and report.trial.float_share == 0
    with torch.no_grad():
        reference, ours = (
            np.concatenate([m(torch.from_numpy(x)).numpy() for x in images]) for m in (net, model)
        )
    assert 10 * np.log10((reference**2).sum() / ((reference - ours) ** 2).sum()) > 25
