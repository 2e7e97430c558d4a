"""Tensors that belong to a module, by the dotted names that `get_attr` nodes use."""

from __future__ import annotations

from typing import Any

import torch
from torch import fx

from eightbit import _eightbit

DTYPES = {
    torch.bool: _eightbit.DType.bool,
    torch.int8: _eightbit.DType.i8,
    torch.uint8: _eightbit.DType.u8,
    torch.int16: _eightbit.DType.i16,
    torch.int32: _eightbit.DType.i32,
    torch.int64: _eightbit.DType.i64,
    torch.bfloat16: _eightbit.DType.bf16,
    torch.float16: _eightbit.DType.f16,
    torch.float32: _eightbit.DType.f32,
    torch.float64: _eightbit.DType.f64,
}


def get_tensor(module: torch.nn.Module, target: str) -> Any:
    """What `target` names: a tensor, or a submodule of a control flow op."""
    for part in target.split("."):
        module = getattr(module, part)
    return module


def set_tensor(
    module: torch.nn.Module, target: str, tensor: torch.Tensor, parameter: bool = False
) -> None:
    """Registers `tensor` under a dotted name, as a buffer or a parameter, in the place of what was there."""
    *path, name = target.split(".")
    for part in path:
        if not isinstance(getattr(module, part, None), torch.nn.Module):
            if hasattr(module, part):
                delattr(module, part)
            module.add_module(part, torch.nn.Module())
        module = getattr(module, part)
    if hasattr(module, name):
        delattr(module, name)
    if parameter:
        module.register_parameter(name, torch.nn.Parameter(tensor))
    else:
        module.register_buffer(name, tensor)


def free_name(module: torch.nn.Module, wanted: str) -> str:
    """`wanted`, or with a number where that is taken."""

    def taken(target: str) -> bool:
        try:
            get_tensor(module, target)
        except AttributeError:
            return False
        return True

    name, count = wanted, 1
    while taken(name):
        name, count = f"{wanted}_{count}", count + 1
    return name


def is_state(node: Any) -> bool:
    """Whether this is a tensor of the module that the graph writes into."""
    return (
        isinstance(node, fx.Node)
        and node.op == "get_attr"
        and any(
            user.target is torch.ops.aten.copy_.default and user.args[0] is node
            for user in node.users
        )
    )


def states_of(module: fx.GraphModule) -> dict[str, torch.Tensor]:
    """Copies of the tensors that the graph writes into, by name: what a run begins with."""
    targets = [node.target for node in module.graph.find_nodes(op="get_attr") if is_state(node)]
    return {target: get_tensor(module, target).detach().clone() for target in targets}


def constant_of(module: torch.nn.Module, node: Any) -> torch.Tensor | None:
    """The tensor behind a `get_attr` node; None for anything else, and for what the graph writes into."""
    if not isinstance(node, fx.Node) or node.op != "get_attr" or is_state(node):
        return None
    found = get_tensor(module, node.target)
    return found if isinstance(found, torch.Tensor) else None


def add_tensor(
    module: torch.nn.Module,
    graph: fx.Graph,
    name: str,
    tensor: torch.Tensor,
    parameter: bool = False,
) -> fx.Node:
    """A new `get_attr` node at the graph's present insertion point."""
    target = free_name(module, name)
    set_tensor(module, target, tensor, parameter)
    node = graph.create_node("get_attr", target, name=target.replace(".", "_"))
    node.meta["val"] = like(tensor)
    node.meta["wanted_name"] = name
    return node


def settle_names(module: fx.GraphModule) -> None:
    """Gives tensors that took the place of others the names of those, now that they are free."""
    for node in module.graph.find_nodes(op="get_attr"):
        wanted = node.meta.pop("wanted_name", node.target)
        if wanted == node.target or free_name(module, wanted) != wanted:
            continue
        tensor = get_tensor(module, node.target)
        owner, _, leaf = node.target.rpartition(".")
        delattr(module.get_submodule(owner), leaf)
        set_tensor(module, wanted, tensor.detach(), isinstance(tensor, torch.nn.Parameter))
        node.target = wanted


def like(tensor: torch.Tensor) -> torch.Tensor:
    """Shape, type and device of a tensor, in the memory of one element."""
    return torch.empty((), dtype=tensor.dtype, device=tensor.device).expand(tensor.shape)


def from_library(array: Any) -> torch.Tensor:
    """A tensor over the memory of an object of the C++ library."""
    return torch.from_dlpack(array)
