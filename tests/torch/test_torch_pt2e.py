"""Quantizers of torchao: their annotations are honoured, and ours annotates for them."""

import eightbit as eb
import numpy as np
import pytest
import torch

pytest.importorskip("torchao", reason="the quantizers are those of torchao")

from eightbit.torch.fx import OpenVINOQuantizer, quantize_pt2e
from torch_networks import ConvNet, export, op_names, sqnr, trained


def outputs(model, samples):
    with torch.no_grad():
        return torch.cat([model(torch.from_numpy(sample)) for sample in samples])


@pytest.fixture
def exported():
    return export(trained(ConvNet()), torch.zeros(1, 3, 16, 16))


def test_our_quantizer_gives_what_quantize_gives(exported, images):
    quantized = quantize_pt2e(exported, OpenVINOQuantizer(), eb.Dataset(images))
    same = eb.quantize(exported, eb.Dataset(images))
    assert torch.equal(outputs(quantized, images), outputs(same, images))


def test_options_of_our_quantizer(exported, images):
    quantizer = OpenVINOQuantizer(preset=eb.QuantizationPreset.MIXED)
    quantizer.set_ignored_scope(types=["Conv2d"])
    quantized = quantize_pt2e(exported, quantizer, eb.Dataset(images))
    stored = [name for name, tensor in quantized.named_buffers() if tensor.dtype == torch.int8]
    assert stored == ["fc.weight_int8"]


def test_xnnpack(exported, images):
    xnnpack = pytest.importorskip("torchao.testing.pt2e._xnnpack_quantizer")
    quantizer = xnnpack.XNNPACKQuantizer().set_global(
        xnnpack.get_symmetric_quantization_config(is_per_channel=True)
    )
    quantized = quantize_pt2e(exported, quantizer, eb.Dataset(images))
    assert sqnr(outputs(exported, images), outputs(quantized, images)) > 20


def test_x86_inductor(exported, images):
    inductor = pytest.importorskip("torchao.quantization.pt2e.quantizer.x86_inductor_quantizer")
    quantizer = inductor.X86InductorQuantizer()
    quantizer.set_global(inductor.get_default_x86_inductor_quantization_config())
    quantized = quantize_pt2e(exported, quantizer, eb.Dataset(images))
    stored = [name for name, tensor in quantized.named_buffers() if tensor.dtype == torch.int8]
    assert {"stem.weight_int8", "fc.weight_int8"} <= set(stored)
    assert any("dequantize_per_channel" in name for name in op_names(quantized))
    assert sqnr(outputs(exported, images), outputs(quantized, images)) > 20


def test_our_annotations_in_torchao(exported, images):
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    reference = outputs(exported, images)
    prepared = prepare_pt2e(exported, OpenVINOQuantizer())
    for image in images:
        prepared(torch.from_numpy(image))
    converted = convert_pt2e(prepared)
    assert sum("quantize_per_tensor" in name for name in op_names(converted)) >= 5
    assert sqnr(reference, outputs(converted, images)) > 15


def test_what_is_refused(exported, images):
    with pytest.raises(eb.InvalidArgument, match=r"torch\.export\.export"):
        quantize_pt2e(trained(ConvNet()), OpenVINOQuantizer(), eb.Dataset(images))
    with pytest.raises(eb.InvalidArgument, match=r"eightbit\.Dataset"):
        quantize_pt2e(exported, OpenVINOQuantizer(), images)


def test_one_sample_is_enough(exported):
    one = np.ones((1, 3, 16, 16), np.float32)
    quantized = quantize_pt2e(
        exported, OpenVINOQuantizer(), eb.Dataset([one]), fast_bias_correction=None
    )
    assert torch.isfinite(outputs(quantized, [one])).all()
