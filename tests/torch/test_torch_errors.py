"""One clear error for each thing that cannot work."""

import eightbit as eb
import numpy as np
import pytest
import torch
from torch_networks import Attention, ConvNet, export, trained


def test_a_graph_exported_in_training_mode(images):
    exported = torch.export.export(
        trained(ConvNet()).train(), (torch.from_numpy(np.concatenate(images[:2])),)
    ).module()
    with pytest.raises(eb.InvalidArgument, match="exported in training mode"):
        eb.quantize(exported, eb.Dataset(images), trial_run=False)


def test_a_model_that_can_not_be_exported(images):
    class Branches(torch.nn.Module):
        def forward(self, x):
            return x + 1 if x.sum() > 0 else x - 1

    with pytest.raises(
        eb.ModelError, match=r"Branches cannot be exported: .*torch\.export\.export"
    ):
        eb.quantize(Branches().eval(), eb.Dataset(images), trial_run=False)


def test_a_sample_that_does_not_fit(images):
    with pytest.raises(eb.DataError, match=r"sample 0 does not fit forward\(ids, mask\)"):
        eb.quantize(
            trained(Attention()),
            eb.Dataset([{"ids": torch.zeros(1, 4, dtype=torch.long), "musk": torch.ones(1, 4)}]),
            trial_run=False,
        )
    samples = [torch.from_numpy(images[0]), torch.zeros(1, 3, 8, 16)]
    exported = export(trained(ConvNet()), torch.from_numpy(images[0]))
    with pytest.raises(eb.DataError, match="sample 1: input 'x' has shape.*dynamic_shapes"):
        eb.quantize(exported, eb.Dataset(samples), trial_run=False)
    with pytest.raises(eb.DataError, match="sample 0 does not fit forward"):
        eb.quantize(exported, eb.Dataset([(samples[0], samples[0])]), trial_run=False)


def test_an_empty_dataset():
    with pytest.raises(eb.DataError, match="no samples"):
        eb.quantize(trained(ConvNet()), eb.Dataset([]), trial_run=False)


def test_a_module_needs_a_sample_to_be_exported_with():
    with pytest.raises(eb.InvalidArgument, match=r"torch\.export\.export"):
        eb.plan(trained(ConvNet()))


def test_tensors_on_different_devices(images):
    model = trained(ConvNet())
    model.fc = torch.nn.Linear(8, 5, device="meta").eval()
    with pytest.raises(eb.InvalidArgument, match=r"cpu, meta.*model\.to"):
        eb.quantize(model, eb.Dataset(images), trial_run=False)


def test_fp8(images):
    with pytest.raises(eb.Unsupported, match="FP8"):
        eb.quantize(
            trained(ConvNet()),
            eb.Dataset(images),
            mode=eb.QuantizationMode.FP8_E4M3,
            trial_run=False,
        )


def test_an_old_torch(images, monkeypatch):
    monkeypatch.setattr(torch, "__version__", "2.1.0")
    with pytest.raises(eb.UnsupportedBackendError, match="too old"):
        eb.quantize(trained(ConvNet()), eb.Dataset(images), trial_run=False)


def test_a_failing_loader_is_named():
    def transform(item):
        raise RuntimeError("no such file")

    with pytest.raises((eb.DataError, RuntimeError), match="no such file"):
        eb.quantize(trained(ConvNet()), eb.Dataset([1], transform), trial_run=False)
