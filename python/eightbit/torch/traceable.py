"""ATen ops as functions that are of use beyond the graph.

Ops that take sizes: torch.jit.trace takes the sizes that ATen ops get for constants, so that a traced module would take no
other batch. Fake-quantize ops: for inputs in half and double precision, and within limits that ONNX has. Else these are the
ops themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import fx

aten = torch.ops.aten


def _slice(x, dim=0, start=None, end=None, step=1):
    index = [slice(None)] * (dim % x.dim()) + [slice(start, end, step)]
    return x[tuple(index)]


def _method(name: str) -> Callable[..., Any]:
    return getattr(torch.Tensor, name)


_TRACED = {
    aten.sym_size.int: torch.Tensor.size,
    aten.slice.Tensor: _slice,
    aten.zeros.default: torch.zeros,
    aten.ones.default: torch.ones,
    aten.full.default: torch.full,
    aten.empty.memory_format: torch.empty,
    aten.arange.default: torch.arange,
    aten.arange.start: torch.arange,
    aten.arange.start_step: torch.arange,
    aten.select.int: torch.select,
    aten.narrow.default: torch.narrow,
    aten.unflatten.int: _method("unflatten"),
    **{
        getattr(aten, name).default: _method(name)
        for name in ("view", "reshape", "expand", "repeat", "new_zeros", "new_ones", "new_full", "new_empty")
    },
}  # fmt: skip


def exportable_limits(x, scale, zero_point, axis, q_min: int, q_max: int) -> tuple[Any, int, int]:
    """torch.onnx knows three pairs of limits. Others are those of a whole type, for values that are clipped before. A
    quantizer with a scale for each channel is kept apart from the op in front: ONNX Runtime 1.31 takes Add and others there
    for ops in integers, and then refuses the scales."""
    if not torch.onnx.is_in_onnx_export():
        return x, q_min, q_max
    if (q_min, q_max) in ((0, 255), (-128, 127)):
        return (x if axis is None else torch.maximum(x, x)), q_min, q_max
    if q_max - q_min > 255 or q_min < -128:
        return x, q_min, q_max
    shape = [1] * x.dim()
    if axis is not None:
        shape[axis] = -1
    scale, zero_point = (
        torch.as_tensor(number).reshape(shape if axis is not None else ())
        for number in (scale, zero_point)
    )
    low, high = (q_min - zero_point) * scale, (q_max - zero_point) * scale
    whole = (0, 255) if q_min >= 0 else (-128, 127)
    return torch.minimum(torch.maximum(x, low), high), *whole


def _per_tensor(x, scale, zero_point, q_min, q_max):
    op = aten.fake_quantize_per_tensor_affine.default
    value, q_min, q_max = exportable_limits(_in_f32(x), scale, zero_point, None, q_min, q_max)
    return _as(x, op(value, scale, zero_point, q_min, q_max))


def _per_channel(x, scale, zero_point, axis, q_min, q_max):
    op = aten.fake_quantize_per_channel_affine.default
    scale = _in_f32(scale)
    value, q_min, q_max = exportable_limits(_in_f32(x), scale, zero_point, axis, q_min, q_max)
    return _as(x, op(value, scale, zero_point, axis, q_min, q_max))


def _in_f32(x: torch.Tensor) -> torch.Tensor:
    return x if x.dtype == torch.float32 else x.float()


def _as(like: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return x if x.dtype == like.dtype else x.to(like.dtype)


def _while_tracing(op: Any, traced: Callable[..., Any]) -> Callable[..., Any]:
    def function(*args, **kwargs):
        return (traced if torch.jit.is_tracing() else op)(*args, **kwargs)

    return _named(op, function)


def _named(op: Any, function: Callable[..., Any]) -> Callable[..., Any]:
    function.__name__ = function.__qualname__ = op.name().replace("::", "_").replace(".", "_")
    for attribute in ("overloadpacket", "namespace", "tags", "name", "_schema", "_overloadname"):
        setattr(
            function, attribute, getattr(op, attribute)
        )  # what the op is, to all who read a graph
    return function


_ROUNDING = {
    aten.fake_quantize_per_tensor_affine.default: _per_tensor,
    aten.fake_quantize_per_channel_affine.default: _per_channel,
}
_FUNCTIONS = {op: _while_tracing(op, traced) for op, traced in _TRACED.items()}
_FUNCTIONS |= {op: _named(op, function) for op, function in _ROUNDING.items()}
globals().update({function.__name__: function for function in _FUNCTIONS.values()})  # for pickle


def make_traceable(module: fx.GraphModule) -> None:
    for node in module.graph.nodes:
        function = _FUNCTIONS.get(node.target) if node.op == "call_function" else None
        if function and (node.target not in _TRACED or _takes_sizes(node)):
            node.target = function
    module.recompile()


def _takes_sizes(node: fx.Node) -> bool:
    return node.target is aten.sym_size.int or any(
        isinstance(source.meta.get("val"), torch.SymInt) for source in node.all_input_nodes
    )
