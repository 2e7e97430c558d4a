"""Exported graphs with quantize and dequantize ops, in other floating types than f32."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import fx

aten = torch.ops.aten
_decomposed = torch.ops.quantized_decomposed
_QUANTIZE = (_decomposed.quantize_per_tensor.default, _decomposed.quantize_per_channel.default)
_DEQUANTIZE = (
    _decomposed.dequantize_per_tensor.default,
    _decomposed.dequantize_per_channel.default,
)
_ADDED = "eightbit_cast"  # in the meta of casts that are not the model's


class CastableGraph(fx.GraphModule):
    """A GraphModule whose half(), bfloat16(), double(), float() and to(dtype) change the types that are written into its
    graph too: what quantizers take in and give back, and what stored integers are restored to."""

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> Any:
        before = _type_of(self)
        result = super()._apply(fn, recurse)
        after = _type_of(self)
        if before is not None and after is not None and before != after:
            _cast(self, after)
        return result


def castable(module: fx.GraphModule) -> fx.GraphModule:
    """The same graph and tensors. Graphs with floats of several types, or none, stay as they are."""
    if _type_of(module) != torch.float32:
        return module
    made = CastableGraph(module, module.graph)
    made.meta.update(module.meta)
    return made


def _type_of(module: torch.nn.Module) -> torch.dtype | None:
    types = {t.dtype for t in [*module.parameters(), *module.buffers()] if t.is_floating_point()}
    return types.pop() if len(types) == 1 else None


def _cast(module: fx.GraphModule, dtype: torch.dtype) -> None:
    graph = module.graph
    for node in list(graph.nodes):
        if node.meta.get(_ADDED):
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)
        elif node.target in _QUANTIZE and dtype != torch.float32:
            with graph.inserting_before(node):
                source = graph.call_function(aten.to.dtype, (node.args[0], torch.float32))
            source.meta = {**node.args[0].meta, _ADDED: True}
            node.update_arg(0, source)
        elif node.target in _DEQUANTIZE:
            node.kwargs = {} if dtype == torch.float32 else {**node.kwargs, "out_dtype": dtype}
        elif node.target == aten.to.dtype and _is_stored_integer(module, node.args[0]):
            node.update_arg(1, dtype)
    module.recompile()


def _is_stored_integer(module: fx.GraphModule, node: fx.Node) -> bool:
    if node.op != "get_attr":
        return False
    owner, _, name = str(node.target).rpartition(".")
    stored = getattr(module.get_submodule(owner), name)
    return stored.dtype in (torch.int8, torch.uint8)
