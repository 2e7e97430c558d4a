"""What quantization did to a module, without the numbers, as JSON: enough to do it again to the float module, into which a
state_dict then brings the numbers."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import torch
from torch.utils import _pytree as pytree

from eightbit.torch.capture import Call
from eightbit.torch.reading import Reading, shape_of
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


def changes_of(instructions: Any) -> dict[str, Any]:
    def uses(item: Any) -> list[list[int]]:
        return [[use.node, use.port] for use in item.uses]

    return {
        "constants": [[item.value, uses(item)] for item in instructions.constants],
        "scales": [
            [item.value, uses(item), len(item.factor), item.axis] for item in instructions.scales
        ],
        "shifts": [[item.node, item.axis, len(item.shift)] for item in instructions.shifts],
        "quantizers": [
            {
                "value": item.value,
                "uses": uses(item),
                "weight": item.weight,
                "symmetric": item.symmetric,
                "channel_axes": list(item.channel_axes),
                "scales": len(item.scale),
                "q_min": item.q_min,
                "q_max": item.q_max,
                "group": item.group,
            }
            for item in instructions.quantizers
        ],
    }


def instructions_from(changes: dict[str, Any], reading: Reading) -> SimpleNamespace:
    """Instructions with the same structure, and ones in the place of all numbers."""

    def uses(pairs: list[list[int]]) -> list[SimpleNamespace]:
        return [SimpleNamespace(node=node, port=port) for node, port in pairs]

    def constant(value: int) -> torch.Tensor:
        return torch.zeros(tuple(reading.values[value].meta["val"].shape))

    return SimpleNamespace(
        constants=[
            SimpleNamespace(value=value, uses=uses(pairs), tensor=constant(value))
            for value, pairs in changes["constants"]
        ],
        scales=[
            SimpleNamespace(value=value, uses=uses(pairs), factor=[1.0] * count, axis=axis)
            for value, pairs, count, axis in changes["scales"]
        ],
        shifts=[
            SimpleNamespace(node=node, axis=axis, shift=[0.0] * count)
            for node, axis, count in changes["shifts"]
        ],
        quantizers=[
            SimpleNamespace(
                **{
                    key: item[key]
                    for key in (
                        "value",
                        "weight",
                        "symmetric",
                        "channel_axes",
                        "q_min",
                        "q_max",
                        "group",
                    )
                },
                uses=uses(item["uses"]),
                scale=[1.0] * item["scales"],
                zero_point=[0] * item["scales"],
                integers=None,
            )
            for item in changes["quantizers"]
        ],
    )


def as_json(config: dict[str, Any]) -> dict[str, Any]:
    """A copy that holds nothing but what JSON can."""
    return json.loads(json.dumps(config))
