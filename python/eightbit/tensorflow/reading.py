"""A Graph as the library's description."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from eightbit import _eightbit
from eightbit.external.reading import Reader, Reading
from eightbit.tensorflow import op_map
from eightbit.tensorflow.graph import CONSTANT, HANDLE, INPUT, Graph, Node, Output
from eightbit.tensorflow.layouts import Layout, layout_of

DTYPES = {
    tf.bool: _eightbit.DType.bool,
    tf.int8: _eightbit.DType.i8,
    tf.uint8: _eightbit.DType.u8,
    tf.int16: _eightbit.DType.i16,
    tf.uint16: _eightbit.DType.u16,
    tf.int32: _eightbit.DType.i32,
    tf.uint32: _eightbit.DType.u32,
    tf.int64: _eightbit.DType.i64,
    tf.uint64: _eightbit.DType.u64,
    tf.bfloat16: _eightbit.DType.bf16,
    tf.float16: _eightbit.DType.f16,
    tf.float32: _eightbit.DType.f32,
    tf.float64: _eightbit.DType.f64,
    tf.string: _eightbit.DType.string,
}


def read(graph: Graph, description: _eightbit.Description) -> tuple[Reading, dict[int, Layout]]:
    """Fills in `description`. Also returns the layouts of constants that the library sees in another one, by their numbers."""
    reader = _Reader(graph, description)
    return reader.read(), reader.layouts


class _Reader(Reader):
    def __init__(self, graph: Graph, description: _eightbit.Description):
        super().__init__(description)
        self.layouts: dict[int, Layout] = {}
        self._graph = graph

    def read(self) -> Reading:
        for node in self._graph.nodes:
            if node.op == INPUT:
                name = self.unique_name(node.name)
                attributes = op_map.attributes_of(node, "parameter")
                self.emit(node, name, INPUT, "parameter", [], node.outputs, (), attributes)
            elif node.op not in (CONSTANT, HANDLE):
                self._add(node)
        for number, output in enumerate(self._graph.outputs):
            value = self._value(output)
            self.emit_result(self._graph, output.name, output, value, ("outputs", number))
        return self.reading

    def output_type(self, output: Output) -> tuple[_eightbit.DType, list[int]]:
        if output.dtype not in DTYPES:
            return _eightbit.DType.i64, []  # handles and lists of tensors
        return DTYPES[output.dtype], list(output.shape or ())

    def _add(self, node: Node) -> None:
        op = op_map.op_of(node)
        weight = op_map.weight_place(node)
        inputs, places = [], []
        for place in op_map.ports_of(node):
            source = node.inputs[place]
            value = self._weight(node, source) if place == weight else self._value(source)
            inputs.append(value)
            places.append(("inputs", place))
        attributes = op_map.attributes_of(node, op)
        name = self.unique_name(node.name)
        self.emit(node, name, node.op, op, inputs, node.outputs, places, attributes)

    def _value(self, source: Output) -> int:
        if source in self.reading.ids:
            return self.reading.ids[source]
        if source.array is None or source.dtype not in DTYPES or source.dtype == tf.string:
            return -1
        known = self.constant_once(source)
        return known if known is not None else self._constant(source, source.array, source)

    def _weight(self, node: Node, source: Output) -> int:
        """In the layout of the op table."""
        if source.array is None:
            return self._value(source)
        layout = layout_of(node, source.array.ndim)
        known = self.constant_once((source, layout))
        if known is not None:
            return known
        number = self._constant(source, layout.seen(source.array), (source, layout))
        self.layouts[number] = layout
        return number

    def _constant(self, source: Output, array: np.ndarray, key: Any) -> int:
        kept = np.ascontiguousarray(array)
        return self.add_constant(source, source.node.name, kept, key)
