"""Samples as a caller writes them, and as the flat inputs of an exported graph."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import fx
from torch.utils import _pytree as pytree

from eightbit.errors import DataError
from eightbit.torch.shapes import is_open


def as_call(item: Any, names: list[str]) -> tuple[tuple, dict[str, Any]]:
    """The arguments of a call: a dict with the names of parameters by name, a tuple or list by position, else one input."""
    if hasattr(item, "keys") and not isinstance(item, dict):
        item = dict(item)  # such as the batches of a tokenizer
    if isinstance(item, dict) and item and (not names or set(item) <= set(names)):
        return (), dict(item)
    if isinstance(item, (tuple, list)):
        return tuple(item), {}
    return (item,), {}


def as_tensors(value: Any) -> Any:
    """NumPy arrays as tensors, anywhere in nested containers."""
    return pytree.tree_map(_as_tensor, value)


def _as_tensor(value: Any) -> Any:
    if isinstance(value, torch.Tensor) or not hasattr(value, "__array__"):
        return value
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about arrays that cannot be written to
        return torch.from_numpy(value) if hasattr(value, "dtype") else torch.as_tensor(value)


class Signature:
    """How the inputs of a graph are called, nested and numbered. Numbers among them are fixed by the export."""

    def __init__(self, module: fx.GraphModule):
        self.placeholders = [node for node in module.graph.nodes if node.op == "placeholder"]
        info = getattr(module.graph._codegen, "pytree_info", None)
        self.spec = info.in_spec if info is not None else None
        self.names = (
            list(info.orig_args)
            if info is not None
            else [str(node.target) for node in self.placeholders]
        )
        self.tensors = [
            place
            for place, node in enumerate(self.placeholders)
            if isinstance(node.meta.get("val"), torch.Tensor)
        ]

    def flatten(self, item: Any, number: int) -> dict[str, torch.Tensor]:
        """The tensors of a sample by the names of the graph's inputs. Raises DataError naming the sample."""
        args, kwargs = as_call(item, self.names)
        try:
            leaves = self.leaves(args, kwargs)
        except (ValueError, TypeError, KeyError) as error:
            raise self._misfit(number, str(error)) from None
        if len(leaves) != len(self.placeholders):
            raise self._misfit(
                number, f"it has {len(leaves)} values where {len(self.placeholders)} are taken"
            )
        named = {}
        for place in self.tensors:
            node, value = self.placeholders[place], _as_tensor(leaves[place])
            if not isinstance(value, torch.Tensor):
                raise self._misfit(
                    number, f"'{node.target}' is a {type(value).__name__}, not a tensor"
                )
            tensor = _without_loader_axis(value.detach(), node.meta["val"])
            self._check_shape(node, tensor, number)
            named[str(node.target)] = tensor
        return named

    def _check_shape(self, node: fx.Node, tensor: torch.Tensor, number: int) -> None:
        sizes = node.meta["val"].shape
        if len(sizes) != tensor.dim() or all(
            is_open(size) or size == own for size, own in zip(sizes, tensor.shape, strict=True)
        ):
            return
        taken = ", ".join("?" if is_open(size) else str(size) for size in sizes)
        raise DataError(
            f"[dataset] sample {number}: input '{node.target}' has shape {list(tensor.shape)}, and the graph takes [{taken}]. "
            "Bring samples to one size in transform_func, show the other sizes among the first samples, or pass "
            "torch.export.export(model, args, dynamic_shapes=...).module() with these dimensions open."
        )

    def place(self, tensors: list[torch.Tensor]) -> list[Any]:
        """All inputs of the graph, given those that are tensors in order."""
        values = [node.meta.get("val") for node in self.placeholders]
        for place, tensor in zip(self.tensors, tensors, strict=True):
            values[place] = tensor
        return values

    def leaves(self, args: tuple, kwargs: dict[str, Any]) -> list[Any]:
        """The values of a call in the order of the placeholders. Raises ValueError, TypeError or KeyError for others."""
        if self.spec is None:
            return [*args, *(kwargs[name] for name in self.names[len(args) :])]
        arity, keys = self._arity()
        if len(args) == 1 and arity + len(keys) > 1 and isinstance(args[0], (tuple, list)):
            args = tuple(args[0])
        given = dict(zip(self.names, args, strict=False)) | kwargs
        missing = [name for name in self.names if name not in given]
        if missing or len(args) > len(self.names) or len(given) > len(self.names):
            # one input that is itself a tuple, a list or a dict
            whole = kwargs or (list(args) if len(args) != 1 else args[0])
            given = {self.names[0]: whole} if len(self.names) == 1 else given
            if len(self.names) != 1:
                raise ValueError(
                    f"it lacks {', '.join(missing)}" if missing else f"it has {len(given)} inputs"
                )
        order = (
            tuple(given[name] for name in self.names[:arity]),
            {key: given[key] for key in keys},
        )
        leaves, spec = pytree.tree_flatten(order)
        if spec != self.spec and len(leaves) == self.spec.num_leaves:
            return leaves  # a list where the export saw a tuple
        if spec != self.spec:
            raise ValueError(
                "it is nested in another way than the example that the model was exported with"
            )
        return leaves

    def _arity(self) -> tuple[int, list[str]]:
        positional, named = self.spec.children()
        return positional.num_children, list(named.context or [])

    def _misfit(self, number: int, reason: str) -> DataError:
        return DataError(
            f"[dataset] sample {number} does not fit forward({', '.join(self.names)}): {reason}. Pass a tuple of its "
            "arguments in order, a dict of them by name, or the only one; see transform_func of eightbit.Dataset."
        )


def _without_loader_axis(value: torch.Tensor, expected: torch.Tensor) -> torch.Tensor:
    """A DataLoader over ready batches puts an axis of 1 in front."""
    if value.dim() == expected.dim() + 1 and value.shape[0] == 1:
        return value[0]
    return value
