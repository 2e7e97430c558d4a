"""Sizes of inputs that are open, as symbols of an exported graph."""

from __future__ import annotations

from typing import Any

import torch

_SMALLEST = 2  # exports take sizes of 0 and 1 for fixed ones


def is_open(size: Any) -> bool:
    """False for numbers, and for symbols that the export has settled on a number for."""
    return isinstance(size, torch.SymInt) and size.node.maybe_as_int() is None


def example(value: torch.Tensor) -> torch.Tensor:
    """Zeros of the shape that the graph was exported with."""
    shape = [_example_size(size) for size in value.shape]
    return torch.zeros(shape, dtype=value.dtype, device=value.device)


def _example_size(size: Any) -> int:
    return max(_SMALLEST, size.node.hint or 0) if is_open(size) else int(size)


def open_axes(value: torch.Tensor) -> list[int]:
    return [axis for axis, size in enumerate(value.shape) if is_open(size)]


def open_dimensions(value: Any) -> dict[int, Any] | None:
    """As torch.export.export takes them for an input."""
    if not isinstance(value, torch.Tensor):
        return None
    return {axis: torch.export.Dim.AUTO for axis in open_axes(value)}
