"""Shapes of recurrent layers without going through their steps, which is most of the time of exporting them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch

aten = torch.ops.aten


def _output(
    input: torch.Tensor, state: torch.Tensor, both: bool, batch_first: bool
) -> torch.Tensor:
    """The states of all steps, laid out as the layers do."""
    steps, batch = input.shape[:2] if not batch_first else (input.shape[1], input.shape[0])
    out = input.new_empty((steps, batch, state.shape[-1] * (2 if both else 1)))
    return out.transpose(0, 1) if batch_first else out


def _lstm(
    input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first
) -> Any:
    out = _output(input, hx[0], bidirectional, batch_first)
    return out, hx[0].new_empty(hx[0].shape), hx[1].new_empty(hx[1].shape)


def _one_state(
    input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first
) -> Any:
    return _output(input, hx, bidirectional, batch_first), hx.new_empty(hx.shape)


_SHAPES = {
    aten.lstm.input: _lstm,
    aten.gru.input: _one_state,
    aten.rnn_tanh.input: _one_state,
    aten.rnn_relu.input: _one_state,
}


@contextlib.contextmanager
def shapes_at_once() -> Iterator[None]:
    """While torch traces, and for tracing only: computed layers are not touched."""
    kept = {op: dict(op.py_kernels) for op in _SHAPES}
    try:
        for op, shape_of in _SHAPES.items():
            for key in kept[op]:
                op.py_kernels[key] = shape_of
            op._dispatch_cache.clear()
        yield
    finally:
        for op, kernels in kept.items():
            op.py_kernels.clear()
            op.py_kernels.update(kernels)
            op._dispatch_cache.clear()
