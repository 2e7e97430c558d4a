"""A Graph as a function of TensorFlow again."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import tensorflow as tf

from eightbit.tensorflow.graph import CONSTANT, HANDLE, INPUT, Graph, Node, Output


def graph_def_of(graph: Graph, given: set[Node]) -> Any:
    """given: constants whose values the caller hands over. These, inputs and handles are no nodes of it: they would be left
    behind as inputs that nobody fills. See whole_graph_def()."""
    definition = tf.compat.v1.GraphDef()
    definition.versions.producer = tf.version.GRAPH_DEF_VERSION
    definition.library.function.extend(graph.functions.values())
    for node in graph.nodes:
        if node.op in (INPUT, HANDLE) or node in given:
            continue
        made = definition.node.add(name=node.name, op=node.op)
        if node.op == CONSTANT:
            made.attr["dtype"].type = node.output.dtype.as_datatype_enum
            made.attr["value"].tensor.CopyFrom(
                tf.make_tensor_proto(node.array, node.output.dtype, node.array.shape)
            )
        else:
            made.input.extend(source.name for source in node.inputs)
            for name, value in node.attributes.items():
                made.attr[name].CopyFrom(value)
    return definition


def whole_graph_def(graph: Graph) -> Any:
    """With its inputs, as a file holds it."""
    definition = graph_def_of(graph, set())
    for node in graph.inputs:
        made = definition.node.add(name=node.name, op=INPUT)
        made.attr["dtype"].type = node.output.dtype.as_datatype_enum
        made.attr["shape"].shape.CopyFrom(_shape(node))
    return definition


def _shape(node: Node) -> Any:
    if node.array is not None:
        return tf.TensorShape(node.array.shape).as_proto()
    shape = node.output.shape
    if shape is None:
        return tf.TensorShape(None).as_proto()
    return tf.TensorShape([None if size < 0 else size for size in shape]).as_proto()


@dataclass
class Function:
    """A GraphDef as one op: gradients go through it. specs: of its placeholders, by name, in order; outputs: `node:index`."""

    definition: Any
    specs: dict[str, tf.TensorSpec]
    outputs: list[str]

    @cached_property
    def _call(self) -> Any:
        """Traced at the first call, for who only builds has no use for it."""
        with tf.init_scope():
            return tf.compat.v1.wrap_function(self.build, list(self.specs.values()))

    def build(self, *tensors: Any) -> list[tf.Tensor]:
        """The ops themselves, in the graph that is being built: smaller, and without gradients."""
        values = map(tf.convert_to_tensor, tensors)
        given = {f"{name}:0": tensor for name, tensor in zip(self.specs, values, strict=True)}
        read = {_full(name) for node in self.definition.node for name in node.input}
        computed = [name for name in self.outputs if name not in given]
        found = tf.graph_util.import_graph_def(
            self.definition,
            input_map={name: tensor for name, tensor in given.items() if name in read},
            return_elements=computed,
            name="",
        )
        given |= dict(zip(computed, found, strict=True))
        return [given[name] for name in self.outputs]

    def __call__(self, *tensors: Any) -> list[tf.Tensor]:
        results = self._call(*tensors)
        return list(results) if isinstance(results, (list, tuple)) else [results]


def _full(name: str) -> str:
    return name if ":" in name else f"{name}:0"


def function_of(
    graph: Graph, given: Collection[Node] = (), wanted: Collection[Output] | None = None
) -> Function:
    """A function of the inputs, of the values of `given`, and of the handles, in this order. wanted: other values than the
    outputs."""
    handles = [node for node in graph.nodes if node.op == HANDLE]
    placeholders = [*graph.inputs, *given, *handles]
    specs = {
        node.name: tf.TensorSpec(tf.TensorShape(_shape(node)), node.output.dtype)
        for node in placeholders
    }
    outputs = [
        f"{output.node.name}:{output.index}"
        for output in (graph.outputs if wanted is None else wanted)
    ]
    return Function(graph_def_of(graph, set(given)), specs, outputs)
