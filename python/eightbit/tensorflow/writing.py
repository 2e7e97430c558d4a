"""Carries out the library's instructions on a copy of a Graph."""

from __future__ import annotations

import enum
from typing import Any

import numpy as np

from eightbit import _eightbit
from eightbit.external.reading import Place, Reading
from eightbit.external.writing import carried_out
from eightbit.tensorflow.clean import only_reader
from eightbit.tensorflow.graph import Graph, Node, Output, attribute
from eightbit.tensorflow.layouts import Layout, plain
from eightbit.tensorflow.quantizers import Numbers, Ranges, add_integers, add_ranges, add_rounding
from eightbit.tensorflow.tensors import from_library


class Form(enum.Enum):
    """What a weight becomes."""

    FLOAT = "float"  # rounded when the graph runs; it and its ranges can be trained
    INTEGERS = "integers"  # stored as i8


def carry_out(
    graph: Graph, reading: Reading, layouts: dict[int, Layout], instructions: Any, form: Form
) -> tuple[Graph, dict[Any, Any]]:
    """The changed copy, and the twins of nodes and values of the original."""
    writer = _Writer(graph, reading, layouts, form)
    return carried_out(writer, instructions)


class _Writer:
    def __init__(self, graph: Graph, reading: Reading, layouts: dict[int, Layout], form: Form):
        self._original = graph
        self._graph, self._twins = graph.copy()
        self._twins[graph] = self._graph
        self._reading = reading
        self._layouts = layouts
        self._form = form
        self._ranges: dict[int, Ranges] = {}  # of groups
        self._stems: dict[str, str] = {}

    def finish(self) -> tuple[Graph, dict[Any, Any]]:
        self._graph.sort()
        self._graph.prune()
        return self._graph, self._twins

    def replace(self, instruction: _eightbit.ConstantInstruction) -> None:
        places = self._reading.places_of(instruction.uses)
        places = places or self._reading.readers_of(instruction.value)
        array = self._as_stored(instruction.value, from_library(instruction.tensor))
        for source, group in self._by_source(places):
            made = self._like(source, array.astype(source.array.dtype), group)
            self._redirect(group, made)

    def _like(self, source: Output, array: np.ndarray, group: list[Place]) -> Output:
        """A constant in the place of another, with its name once that is free."""
        before = self._first(group)
        made = self._graph.add_constant(source.node.name, array, before, source.node.trainable)
        self._stems[made.node.name] = self._stems.get(source.node.name, source.node.name)
        return made

    def scale(self, instruction: _eightbit.ScaleInstruction) -> None:
        rank = self._reading.values[instruction.value].rank
        factor = _along(np.asarray(instruction.factor, np.float32), instruction.axis, rank)
        for source, places in self._by_source(self._reading.places_of(instruction.uses)):
            self._redirect(
                places, self._combined("Mul", "scale", source, factor, self._first(places))
            )

    def _combined(self, op: str, name: str, source: Output, row: np.ndarray, before: Any) -> Output:
        stem = f"{source.node.name}/{name}"
        numbers = self._graph.add_constant(stem, row.astype(source.dtype.as_numpy_dtype), before)
        kind = {"T": attribute(source.dtype)}
        made = self._graph.add(f"{stem}/{op}", op, [source, numbers], [source.dtype], kind, before)
        made.output.shape = source.shape
        return made.output

    def shift(self, instruction: _eightbit.ShiftInstruction) -> None:
        node = self._twins[self._reading.nodes[instruction.node]]
        shift = np.asarray(instruction.shift, np.float32)
        readers = self._graph.readers()
        behind = only_reader(readers, node.output)
        if behind is not None and behind.op == "BiasAdd" and node.output not in self._graph.outputs:
            bias = behind.inputs[1]
            if bias.array is not None:
                moved = (bias.array.astype(np.float32) + shift).astype(bias.array.dtype)
                behind.inputs[1] = self._graph.add_constant(
                    bias.node.name, moved, behind, bias.node.trainable
                )
                self._stems[behind.inputs[1].node.name] = bias.node.name
                return
        row = _along(shift, instruction.axis, node.output.rank)
        places = [place for place, _ in readers.get(node.output, [])]
        made = self._combined("AddV2", "shift", node.output, row, None)
        for reader in places:
            reader.inputs = [made if each is node.output else each for each in reader.inputs]
        self._graph.outputs = [
            made if each is node.output else each for each in self._graph.outputs
        ]

    def quantize(self, quantizer: _eightbit.QuantizerInstruction) -> None:
        numbers = self._numbers(quantizer)
        for source, places in self._by_source(self._reading.places_of(quantizer.uses)):
            stem = self._stems.get(source.node.name, source.node.name)
            before = self._first(places)
            if quantizer.weight and self._form is Form.INTEGERS and quantizer.integers is not None:
                integers = self._as_stored(quantizer.value, from_library(quantizer.integers))
                made = add_integers(self._graph, source, numbers, integers, stem, before)
            else:
                stem = f"{stem}/fake_quantize"
                ranges = self._ranges_of(quantizer, numbers, stem, before)
                made = add_rounding(self._graph, source, numbers, ranges, stem, before)
            self._redirect(places, made)

    def _ranges_of(self, quantizer: Any, numbers: Numbers, stem: str, before: Any) -> Ranges:
        """Members of a group share theirs, also in training."""
        if quantizer.group < 0 or numbers.axes:
            return add_ranges(self._graph, stem, numbers, before)
        if quantizer.group not in self._ranges:
            self._ranges[quantizer.group] = add_ranges(self._graph, stem, numbers, before)
        return self._ranges[quantizer.group]

    def _numbers(self, quantizer: _eightbit.QuantizerInstruction) -> Numbers:
        value = self._reading.values[quantizer.value]
        scale = np.asarray(quantizer.scale, np.float32)
        zero_point = np.asarray(quantizer.zero_point, np.int64)
        axes = list(quantizer.channel_axes)
        if not axes:
            return Numbers(
                scale.reshape(()), zero_point.reshape(()), quantizer.q_min, quantizer.q_max
            )
        layout = self._layouts.get(quantizer.value) or plain(value.rank)
        shape = layout.seen_shape(value.shape) if value.array is not None else value.shape
        sizes = [shape[axis] for axis in axes]
        rows = [layout.row(each.reshape(sizes), axes) for each in (scale, zero_point)]
        return Numbers(*rows, quantizer.q_min, quantizer.q_max)

    def _as_stored(self, value: int, seen: np.ndarray) -> np.ndarray:
        layout = self._layouts.get(value)
        shape = self._reading.values[value].array.shape
        return layout.stored(seen, shape) if layout is not None else seen.reshape(shape)

    def _by_source(self, places: list[Place]) -> list[tuple[Output, list[Place]]]:
        """Grouped by what they read now."""
        groups: dict[Output, list[Place]] = {}
        for place in places:
            groups.setdefault(Place(self._twins[place.node], place.path).get(), []).append(place)
        return list(groups.items())

    def _redirect(self, places: list[Place], source: Output) -> None:
        for place in places:
            kind, index = place.path
            getattr(self._twins[place.node], kind)[index] = source

    def _first(self, places: list[Place]) -> Node | None:
        """The first reader; None for outputs of the graph. Order is settled at the end."""
        nodes = [self._twins[place.node] for place in places]
        return next((node for node in nodes if isinstance(node, Node)), None)


def _along(values: np.ndarray, axis: int, rank: int) -> np.ndarray:
    """A vector laid along `axis`."""
    return values.reshape([-1 if place == axis % rank else 1 for place in range(rank)])
