"""Ignored scopes in all the names that users of PyTorch have for nodes, as those that the library knows."""

from __future__ import annotations

import re
from dataclasses import replace

from eightbit.scopes import IgnoredScope
from eightbit.torch.names import nncf_name, other_types
from eightbit.torch.reading import Reading


def resolved(scope: IgnoredScope | None, reading: Reading) -> IgnoredScope | None:
    """The scope with other names (of FX nodes, `layer1/0/conv1/conv2d/0`) and types (`aten.conv2d.default`, the class of a
    module) in the library's own. What is not known stays, and is refused there."""
    if scope is None:
        return None
    scope = replace(scope)
    calls = [number for number, node in enumerate(reading.nodes) if node.op == "call_function"]
    own = {}
    for number in reversed(calls):
        for name in (reading.nodes[number].name, nncf_name(reading.nodes[number])):
            own[name] = reading.names[number]
    own |= {name: name for name in reading.names}
    types: list[str] = []
    names = [own.get(name, name) for name in scope.names]
    for kind in scope.types:
        found = [
            reading.names[number] for number in calls if kind in other_types(reading.nodes[number])
        ]
        if kind in reading.types or not found:
            types.append(kind)
        names += found
    patterns: list[str] = []
    for pattern in scope.patterns:
        found = [own[name] for name in own if name not in reading.names and _matches(pattern, name)]
        if not found or any(_matches(pattern, name) for name in reading.names):
            patterns.append(pattern)
        names += found
    subgraphs = [
        replace(
            part,
            inputs=[own.get(name, name) for name in part.inputs],
            outputs=[own.get(name, name) for name in part.outputs],
        )
        for part in scope.subgraphs
    ]
    return replace(
        scope, names=list(dict.fromkeys(names)), types=types, patterns=patterns, subgraphs=subgraphs
    )


def _matches(pattern: str, name: str) -> bool:
    try:
        return re.match(pattern, name) is not None
    except re.error:
        return False  # the library says what is wrong with it
