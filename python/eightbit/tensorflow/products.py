"""Products in the forms that the op table and runtimes know: one product for one weight."""

from __future__ import annotations

from math import prod

import numpy as np
import tensorflow as tf

from eightbit import _eightbit
from eightbit.tensorflow.clean import only_reader, reshape_to
from eightbit.tensorflow.graph import Graph, Node, Output, attribute


def join_tensordots(graph: Graph) -> None:
    """Reshape to a matrix, product, reshape back: a product of more axes, which is what Dense means on sequences. The sizes that
    were computed for the reshapes go too."""
    readers = graph.readers()
    for product in list(graph.nodes):
        if product.op != "MatMul" or product.flag("transpose_a") or product.flag("transpose_b"):
            continue
        front, weight = product.inputs[0].node, product.inputs[1]
        back = only_reader(readers, product.output)
        if front.op != "Reshape" or weight.array is None or back is None or back.op != "Reshape":
            continue
        source = front.inputs[0]
        wanted, found = source.shape, back.output.shape
        if (
            not wanted
            or not found
            or len(wanted) < 3
            or (*wanted[:-1], weight.array.shape[1]) != tuple(found)
            or wanted[-1] != weight.array.shape[0]
        ):
            continue
        made = batched_product(graph, graph.retire(product), source, weight, back)
        made.shape = found
        graph.replace(back.output, made)
    graph.prune()


def batched_product(
    graph: Graph, name: str, source: Output, weight: Output, before: Node
) -> Output:
    attributes = {
        "T": attribute(source.dtype),
        "adj_x": attribute(False),
        "adj_y": attribute(False),
    }
    inputs = [source, weight]
    return graph.add(name, "BatchMatMulV2", inputs, [source.dtype], attributes, before).output


def take_einsums_apart(graph: Graph) -> None:
    """Of an activation and a weight: a product of the last axes of the one with the first of the other, between reshapes where
    either has several."""
    for node in list(graph.nodes):
        if node.op == "Einsum" and len(node.inputs) == 2:
            _take_apart(graph, node)
    graph.prune()


def _take_apart(graph: Graph, node: Node) -> None:
    port = 1 if node.inputs[0].array is None else 0
    source, weight = node.inputs[1 - port], node.inputs[port]
    if weight.array is None or source.array is not None or source.shape is None:
        return
    product = _eightbit.einsum_product(node.text("equation"), port, len(source.shape))
    head = list(source.shape[: product[0]]) if product else []
    if product is None or head.count(-1) > 1:
        return
    kept, summed, order = product
    sizes = [weight.array.shape[axis] for axis in order]
    rows, columns = prod(sizes[:summed]), prod(sizes[summed:])
    readers = graph.readers()
    matrix = np.ascontiguousarray(weight.array.transpose(order)).reshape(rows, columns)
    name = graph.retire(weight.node) if len(readers[weight]) == 1 else weight.node.name
    constant = graph.add_constant(name, matrix, node, weight.node.trainable)
    value = source
    if summed > 1:
        value = reshape_to(graph, value, [*head, rows], f"{node.name}/flat", node)
    lead = value.shape[:-1]
    value = batched_product(graph, f"{node.name}/MatMul", value, constant, node)
    value.shape = (*lead, columns)
    replaced = node.output
    bias = _bias_behind(readers, node.output, sizes[summed:])
    if bias is not None:
        value, replaced = _with_bias(graph, value, bias, node), bias.output
    if len(sizes) - summed > 1:
        value = reshape_to(graph, value, [*head, *sizes[summed:]], f"{node.name}/heads", node)
    graph.replace(replaced, value)


def _bias_behind(readers: dict, output: Output, sizes: list[int]) -> Node | None:
    """An addition of numbers for the new axes of a product."""
    node = only_reader(readers, output)
    if node is None or node.op not in ("AddV2", "Add", "BiasAdd"):
        return None
    others = [source.array for source in node.inputs if source is not output]
    fits = len(others) == 1 and others[0] is not None and list(others[0].shape) == list(sizes)
    return node if fits else None


def _with_bias(graph: Graph, value: Output, bias: Node, before: Node) -> Output:
    (numbers,) = (source for source in bias.inputs if source.array is not None)
    flat = graph.add_constant(
        f"{numbers.node.name}/flat", numbers.array.reshape(-1), before, numbers.node.trainable
    )
    attributes = {"T": attribute(value.dtype), "data_format": attribute("NHWC")}
    name = graph.retire(bias)
    made = graph.add(name, "BiasAdd", [value, flat], [value.dtype], attributes, before).output
    made.shape = value.shape
    return made


def select_masks(graph: Graph) -> None:
    """A mask of booleans as numbers is a choice of 1 and 0: OpenVINO takes (1 - Convert(mask)) * -1e9 for a dequantization as
    soon as the model has quantizers, and computes other masks then (docs/tensorflow.md)."""
    for node in list(graph.nodes):
        if (
            node.op != "Cast"
            or node.inputs[0].dtype != tf.bool
            or not node.output.dtype.is_floating
        ):
            continue
        dtype = node.output.dtype
        numbers = [
            graph.add_constant(f"{node.name}/{name}", np.asarray(value, dtype.as_numpy_dtype), node)
            for name, value in (("one", 1), ("zero", 0))
        ]
        inputs = [node.inputs[0], *numbers]
        made = graph.add(
            graph.retire(node), "SelectV2", inputs, [dtype], {"T": attribute(dtype)}, node
        )
        made.output.shape = node.output.shape
        graph.replace(node.output, made.output)
    graph.prune()
