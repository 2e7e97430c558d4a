"""Rewrites that leave what a graph computes as it is, and make it one that can be measured and quantized: without
dropouts, guards and computations on constants; batch norms in the convolutions before them."""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import fx

from eightbit import _eightbit
from eightbit.errors import InvalidArgument
from eightbit.torch.products import drop_batches_of_one, take_einsum_apart
from eightbit.torch.tensors import add_tensor, constant_of, from_library, get_tensor, settle_names

aten = torch.ops.aten

_DROPOUTS = {aten.dropout, aten.alpha_dropout, aten.feature_dropout, aten.native_dropout}
_COPIES = {aten.lift_fresh_copy, aten.alias, aten.detach, aten.detach_, aten.lift_fresh}
_CHECKS = {
    aten._assert_async,
    aten._assert_scalar,
    aten._assert_tensor_metadata,
    aten.sym_constrain_range,
}
_CONVOLUTIONS = {aten.conv1d, aten.conv2d, aten.conv3d}
_TRANSPOSED = {aten.conv_transpose1d, aten.conv_transpose2d, aten.conv_transpose3d}
_BATCH_NORMS = {
    aten.batch_norm,
    aten._native_batch_norm_legit_no_training,
    aten._batch_norm_with_update,
    aten.native_batch_norm,
}
_LARGEST_FOLDED = 1 << 26  # elements: above, a constant is left to be computed


def packet(node: fx.Node) -> Any:
    """The op without its overload; None for anything but a call of an ATen op."""
    return getattr(node.target, "overloadpacket", None) if node.op == "call_function" else None


def argument(node: fx.Node, name: str, default: Any = None) -> Any:
    """An argument by its name in the op's schema."""
    if name in node.kwargs:
        return node.kwargs[name]
    for position, declared in enumerate(node.target._schema.arguments):
        if declared.name == name:
            return node.args[position] if position < len(node.args) else declared.default_value
    return default


def clean(module: fx.GraphModule) -> None:
    """All rewrites, in place, of a graph without writes in place (see functional.py)."""
    drop_copies(module)
    take_einsum_apart(module)
    fold_constants(module)
    drop_batches_of_one(module)
    fold_batch_norms(module)
    module.graph.eliminate_dead_code()
    drop_unused_tensors(module)
    settle_names(module)
    module.recompile()


def refuse_training(module: fx.GraphModule) -> None:
    for node in module.graph.nodes:
        op = packet(node)
        training = (op in _DROPOUTS and argument(node, "train")) or (
            op in (aten.batch_norm, aten.native_batch_norm, aten.instance_norm)
            and argument(node, "training")
        )
        if training or op in (aten._native_batch_norm_legit, aten._batch_norm_with_update):
            raise InvalidArgument(
                f"[torch] '{node.name}' was exported in training mode: it changes from call to call. Call model.eval() "
                "before torch.export.export()."
            )


def drop_guards(module: fx.GraphModule) -> None:
    """Checks of input shapes and of values: the samples are checked anyway."""
    for node in reversed(module.graph.nodes):
        guard = node.op == "call_module" and node.target == "_guards_fn"
        if (guard or packet(node) in _CHECKS) and not node.users:
            module.graph.erase_node(node)


def drop_copies(module: fx.GraphModule) -> None:
    for node in list(module.graph.nodes):
        op = packet(node)
        if op in _DROPOUTS | _COPIES and op is not aten.native_dropout:
            node.replace_all_uses_with(node.args[0])
            module.graph.erase_node(node)


def fold_constants(module: fx.GraphModule) -> None:
    """Computations on parameters alone, once. Dequantizations stay."""
    graph = module.graph
    for node in list(graph.nodes):
        if not _foldable(module, node):
            continue
        with torch.no_grad():
            arguments = fx.map_arg((node.args, node.kwargs), lambda n: get_tensor(module, n.target))
            value = node.target(*arguments[0], **arguments[1])
        if not isinstance(value, torch.Tensor) or value.numel() > _LARGEST_FOLDED:
            continue
        with graph.inserting_before(node):
            constant = add_tensor(module, graph, f"{_folded_name(node)}", value.detach().clone())
        constant.meta["val"] = node.meta.get("val", value)
        node.replace_all_uses_with(constant)
        graph.erase_node(node)


