"""The inputs of a module in its config, as JSON."""

from __future__ import annotations

import json
from typing import Any

import torch
from torch.utils import _pytree as pytree

from eightbit.torch.capture import Call
from eightbit.torch.reading import shape_of
from eightbit.torch.shapes import example
from eightbit.torch.signature import Signature


def example_of(signature: Signature) -> dict[str, Any]:
    """The inputs of an exported module: how they are nested, and their shapes (-1: a batch of any size) and types."""
    leaves: list[Any] = []
    for place, node in enumerate(signature.placeholders):
        value = node.meta.get("val")
        tensor = place in signature.tensors
        leaves.append(
            {
                "shape": shape_of(value),
                "example": list(example(value).shape),
                "dtype": str(value.dtype),
            }
            if tensor
            else {"value": value}
        )
    return {
        "inputs": leaves,
        "nested": pytree.treespec_dumps(signature.spec) if signature.spec else None,
    }


def example_call(config: dict[str, Any]) -> Call:
    """Arguments of these shapes, and which axes of them are open."""
    open_axes = []
    leaves = []
    for leaf in config["inputs"]:
        if "shape" in leaf:
            open_axes.append({axis for axis, size in enumerate(leaf["shape"]) if size < 0})
            shape = leaf.get("example") or [2 if size < 0 else size for size in leaf["shape"]]
            leaves.append(
                torch.zeros(shape, dtype=getattr(torch, leaf["dtype"].removeprefix("torch.")))
            )
        else:
            leaves.append(leaf["value"])
    args, kwargs = pytree.tree_unflatten(leaves, pytree.treespec_loads(config["nested"]))
    return Call(args, kwargs, open_axes)


def as_json(config: dict[str, Any]) -> dict[str, Any]:
    """A copy that holds nothing but what JSON can."""
    return json.loads(json.dumps(config))
