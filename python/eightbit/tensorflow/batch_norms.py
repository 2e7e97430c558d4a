"""Batch norms, in both spellings that Keras has, as part of the layers before them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eightbit import _eightbit
from eightbit.tensorflow.clean import only_reader
from eightbit.tensorflow.graph import Graph, Node, Output, attribute
from eightbit.tensorflow.tensors import from_library

# Axes of the weight that number the output channels, from the front; MatMul's is the last one.
_OUTPUT_AXES = {
    "Conv2D": (3,),
    "Conv3D": (4,),
    "DepthwiseConv2dNative": (2, 3),
    "Conv2DBackpropInput": (2,),
    "MatMul": (1,),
    "BatchMatMulV2": (1,),
}


@dataclass
class _Behind:
    """What is done to each channel of the last axis, and where it ends."""

    end: Node
    affine: _eightbit.Affine


def fold_batch_norms(graph: Graph) -> None:
    """A layer, perhaps its bias, then a batch norm: one layer and its bias, where nothing else reads what lies between and the
    weight is nobody else's."""
    readers = graph.readers()
    for layer in list(graph.nodes):
        if layer.op in _OUTPUT_AXES and _weight_of(layer) is not None:
            _fold_behind(graph, readers, layer)
    graph.prune()


def _weight_of(layer: Node) -> Output | None:
    weight = layer.inputs[1]
    plain = not (layer.flag("transpose_b") or layer.flag("adj_y"))
    axes = _OUTPUT_AXES[layer.op]
    fits = weight.array is not None and weight.array.ndim > max(axes) and plain
    if layer.text("data_format", "NHWC")[-1:] != "C":
        return None
    return weight if fits and weight.array.dtype == np.float32 else None


def _fold_behind(graph: Graph, readers: dict, layer: Node) -> None:
    weight = _weight_of(layer)
    if len(readers[weight]) != 1:
        return
    bias, last = None, layer
    behind = only_reader(readers, layer.output)
    if behind is not None and behind.op == "BiasAdd" and behind.inputs[1].array is not None:
        bias, last = behind.inputs[1].array, behind
    channels = int(np.prod([weight.array.shape[axis] for axis in _OUTPUT_AXES[layer.op]]))
    found = _affine_behind(readers, last, channels)
    if found is None:
        return
    scaled, moved = map(
        from_library,
        _eightbit.fold_affine(
            np.ascontiguousarray(weight.array), list(_OUTPUT_AXES[layer.op]), bias, found.affine
        ),
    )
    weight.node.array = scaled
    constant = graph.add_constant(f"{layer.name}/bias", moved, found.end, weight.node.trainable)
    added = graph.add(
        f"{layer.name}/BiasAdd",
        "BiasAdd",
        [layer.output, constant],
        [layer.output.dtype],
        {"T": attribute(layer.output.dtype), "data_format": attribute("NHWC")},
        before=found.end,
    )
    added.output.shape = found.end.output.shape
    graph.replace(found.end.output, added.output)


def _affine_behind(readers: dict, last: Node, channels: int) -> _Behind | None:
    norm = only_reader(readers, last.output)
    if norm is None:
        return None
    if norm.op == "FusedBatchNormV3":
        return _fused(readers, norm)
    if norm.op != "Mul":
        return None
    factor = _row(norm, last.output, channels)
    added = only_reader(readers, norm.output)
    if factor is None or added is None or added.op not in ("AddV2", "Add"):
        return None
    shift = _row(added, norm.output, channels)
    return _Behind(added, _eightbit.Affine(factor, shift)) if shift is not None else None


def _fused(readers: dict, norm: Node) -> _Behind | None:
    numbers = [source.array for source in norm.inputs[1:5]]
    if norm.flag("is_training") or any(each is None for each in numbers):
        return None
    if any(readers.get(output) for output in norm.outputs[1:]):
        return None
    if norm.text("data_format", "NHWC")[-1:] != "C":
        return None
    gamma, beta, mean, variance = numbers
    epsilon = norm.attributes["epsilon"].f
    return _Behind(norm, _eightbit.batch_norm(mean, variance, gamma, beta, epsilon))


def _row(node: Node, value: Output, channels: int) -> np.ndarray | None:
    """The constant operand, where it has a number for each channel of the last axis or one for all."""
    others = [source for source in node.inputs if source is not value]
    array = others[0].array if len(others) == 1 else None
    if array is None or array.dtype != np.float32 or array.size not in (1, channels):
        return None
    if array.size > 1 and array.shape[-1] != channels:
        return None
    return np.ascontiguousarray(np.broadcast_to(array.reshape(-1), (channels,)))
