"""Modules that were quantized for training: saved, loaded, stripped."""

import json

import eightbit as eb
import numpy as np
import pytest
import torch
from eightbit.torch import get_config, load_from_config, strip
from eightbit.torch.fake_quantize import FakeQuantize
from torch_networks import Attention, ConvNet, op_names, sqnr, trained


@pytest.fixture
def quantized(images):
    return eb.quantize(trained(ConvNet()), eb.Dataset(images), trial_run=False)


def test_config_and_state_dict_bring_a_module_back(quantized, images, tmp_path):
    path = tmp_path / "model.pt"
    torch.save({"config": json.dumps(get_config(quantized)), "state": quantized.state_dict()}, path)
    saved = torch.load(path)
    loaded = load_from_config(trained(ConvNet(), seed=9), json.loads(saved["config"]))
    loaded.load_state_dict(saved["state"])
    sample = torch.from_numpy(images[0])
    assert torch.equal(loaded(sample), quantized(sample))
    assert get_config(loaded) == get_config(quantized)
    assert loaded(torch.cat([sample, sample])).shape == (2, 5)


def test_keywords_and_nested_inputs_survive(tmp_path):
    random = np.random.default_rng(3)
    sample = {"ids": torch.from_numpy(random.integers(0, 50, (1, 12))), "mask": torch.ones(1, 12)}
    quantized = eb.quantize(
        trained(Attention()),
        eb.Dataset([sample] * 3),
        model_type=eb.ModelType.TRANSFORMER,
        trial_run=False,
    )
    loaded = load_from_config(trained(Attention(), seed=4), get_config(quantized))
    loaded.load_state_dict(quantized.state_dict())
    assert torch.equal(loaded(**sample)["hidden"], quantized(**sample)["hidden"])


def test_another_model_is_refused(quantized):
    class Other(torch.nn.Module):
        def forward(self, x):
            return torch.relu(x)

    with pytest.raises(eb.ModelError, match="does not fit"):
        load_from_config(Other().eval(), get_config(quantized))
    with pytest.raises(eb.InvalidArgument, match="get_config"):
        load_from_config(trained(ConvNet()), {"version": 0})
    with pytest.raises(eb.InvalidArgument, match="holds no config"):
        get_config(ConvNet())


@pytest.mark.parametrize("form", list(eb.torch.StripFormat))
def test_strip(quantized, images, form):
    sample = torch.from_numpy(np.concatenate(images))
    before = {name: tensor.clone() for name, tensor in quantized.state_dict().items()}
    stripped = strip(quantized, strip_format=form)
    assert not any(isinstance(part, FakeQuantize) for part in stripped.modules())
    assert all(torch.equal(tensor, before[name]) for name, tensor in quantized.state_dict().items())
    with torch.no_grad():
        assert sqnr(quantized(sample), stripped(sample)) > 60
    stored = [tensor.dtype for tensor in stripped.state_dict().values()]
    assert (torch.int8 in stored) == (form == eb.torch.StripFormat.DQ)
    rounded = [name for name in op_names(stripped) if "quantize" in name]
    assert rounded and all(
        ("quantized_decomposed" in name) == (form == eb.torch.StripFormat.DQ) for name in rounded
    )


def test_strip_refuses_what_holds_no_quantizers():
    with pytest.raises(eb.InvalidArgument, match="holds no FakeQuantize"):
        strip(ConvNet())
