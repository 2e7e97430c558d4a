"""A quantizer as ops of a Graph: FakeQuant, which OpenVINO and TFLite take for one, or integers and what restores them.

Ranges of FakeQuantWithMinMaxVars: x becomes round((clamp(x, min, max) - min) / step) * step + min with step = (max - min) /
(2^num_bits - 1), or with narrow_range one step less. Zero is one of the levels, so that it moves neither end.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log2, prod

import numpy as np
import tensorflow as tf

from eightbit.tensorflow.graph import Graph, Node, Output, attribute


@dataclass
class Numbers:
    """(clamp(round(x / scale) + zero_point, q_min, q_max) - zero_point) * scale. scale, zero_point: laid over the tensor, with
    1 on the axes that share them; no axes for one of each."""

    scale: np.ndarray
    zero_point: np.ndarray
    q_min: int
    q_max: int

    @property
    def axes(self) -> list[int]:
        """Those along which scales differ."""
        return [axis for axis, size in enumerate(self.scale.shape) if size > 1]

    @property
    def low(self) -> np.ndarray:
        return ((self.q_min - self.zero_point) * self.scale.astype(np.float64)).astype(np.float32)

    @property
    def high(self) -> np.ndarray:
        return ((self.q_max - self.zero_point) * self.scale.astype(np.float64)).astype(np.float32)

    @property
    def bits(self) -> int:
        return max(2, ceil(log2(self.q_max - self.q_min + 1)))

    @property
    def narrow(self) -> bool:
        return self.q_max - self.q_min + 1 == 2**self.bits - 1


Ranges = tuple[Output, Output]


def add_ranges(graph: Graph, stem: str, numbers: Numbers, before: Node) -> Ranges:
    """Ends of the range as constants: numbers, or vectors over the channels."""
    shape = (-1,) if numbers.axes else ()
    low, high = (
        graph.add_constant(f"{stem}/{name}", end.reshape(shape), before, True)
        for name, end in (("min", numbers.low), ("max", numbers.high))
    )
    return low, high


def add_rounding(
    graph: Graph, source: Output, numbers: Numbers, ranges: Ranges, stem: str, before: Node
) -> Output:
    """FakeQuant, in f32, which knows channels on the last axis only: other axes are brought there and back."""
    dtype, shape = source.dtype, source.shape
    value = _cast(graph, source, tf.float32, f"{stem}/float", before)
    axes, rank = numbers.axes, len(numbers.scale.shape)
    order = [axis for axis in range(rank) if axis not in axes] + axes
    moved = bool(axes) and order != list(range(rank))
    if moved:
        value = _transpose(graph, value, order, f"{stem}/last", before)
    several = len(axes) > 1
    laid = value.shape
    if several:
        flat = [-1, prod(numbers.scale.shape[axis] for axis in axes)]
        value = _reshape(graph, value, flat, f"{stem}/flat", before)
    op = "FakeQuantWithMinMaxVarsPerChannel" if axes else "FakeQuantWithMinMaxVars"
    attributes = {
        "num_bits": tf.compat.v1.AttrValue(i=numbers.bits),
        "narrow_range": attribute(numbers.narrow),
    }
    value = graph.add(stem, op, [value, *ranges], [tf.float32], attributes, before).output
    if several:
        value = _reshape(graph, value, list(laid), f"{stem}/unflat", before)
    if moved:
        value = _transpose(graph, value, list(np.argsort(order)), f"{stem}/back", before)
    value.shape = shape
    made = _cast(graph, value, dtype, f"{stem}/cast", before)
    made.shape = shape
    return made


def add_integers(
    graph: Graph, source: Output, numbers: Numbers, integers: np.ndarray, stem: str, before: Node
) -> Output:
    """(integer - zero point) * scale, with the integers as i8."""
    stored = graph.add_constant(f"{stem}/int8", integers, before, False)
    value = _cast(graph, stored, tf.float32, f"{stem}/float", before)
    value.shape = integers.shape
    kind = {"T": attribute(tf.float32)}
    steps = [("Mul", "scale", numbers.scale)]
    if numbers.zero_point.any():
        steps.insert(0, ("Sub", "zero_point", numbers.zero_point))
    for op, name, array in steps:
        constant = graph.add_constant(f"{stem}/{name}", array.astype(np.float32), before)
        inputs = [value, constant]
        value = graph.add(f"{stem}/{op.lower()}", op, inputs, [tf.float32], kind, before).output
        value.shape = integers.shape
    made = _cast(graph, value, source.dtype, f"{stem}/cast", before)
    made.shape = integers.shape
    return made


def _cast(graph: Graph, value: Output, dtype: tf.DType, name: str, before: Node) -> Output:
    if value.dtype == dtype:
        return value
    attributes = {
        "SrcT": attribute(value.dtype),
        "DstT": attribute(dtype),
        "Truncate": attribute(False),
    }
    made = graph.add(name, "Cast", [value], [dtype], attributes, before).output
    made.shape = value.shape
    return made


def _transpose(graph: Graph, value: Output, order: list[int], name: str, before: Node) -> Output:
    places = graph.add_constant(f"{name}/order", np.asarray(order, np.int32), before)
    attributes = {"T": attribute(value.dtype), "Tperm": attribute(tf.int32)}
    made = graph.add(name, "Transpose", [value, places], [value.dtype], attributes, before).output
    made.shape = tuple(value.shape[axis] for axis in order) if value.shape else None
    return made


def _reshape(graph: Graph, value: Output, shape: list[int], name: str, before: Node) -> Output:
    sizes = graph.add_constant(f"{name}/shape", np.asarray(shape, np.int32), before)
    attributes = {"T": attribute(value.dtype), "Tshape": attribute(tf.int32)}
    made = graph.add(name, "Reshape", [value, sizes], [value.dtype], attributes, before).output
    made.shape = tuple(shape)
    return made
