"""Rewrites that leave what a graph computes as it is, and make it one that can be measured and quantized: without copies and
computations on constants, with batch norms in the layers before them, and products with one weight as one product."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from eightbit.tensorflow.graph import CONSTANT, HANDLE, INPUT, Graph, Node, Output, attribute
from eightbit.tensorflow.running import call_of, is_constant

_COPIES = {"Identity", "IdentityN", "StopGradient", "PreventGradient", "CheckNumerics", "Snapshot"}
_SOURCES = {CONSTANT, HANDLE, INPUT}
_LARGEST_FOLDED = 1 << 26  # elements: above, a constant is left to be computed


def clean(graph: Graph) -> None:
    """What needs no shapes."""
    drop_copies(graph)
    fold_constants(graph)
    drop_copies(graph)
    graph.prune()


def drop_copies(graph: Graph) -> None:
    """Identities, transpositions that move nothing, and casts to the type that is there."""
    twins: dict[Output, Output] = {}
    for node in graph.nodes:
        if node.op in _COPIES or _moves_nothing(node):
            twins.update(zip(node.outputs, node.inputs, strict=False))
    graph.replace_all(twins)
    kept = {output.node for output in twins}
    graph.nodes = [node for node in graph.nodes if node not in kept]


def _moves_nothing(node: Node) -> bool:
    if node.op == "Cast":
        return node.inputs[0].dtype == node.output.dtype
    if node.op != "Transpose" or node.inputs[1].array is None:
        return False
    return list(node.inputs[1].array) == list(range(node.inputs[1].array.size))


def fold_constants(graph: Graph) -> None:
    """Computations on constants alone, once. What comes out of trained variables is trained."""
    twins: dict[Output, Output] = {}
    order: list[Node] = []
    for node in graph.nodes:
        node.inputs = [twins.get(source, source) for source in node.inputs]
        values = _values_of(node, graph)
        if values is None:
            order.append(node)
            continue
        sources = [source.node.trainable for source in node.inputs]
        kinds = [each for each in sources if each is not None]
        for output, value in zip(node.outputs, values, strict=True):
            trainable = any(kinds) if kinds and output.dtype.is_floating else None
            name = node.name if output.index == 0 else graph.claim(f"{node.name}/{output.index}")
            made = Node(name, CONSTANT, array=value, trainable=trainable)
            made.outputs = [Output(made, 0, output.dtype, value.shape)]
            twins[output] = made.output
            order.append(made)
    graph.nodes = order
    graph.outputs = [twins.get(output, output) for output in graph.outputs]


def _values_of(node: Node, graph: Graph) -> list[np.ndarray] | None:
    """None for what is not to be computed now."""
    if node.op in _SOURCES or not is_constant(node):
        return None
    if is_quantizer(node):
        return None  # a weight that is quantized already, which must be seen
    if any(source.array is None for source in node.inputs):
        return None
    values = call_of(node, graph)([tf.constant(source.array) for source in node.inputs])
    if any(tf.size(value) > _LARGEST_FOLDED for value in values):
        return None
    return [value.numpy() if value.shape.rank else np.asarray(value.numpy()) for value in values]


def is_quantizer(node: Node) -> bool:
    return node.op.startswith(("FakeQuant", "QuantizeAndDequantize"))


def only_reader(graph_readers: dict[Output, list[tuple[Node, int]]], value: Output) -> Node | None:
    """The node that alone reads a value, and once."""
    readers = graph_readers.get(value, [])
    return readers[0][0] if len(readers) == 1 else None


def reshape_to(graph: Graph, source: Output, shape: list[int], name: str, before: Node) -> Output:
    """shape: with -1 for one size at most."""
    target = graph.add_constant(f"{name}/shape", np.asarray(shape, np.int32), before)
    attributes = {"T": attribute(source.dtype), "Tshape": attribute(tf.int32)}
    made = graph.add(name, "Reshape", [source, target], [source.dtype], attributes, before)
    made.output.shape = tuple(shape)
    return made.output
