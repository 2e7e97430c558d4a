"""Graphs without writes in place. What a model keeps in its buffers is written once, at the end of the graph."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import fx

from eightbit.errors import ModelError
from eightbit.torch.clean import aten, drop_guards, packet
from eightbit.torch.recurrent import shapes_at_once
from eightbit.torch.shapes import example, open_dimensions
from eightbit.torch.signature import Signature
from eightbit.torch.tensors import is_state, set_tensor, states_of
from eightbit.torch.writing import copy_module

# Composite ops whose result never shares memory with an input; of others that is not known.
_FRESH = {
    aten.linear, aten.matmul, aten.batch_norm, aten.layer_norm, aten.instance_norm, aten.group_norm, aten.conv1d, aten.conv2d,
    aten.conv3d, aten.conv_transpose1d, aten.conv_transpose2d, aten.conv_transpose3d, aten.adaptive_avg_pool1d,
    aten.adaptive_avg_pool2d, aten.adaptive_avg_pool3d, aten.max_pool1d, aten.max_pool2d, aten.max_pool3d,
}  # fmt: skip


def functional(
    module: fx.GraphModule, program: Callable[[], torch.export.ExportedProgram]
) -> fx.GraphModule:
    """The same without writes in place, but those of new values into buffers, which are its own tensors.

    program: exports the module again. Torch takes apart writes into what has other names (`y[:, 0] = v`, views, buffers).
    Raises ModelError naming a write that it cannot take apart.
    """
    drop_guards(module)
    twins = _simple_writes(module)
    if twins is None:
        module = _taken_apart(module, program)
    else:
        _replace(module, twins)
    own_states(module)
    return module


def exported_again(module: fx.GraphModule) -> torch.export.ExportedProgram:
    """An exported graph as a program, with flat inputs."""
    flat, _ = copy_module(module)
    drop_guards(flat)
    flat.graph.set_codegen(fx.graph.CodeGen())
    flat.recompile()
    signature = Signature(module)
    values = [node.meta.get("val") for node in signature.placeholders]
    examples = [example(value) if isinstance(value, torch.Tensor) else value for value in values]
    shapes = tuple(open_dimensions(value) for value in values)
    with shapes_at_once():
        return torch.export.export(flat, tuple(examples), dynamic_shapes=shapes)


def _writes(node: fx.Node) -> bool:
    return packet(node) is not None and node.target._schema.is_mutable


def _simple_writes(module: fx.GraphModule) -> dict[fx.Node, Any] | None:
    """The functional twin of each op in place, where each changes a whole tensor, under whatever name of it; else None."""
    twins: dict[fx.Node, Any] = {}
    names: dict[
        fx.Node, list[fx.Node]
    ] = {}  # of one tensor: what made it, and each op in place on it
    order = {node: place for place, node in enumerate(module.graph.nodes)}
    for node in module.graph.nodes:
        if not _writes(node):
            continue
        twin, changed = _functional_twin(node), node.args[0]
        same = names.setdefault(changed, [changed])
        readers = {user for name in same for user in name.users if user is not node}
        if not all(_is_fresh(user, twins) for user in readers if order[user] < order[node]):
            return None
        if _is_copy_to_state(node) and not node.users:
            if any(order[user] > order[node] for user in readers):
                return None
        elif twin is None or not _is_fresh(changed, twins):
            return None
        else:
            twins[node], names[node] = twin, same
            same.append(node)
    return twins


def _is_fresh(node: Any, twins: dict[fx.Node, Any]) -> bool:
    """Whether what a node yields shares memory with no input of it."""
    op = packet(node) if isinstance(node, fx.Node) else None
    if op is None:
        return False
    if node in twins or op in _FRESH:
        return True
    schema = node.target._schema
    shares = schema.is_mutable or any(value.alias_info for value in schema.returns)
    return not shares and not torch._C._dispatch_has_kernel_for_dispatch_key(
        node.target.name(), "CompositeImplicitAutograd"
    )


def _functional_twin(node: fx.Node) -> Any:
    """`relu` of `relu_`; None where there is none."""
    name = packet(node).__name__
    if not name.endswith("_") or name.endswith("__") or name == "copy_":
        return None
    if not isinstance(node.args[0], fx.Node):
        return None
    twin = getattr(getattr(torch.ops, node.target.namespace), name[:-1], None)
    return getattr(twin, node.target._overloadname, None) if twin is not None else None


def _replace(module: fx.GraphModule, twins: dict[fx.Node, Any]) -> None:
    """`x.relu_()` becomes a new value, which later readers of x read."""
    order = {node: place for place, node in enumerate(module.graph.nodes)}
    for node, twin in twins.items():
        node.target, changed = twin, node.args[0]
        for user in list(changed.users):
            if order[user] > order[node]:
                user.replace_input_with(changed, node)


def _taken_apart(
    module: fx.GraphModule, program: Callable[[], torch.export.ExportedProgram]
) -> fx.GraphModule:
    first = next(node for node in module.graph.nodes if _writes(node))
    try:
        with torch.no_grad(), shapes_at_once():
            made = program().run_decompositions({}).module()
    except Exception as error:
        reason = str(error).strip().splitlines()
        raise _refusal(first, f": {type(error).__name__}: {reason[0] if reason else ''}") from error
    drop_guards(made)
    made.graph.set_codegen(module.graph._codegen)
    for node in list(made.graph.nodes):
        _drop_copy(node)
        if packet(node) is aten.copy_ and node.args[0].op == "placeholder":
            made.graph.erase_node(node)  # the caller's tensors are not changed
    left = [node for node in made.graph.nodes if _writes(node) and not _is_copy_to_state(node)]
    if left:
        raise _refusal(left[0], "")
    made.recompile()
    return made


def _refusal(node: fx.Node, reason: str) -> ModelError:
    return ModelError(
        f"[torch] '{node.name}' ({node.target}) writes into a tensor that has other names, and torch cannot take that "
        f"apart{reason}. Make a new tensor instead, for example with torch.where, torch.cat or torch.scatter."
    )


def _is_copy_to_state(node: fx.Node) -> bool:
    return packet(node) is aten.copy_ and is_state(node.args[0])


def _drop_copy(node: fx.Node) -> None:
    """`copy(old, new)` is the new value, where it has the old one's shape and type already."""
    if packet(node) is not aten.copy or not isinstance(node.args[1], fx.Node):
        return
    value, new = node.meta.get("val"), node.args[1].meta.get("val")
    if (
        value is not None
        and new is not None
        and (value.shape, value.dtype) == (new.shape, new.dtype)
    ):
        node.replace_all_uses_with(node.args[1])
        node.graph.erase_node(node)


def own_states(module: fx.GraphModule) -> None:
    """Copies in the place of the tensors that the graph writes into, which another module may have too."""
    for name, tensor in states_of(module).items():
        set_tensor(module, name, tensor, isinstance(tensor, torch.nn.Parameter))


@contextlib.contextmanager
def untouched(*modules: torch.nn.Module) -> Iterator[None]:
    """Runs inside of it read and write copies of the buffers."""
    parts = [part for module in modules for part in module.modules()]
    kept = [(part, dict(part._buffers)) for part in dict.fromkeys(parts)]
    copies: dict[int, torch.Tensor] = {}  # one for one tensor, whatever its names
    for part, buffers in kept:
        for name, tensor in buffers.items():
            if tensor is not None:
                part._buffers[name] = copies.setdefault(id(tensor), tensor.detach().clone())
    try:
        yield
    finally:
        for part, buffers in kept:
            part._buffers.clear()
            part._buffers.update(buffers)