def _folded_name(node: fx.Node) -> str:
    """After the stored tensor behind it, so that users know it."""
    (first, *_) = node.all_input_nodes
    return f"{first.target}_{node.name}" if first.op == "get_attr" else f"folded_{node.name}"


def _foldable(module: fx.GraphModule, node: fx.Node) -> bool:
    if node.op != "call_function" or not node.all_input_nodes:
        return False
    schema = getattr(node.target, "_schema", None)
    if schema is None or schema.is_mutable or node.target.namespace == "quantized_decomposed":
        return False
    if torch.Tag.nondeterministic_seeded in node.target.tags:
        return False
    return all(constant_of(module, source) is not None for source in node.all_input_nodes)


def fold_batch_norms(module: fx.GraphModule) -> None:
    """Conv, then batch norm: one conv, where nothing else reads it and its weights are nobody else's."""
    for node in list(module.graph.nodes):
        if packet(node) not in _BATCH_NORMS:
            continue
        source = node.args[0]
        if packet(source) in _CONVOLUTIONS | _TRANSPOSED and len(source.users) == 1:
            _fold(module, source, node)
    module.graph.eliminate_dead_code()


def _fold(module: fx.GraphModule, conv: fx.Node, norm: fx.Node) -> None:
    names = ("weight", "bias", "running_mean", "running_var")
    gamma, beta, mean, variance = (constant_of(module, argument(norm, name)) for name in names)
    weight_node, bias_node = argument(conv, "weight"), argument(conv, "bias")
    weight, bias = constant_of(module, weight_node), constant_of(module, bias_node)
    if (
        weight is None
        or mean is None
        or not isinstance(argument(conv, "groups"), int)
        or len(weight_node.users) != 1
        or (bias_node is not None and bias is None)
    ):
        return
    numbers = [
        each.detach().cpu().contiguous() if each is not None else None
        for each in (mean, variance, gamma, beta)
    ]
    affine = _eightbit.batch_norm(*numbers, argument(norm, "eps"))
    folded, moved = _folded(conv, weight.detach().cpu(), bias, affine)
    _replace(module, conv, weight_node, folded.to(weight), moved.to(weight))
    for user in list(norm.users):
        if user.target is operator.getitem:  # the decomposed form gives its statistics too
            user.replace_all_uses_with(conv)
    norm.replace_all_uses_with(conv)
    conv.meta["val"] = (
        norm.meta["val"] if not isinstance(norm.meta["val"], (tuple, list)) else norm.meta["val"][0]
    )


def _folded(
    conv: fx.Node, weight: torch.Tensor, bias: torch.Tensor | None, affine: _eightbit.Affine
) -> tuple[torch.Tensor, torch.Tensor]:
    """Weight and bias of the convolution with the affine in it."""
    shape, axes = weight.shape, [0]
    if packet(conv) in _TRANSPOSED:  # [I, O / G, ...]: rows of a group share its output channels
        groups = argument(conv, "groups")
        weight, axes = weight.reshape(groups, shape[0] // groups, *shape[1:]), [0, 2]
    bias = bias.detach().cpu().contiguous() if bias is not None else None
    folded, moved = _eightbit.fold_affine(weight.contiguous(), axes, bias, affine)
    return from_library(folded).reshape(shape), from_library(moved)


def _replace(module, conv: fx.Node, weight_node: fx.Node, weight, bias) -> None:
    stem = weight_node.target.rpartition(".")[0]
    was_parameter = isinstance(get_tensor(module, weight_node.target), torch.nn.Parameter)
    with module.graph.inserting_before(conv):
        new_weight = add_tensor(module, module.graph, weight_node.target, weight, was_parameter)
        new_bias = add_tensor(
            module, module.graph, f"{stem}.bias" if stem else "bias", bias, was_parameter
        )
    arguments = list(conv.args) + [None] * (3 - len(conv.args))
    arguments[1:3] = new_weight, new_bias
    conv.args = tuple(arguments)
    conv.kwargs = {
        name: value for name, value in conv.kwargs.items() if name not in ("weight", "bias")
    }


def drop_unused_tensors(module: fx.GraphModule) -> None:
    """Parameters that no node reads any more."""
    read = {node.target for node in module.graph.nodes if node.op in ("get_attr", "call_module")}
    for name, _ in [*module.named_parameters(), *module.named_buffers()]:
        if name not in read and not any(name.startswith(target + ".") for target in read):
            owner, _, leaf = name.rpartition(".")
            delattr(module.get_submodule(owner), leaf)
