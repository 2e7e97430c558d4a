"""Modules that are watched while the caller's own code calls them."""

import eightbit as eb
import numpy as np
import torch
from torch_networks import ConvNet, trained


def test_a_module_is_called_as_ever_and_quantized_by_what_it_saw():
    module = trained(ConvNet())
    observer = eb.Observer(module)
    generator = torch.Generator().manual_seed(0)
    samples = [torch.randn((1, 3, 16, 16), generator=generator) for _ in range(24)]
    expected = [module(sample) for sample in samples]
    for sample, output in zip(samples, expected, strict=True):
        assert torch.equal(observer(sample), output)
    assert observer.samples == 24
    quantized = observer.quantize()
    assert isinstance(quantized, torch.nn.Module)
    with torch.no_grad():
        found = torch.cat([quantized(sample) for sample in samples])
    expected = torch.cat(expected)
    noise = (found - expected).square().sum() / expected.square().sum()
    assert 10 * np.log10(float(noise)) < -20
