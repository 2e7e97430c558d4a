"""Networks with what the backend has to get right."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional


class Block(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.act(self.norm(self.conv(x))) + x


class ConvNet(nn.Module):
    """Convolutions with and without batch norm, in-place activations, a residual, a depthwise one, dropout."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.stem_norm = nn.BatchNorm2d(8)
        self.act = nn.Hardswish(inplace=True)
        self.layer1 = nn.Sequential(Block(8), Block(8))
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(0.2)
        self.fc = nn.Linear(8, 5)

    def forward(self, x):
        x = self.layer1(self.act(self.stem_norm(self.stem(x))))
        x = self.pool(self.depthwise(x)).flatten(1)
        return self.fc(self.dropout(x))


class Attention(nn.Module):
    """Embeddings, layer norm, scaled dot products, a nested result, inputs by keyword."""

    def __init__(self, width: int = 16):
        super().__init__()
        self.words = nn.Embedding(50, width)
        self.norm = nn.LayerNorm(width)
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.out = nn.Linear(width, width)

    def forward(self, ids, mask):
        x = self.norm(self.words(ids))
        heads = [
            layer(x).unflatten(-1, (2, -1)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        ]
        wide = mask[:, None, None, :] > 0
        mixed = functional.scaled_dot_product_attention(*heads, attn_mask=wide)
        return {"hidden": self.out(mixed.transpose(1, 2).flatten(2)) + x, "ids": (ids,)}


class Upsampler(nn.Module):
    """Transposed convolutions: plain, grouped and depthwise."""

    def __init__(self):
        super().__init__()
        self.up = nn.ConvTranspose2d(4, 6, 2, stride=2)
        self.grouped = nn.ConvTranspose2d(6, 4, 3, padding=1, groups=2)
        self.depthwise = nn.ConvTranspose2d(4, 4, 3, padding=1, groups=4)

    def forward(self, x):
        return self.depthwise(torch.relu(self.grouped(torch.relu(self.up(x)))))


def trained(model: nn.Module, seed: int = 0) -> nn.Module:
    """In evaluation mode, with parameters and statistics of batch norms that look trained."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for part in model.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.running_mean.normal_(0, 0.2, generator=generator)
                part.running_var.uniform_(0.5, 2, generator=generator)
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0, parameter[0].numel() ** -0.5, generator=generator)
    return model.eval()


def tensors(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def sqnr(reference: torch.Tensor, other: torch.Tensor) -> float:
    """Signal to quantization noise, dB."""
    noise = (reference - other).double().pow(2).sum()
    return float(10 * torch.log10(reference.double().pow(2).sum() / noise)) if noise > 0 else np.inf


def op_names(module: torch.fx.GraphModule) -> list[str]:
    return [str(node.target) for node in module.graph.nodes if node.op == "call_function"]


def export(model: nn.Module, *args, dynamic: bool = False):
    shapes = tuple({0: torch.export.Dim.AUTO} for _ in args) if dynamic else None
    return torch.export.export(model, args, dynamic_shapes=shapes).module()
