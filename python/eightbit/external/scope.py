"""Ignored scopes in all the names that users of a framework have for nodes, as those that the library knows."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from eightbit.external.reading import Reading
from eightbit.scopes import IgnoredScope

Aliases = Iterable[tuple[int, list[str], list[str]]]


def resolved(scope: IgnoredScope | None, reading: Reading, aliases: Aliases) -> IgnoredScope | None:
    """The scope with other names and types in the library's own. What is not known stays, and is refused there.

    aliases: numbers of nodes, in order, with their other names and the other names of their types. A name that several
    nodes have is the first one's.
    """
    if scope is None:
        return None
    aliases = list(aliases)
    own = {name: reading.names[number] for number, names, _ in reversed(aliases) for name in names}
    own |= {name: name for name in reading.names}
    names = [own.get(name, name) for name in scope.names]
    types: list[str] = []
    for kind in scope.types:
        found = [reading.names[number] for number, _, kinds in aliases if kind in kinds]
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
