"""A framework's graph as the library's description, and where each of its values and uses stands in the graph."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any

from eightbit import _eightbit
from eightbit.external.names import UniqueNames

Path = tuple[Any, ...]  # ("args", 0, 1): the second item of what the attribute `args` holds first


@dataclass
class Place:
    """One argument of a node."""

    node: Any
    path: Path

    def get(self) -> Any:
        found: Any = getattr(self.node, self.path[0])
        for key in self.path[1:]:
            found = found[key]
        return found


@dataclass
class Reading:
    """By number of the description: what stands for each value and node in the graph, the places of each use.

    values: None for numbers that stand in no node of their own. ids: numbers of values that are no constants; -1 for what is
    no tensor. stored_shapes: of constants that the library sees in another shape. inputs: values that each node reads.
    """

    values: list[Any] = field(default_factory=list)
    nodes: list[Any] = field(default_factory=list)
    places: dict[tuple[int, int], Place] = field(default_factory=dict)
    stored_shapes: dict[int, tuple[int, ...]] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    ids: dict[Any, int] = field(default_factory=dict)
    inputs: list[list[int]] = field(default_factory=list)

    def value_at(self, use: tuple[int, int]) -> int:
        node, port = use
        return self.inputs[node][port]

    def places_of(self, uses: Iterable[Any]) -> list[Place]:
        """Those of the uses that stand in the graph."""
        found = (self.places.get((use.node, use.port)) for use in uses)
        return [place for place in found if place is not None]

    def readers_of(self, value: int) -> list[Place]:
        """All places that read a value."""
        read = self.values[value]
        return [place for place in self.places.values() if place.get() is read]


class Reader:
    """Numbers nodes, values and constants while a framework's own reader goes through its graph, in order."""

    def __init__(self, description: _eightbit.Description):
        self.reading = Reading()
        self.unique_name = UniqueNames()
        self._description = description
        self._constants: dict[Hashable, int] = {}

    def output_type(self, output: Any) -> tuple[_eightbit.DType, list[int]]:
        """Type and shape (-1: not known) of what `emit` is given as an output. To be told by a framework."""
        raise NotImplementedError

    def emit(
        self, node: Any, name: str, kind: str, op: str, inputs: list[int], outputs: list[Any],
        places: Iterable[Path | None] = (), attributes: _eightbit.NodeAttributes | None = None,
    ) -> None:  # fmt: skip
        """A node and what it computes. places: of its inputs, None for one that does not stand in the graph."""
        self.add_node(node, name, kind, op, inputs, outputs, attributes)
        for output in outputs:
            if output is not None:
                self.reading.ids[output] = len(self.reading.values)
            self.reading.values.append(output)
        number = len(self.reading.nodes) - 1
        for port, path in enumerate(places):
            if path is not None:
                self.reading.places[(number, port)] = Place(node, path)

    def add_node(self, node, name, kind, op, inputs, outputs, attributes=None) -> None:
        """The node alone: its outputs get no numbers here."""
        types = [self.output_type(output) for output in outputs]
        self._description.add_node(
            name, kind, op, inputs, types, attributes or _eightbit.NodeAttributes()
        )
        self.reading.nodes.append(node)
        self.reading.names.append(name)
        self.reading.types.append(kind)
        self.reading.inputs.append(inputs)

    def emit_result(self, node: Any, wanted: str, source: Any, value: int, path: Path) -> None:
        """An output of the network. wanted: the name of the value."""
        name = self.unique_name(f"{wanted}/result")
        self.add_node(node, name, "Result", "result", [value], [source])
        self.reading.values.append(None)
        self.reading.places[(len(self.reading.nodes) - 1, 0)] = Place(node, path)

    def constant_once(self, key: Hashable) -> int | None:
        """The number of a constant that was added under this key."""
        return self._constants.get(key)

    def add_constant(
        self, node: Any, name: str, tensor: Any, key: Hashable = None, quantized: bool = False
    ) -> int:
        """tensor: on the host, with DLPack. quantized: the result of a dequantization."""
        self.reading.values.append(node)
        number = self._description.add_constant(name, tensor, quantized)
        if key is not None:
            self._constants[key] = number
        return number
