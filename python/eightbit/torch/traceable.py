"""ATen ops that take sizes, as functions that torch.jit.trace follows: it takes the sizes that ATen ops get for constants,
so that a traced module would take no other batch. Outside of a trace these are the ops themselves."""

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


def _function(op: Any, traced: Callable[..., Any]) -> Callable[..., Any]:
    def function(*args, **kwargs):
        return (traced if torch.jit.is_tracing() else op)(*args, **kwargs)

    function.__name__ = function.__qualname__ = op.name().replace("::", "_").replace(".", "_")
    for attribute in ("overloadpacket", "namespace", "tags", "name", "_schema", "_overloadname"):
        setattr(
            function, attribute, getattr(op, attribute)
        )  # what the op is, to all who read a graph
    return function


_FUNCTIONS = {op: _function(op, traced) for op, traced in _TRACED.items()}
globals().update({function.__name__: function for function in _FUNCTIONS.values()})  # for pickle


def make_traceable(module: fx.GraphModule) -> None:
    for node in module.graph.nodes:
        function = _FUNCTIONS.get(node.target) if node.op == "call_function" else None
        if function and (node.target is aten.sym_size.int or _takes_sizes(node)):
            node.target = function
    module.recompile()


def _takes_sizes(node: fx.Node) -> bool:
    return any(isinstance(source.meta.get("val"), torch.SymInt) for source in node.all_input_nodes)
