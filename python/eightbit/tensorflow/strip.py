"""From a model whose weights are floats, trained or not, to one for inference."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from eightbit._arguments import as_enum
from eightbit.errors import InvalidArgument
from eightbit.parameters import StripFormat
from eightbit.tensorflow.capture import Captured, trace
from eightbit.tensorflow.clean import drop_copies
from eightbit.tensorflow.flatten import flatten
from eightbit.tensorflow.graph import Graph, Node, Output
from eightbit.tensorflow.models import module_of
from eightbit.tensorflow.quantizers import Numbers, add_integers
from eightbit.tensorflow.running import call_of

_MOVES = ("Reshape", "Transpose")


def strip(
    model: Any,
    do_copy: bool = True,
    strip_format: StripFormat = StripFormat.DQ,
    example_input: object = None,
) -> tf.Module:
    """A tf.Module for inference, without a layer of eightbit in it.

    model: a Keras model that `eightbit.quantize` made, trained or not. It does not change, whatever `do_copy`.
    strip_format: DQ stores weights as int8, NATIVE leaves them floats that are rounded when the model runs, IN_PLACE stores
        the floats that they are rounded to.
    example_input: what the model is called with, where it does not tell the shapes of its inputs.
    """
    chosen = as_enum("strip", "strip_format", StripFormat, strip_format)
    function, signature, _ = trace(model, *([] if example_input is None else [example_input]))
    graph = flatten(function)
    drop_copies(graph)
    found = [node for node in graph.nodes if _rounds_weights(node)]
    if not found:
        raise InvalidArgument(
            f"[strip] a {type(model).__name__} holds no weights that are rounded when it runs. Pass a Keras model that "
            "eightbit.quantize made."
        )
    if chosen is not StripFormat.NATIVE:
        readers = graph.readers()
        for node in found:
            _store(graph, readers, node, chosen)
    graph.prune()
    return module_of(Captured(graph, signature, 1, "", model))


def _rounds_weights(node: Node) -> bool:
    """To 8 bits at most."""
    ours = node.op in ("FakeQuantWithMinMaxVars", "FakeQuantWithMinMaxVarsPerChannel")
    return ours and node.attributes["num_bits"].i <= 8 and _constant_behind(node) is not None


def _constant_behind(quantizer: Node) -> Output | None:
    """The weight, through what brings its channels to the last axis."""
    source = quantizer.inputs[0]
    while source.node.op in (*_MOVES, "Cast"):
        source = source.node.inputs[0]
    return source if source.array is not None else None


def _moves_before(quantizer: Node) -> int:
    count, source = 0, quantizer.inputs[0]
    while source.array is None:
        count += source.node.op in _MOVES
        source = source.node.inputs[0]
    return count


def _store(graph: Graph, readers: dict, quantizer: Node, form: StripFormat) -> None:
    weight = _constant_behind(quantizer)
    steps, last = [], quantizer.output
    for _ in range(_moves_before(quantizer)):
        steps.append(readers[last][0][0])  # the way back, which nobody else goes
        last = steps[-1].output
    value = _evaluated(graph, quantizer.inputs[0])
    scale, zero_point, integers, numbers = _levels(quantizer, value)
    scale, zero_point, integers = (
        _moved(graph, steps, array) for array in (scale, zero_point, integers)
    )
    if form is StripFormat.IN_PLACE:
        rounded = ((integers - zero_point) * scale).astype(np.float32)
        made = graph.add_constant(graph.retire(weight.node), rounded, quantizer, False)
    else:
        rows = _row(scale), _row(zero_point)
        row = Numbers(*np.broadcast_arrays(*rows), numbers.q_min, numbers.q_max)
        stem = weight.node.name
        made = add_integers(graph, weight, row, integers.astype(np.int8), stem, quantizer)
    graph.replace(last, made)


def _evaluated(graph: Graph, value: Output) -> np.ndarray:
    if value.array is not None:
        return value.array
    inputs = [tf.constant(_evaluated(graph, source)) for source in value.node.inputs]
    return call_of(value.node, graph)(inputs)[value.index].numpy()


def _moved(graph: Graph, steps: list[Node], array: np.ndarray) -> np.ndarray:
    for step in steps:
        target = tf.constant(_evaluated(graph, step.inputs[1]))
        array = call_of(step, graph)([tf.constant(array, tf.float32), target])[0].numpy()
    return array


def _levels(
    quantizer: Node, value: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, Numbers]:
    """Scales, zero points and signed integers, each as large as the weight."""
    low, high = (np.asarray(source.array, np.float64) for source in quantizer.inputs[1:3])
    bits = quantizer.attributes["num_bits"].i
    first = int(quantizer.flag("narrow_range"))
    scale = (high - low) / (2**bits - 1 - first)
    zero_point = np.round(np.clip(first - low / scale, first, 2**bits - 1))
    integers = np.clip(np.floor(value / scale + 0.5) + zero_point, first, 2**bits - 1)
    half = 2 ** (bits - 1)
    whole = [np.broadcast_to(each, value.shape) for each in (scale, zero_point - half)]
    numbers = Numbers(scale, zero_point - half, first - half, half - 1)
    return whole[0], whole[1], integers - half, numbers


def _row(whole: np.ndarray) -> np.ndarray:
    """With 1 on the axes along which nothing changes."""
    for axis in range(whole.ndim):
        if (whole == whole.take([0], axis)).all():
            whole = whole.take([0], axis)
    return whole
