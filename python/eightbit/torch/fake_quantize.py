"""Rounding to integers in float, with scales that can be trained."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from eightbit.torch.traceable import exportable_limits

_SMALLEST_SCALE = 1e-12


class FakeQuantize(nn.Module):
    """y = (clamp(round(x / scale) + zero_point, q_min, q_max) - zero_point) * scale.

    scale: a parameter, one number or one for each channel of `axis`; in training mode its gradient is that of LSQ (Esser et
        al., Learned Step Size Quantization, arXiv 1902.08153, without the scaling of the gradient). x gets the gradient of
        y where it is not clamped.
    zero_point: a buffer of i32, as many as scales. 0 for symmetric weights.
    q_min, q_max: the first and the last integer.
    """

    def __init__(
        self,
        scale: torch.Tensor,
        zero_point: torch.Tensor,
        q_min: int,
        q_max: int,
        axis: int | None = None,
        symmetric: bool = True,
    ):
        super().__init__()
        self.scale = nn.Parameter(scale.detach().clone().float())
        self.register_buffer("zero_point", zero_point.detach().clone().to(torch.int32))
        self.q_min, self.q_max, self.axis, self.symmetric = q_min, q_max, axis, symmetric

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: any float tensor; the result has its shape and type."""
        value = x.float() if x.dtype != torch.float32 else x
        y = self._trainable(value) if self.training else self._rounded(value)
        return y.to(x.dtype)

    def usable_scale(self) -> torch.Tensor:
        """The scale, which training may have brought to zero or below, as it is used."""
        return self.scale.abs().clamp(min=_SMALLEST_SCALE)

    def _apply(self, fn: Callable, recurse: bool = True) -> FakeQuantize:
        """half(), double() and the like leave scales in f32, which rounding is computed in."""
        kept = self.scale.detach()
        super()._apply(fn, recurse)
        if self.scale.dtype != torch.float32:
            self.scale = nn.Parameter(kept.to(self.scale.device), self.scale.requires_grad)
        return self

    def _rounded(self, x: torch.Tensor) -> torch.Tensor:
        scale = self.usable_scale().detach()
        x, q_min, q_max = exportable_limits(
            x, scale, self.zero_point, self.axis, self.q_min, self.q_max
        )
        if self.axis is None:
            return torch.fake_quantize_per_tensor_affine(
                x, scale.reshape(()), self.zero_point.reshape(()), q_min, q_max
            )
        return torch.fake_quantize_per_channel_affine(
            x, scale, self.zero_point, self.axis, q_min, q_max
        )

    def _trainable(self, x: torch.Tensor) -> torch.Tensor:
        shape = [1] * x.dim()
        if self.axis is not None:
            shape[self.axis] = -1
        scale = self.usable_scale().reshape(shape if self.axis is not None else ())
        zero_point = self.zero_point.reshape(scale.shape).float()
        level = (x / scale + zero_point).clamp(self.q_min, self.q_max)
        level = level + (level.round() - level).detach()
        return (level - zero_point) * scale

    def extra_repr(self) -> str:
        kind = "symmetric" if self.symmetric else "asymmetric"
        return f"{self.q_min}..{self.q_max}, {kind}, {self.scale.numel()} scales, axis={self.axis}"
