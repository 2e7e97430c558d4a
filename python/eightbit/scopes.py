"""What must stay in floating point."""

from __future__ import annotations

from dataclasses import dataclass, field


def _as_list(value) -> list:
    """One string stands for a list of one; any other iterable of strings is copied."""
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)


@dataclass
class Subgraph:
    """All nodes on any path from one of `inputs` to one of `outputs` (node names), both ends included."""

    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)

    def __post_init__(self):
        self.inputs = _as_list(self.inputs)
        self.outputs = _as_list(self.outputs)


@dataclass
class IgnoredScope:
    """Nodes that are not quantized: neither their activations nor their weights.

    names: node names, exactly.
    patterns: regular expressions, matched from the start of a node's name.
    types: op types, exactly, for example "MatMul".
    subgraphs: everything between given nodes.
    validate: a rule that matches nothing is an error.

    One string stands for a list of one.
    """

    names: list[str] = field(default_factory=list)
    patterns: list[str] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    subgraphs: list[Subgraph] = field(default_factory=list)
    validate: bool = True

    def __post_init__(self):
        self.names = _as_list(self.names)
        self.patterns = _as_list(self.patterns)
        self.types = _as_list(self.types)
        self.subgraphs = (
            [self.subgraphs] if isinstance(self.subgraphs, Subgraph) else list(self.subgraphs or [])
        )
