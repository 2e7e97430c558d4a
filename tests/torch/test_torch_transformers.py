"""Attention, however it is written, makes a transformer of a model by itself."""

import eightbit as eb
import numpy as np
import pytest
import torch
from eightbit.torch.fx import quantize_pt2e
from torch import nn
from torch.nn import functional
from torch_networks import export, sqnr, trained


class Attention(nn.Module):
    """`how`: the op that computes it. A few channels of the input are much larger than the others."""

    def __init__(self, how, width=32):
        super().__init__()
        self.how = how
        self.norm = nn.LayerNorm(width)
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.out = nn.Parameter(torch.randn(4, 8, width))

    def forward(self, x):
        x = self.norm(x)
        batch, length, _ = x.shape
        q, k, v = (
            layer(x).view(batch, length, 4, 8) for layer in (self.query, self.key, self.value)
        )
        if self.how == "einsum":
            weights = torch.einsum("bqhd,bkhd->bhqk", q, k).div(8**0.5).softmax(-1)
            y = torch.einsum("bhqk,bkhd->bqhd", weights, v)
            return torch.einsum("bqhd,hde->bqe", y, self.out)
        q, k, v = (value.transpose(1, 2) for value in (q, k, v))
        if self.how == "matmul":
            y = (q @ k.transpose(-1, -2) / 8**0.5).softmax(-1) @ v
        else:
            y = functional.scaled_dot_product_attention(q, k, v)
        return y.transpose(1, 2).flatten(2) @ self.out.flatten(0, 1)


@pytest.fixture
def texts():
    random = np.random.default_rng(5)
    return [random.standard_normal((1, 12, 32)).astype(np.float32) for _ in range(24)]


def made(how):
    model = trained(Attention(how))
    with torch.no_grad():
        model.norm.weight[:3] = 24.0
        for layer in (model.query, model.key, model.value):
            layer.weight[:, :3] /= 8
    return model


@pytest.mark.parametrize("exported", [False, True])
@pytest.mark.parametrize("how", ["einsum", "matmul", "sdpa"])
def test_attention_makes_a_transformer(texts, how, exported):
    model = made(how)
    source = (
        export(model, torch.from_numpy(np.concatenate(texts[:2])), dynamic=True)
        if exported
        else model
    )
    by_itself, told, plain = eb.Report(), eb.Report(), eb.Report()
    quantized = eb.quantize(source, eb.Dataset(texts), report=by_itself, trial_run=False)
    eb.quantize(
        source, eb.Dataset(texts), model_type=eb.ModelType.TRANSFORMER, report=told, trial_run=False
    )
    none = eb.AdvancedQuantizationParameters(
        smooth_quant_alphas=eb.AdvancedSmoothQuantParameters(matmul=-1)
    )
    without = eb.quantize(
        source, eb.Dataset(texts), advanced_parameters=none, report=plain, trial_run=False
    )
    assert any("model_type: transformer" in note for note in by_itself.notes)
    assert by_itself.notes[0] not in told.notes and by_itself.notes[1:] == told.notes
    assert by_itself.weight_quantizers == 4
    with torch.no_grad():
        want, found, rough = (
            torch.cat([net(torch.from_numpy(text)) for text in texts])
            for net in (model, quantized, without)
        )
    assert sqnr(want, found) > 15 and sqnr(want, found) > sqnr(want, rough) + 2


def test_what_a_quantizer_of_torchao_decides_is_no_transformer_by_itself(texts):
    pytest.importorskip("torchao")
    from torchao.quantization.pt2e.quantizer.x86_inductor_quantizer import (
        X86InductorQuantizer,
        get_default_x86_inductor_quantization_config,
    )

    quantizer = X86InductorQuantizer().set_global(get_default_x86_inductor_quantization_config())
    report = eb.Report()
    exported = export(made("matmul"), torch.from_numpy(texts[0]))
    quantize_pt2e(exported, quantizer, eb.Dataset(texts), report=report)
    assert not any("model_type" in note for note in report.notes)
