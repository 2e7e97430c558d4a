"""What quantization did to a model, without the numbers, as JSON: enough to do it again to the float model, into which its
saved weights then bring the numbers."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any


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


def instructions_from(changes: dict[str, Any], zeros: Callable[[int], Any]) -> SimpleNamespace:
    """Instructions with the same structure, and ones in the place of all numbers. zeros: a constant of the shape of the value
    of that number."""

    def uses(pairs: list[list[int]]) -> list[SimpleNamespace]:
        return [SimpleNamespace(node=node, port=port) for node, port in pairs]

    return SimpleNamespace(
        constants=[
            SimpleNamespace(value=value, uses=uses(pairs), tensor=zeros(value))
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
