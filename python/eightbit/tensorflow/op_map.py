"""From ops of TensorFlow to the rows of the op table, with their attributes. What inputs decide, the library settles."""

from __future__ import annotations

from eightbit import _eightbit
from eightbit.tensorflow.graph import Node

_PLAIN = {
    "MatMul": "mat_mul",
    "BatchMatMul": "mat_mul",
    "BatchMatMulV2": "mat_mul",
    "BatchMatMulV3": "mat_mul",
    "Einsum": "einsum",
    # element-wise
    "BiasAdd": "add",
    "Add": "add",
    "AddV2": "add",
    "AddN": "add",
    "Sub": "subtract",
    "Mul": "multiply",
    "MulNoNan": "multiply",
    "Div": "divide",
    "RealDiv": "divide",
    "DivNoNan": "divide",
    "Maximum": "maximum",
    "Minimum": "minimum",
    "Pow": "power",
    "Square": "power",
    "Rsqrt": "power",
    "Sqrt": "sqrt",
    "Reciprocal": "reciprocal",
    "Inv": "reciprocal",
    "SquaredDifference": "squared_difference",
    "FloorMod": "floor_mod",
    "Mod": "floor_mod",
    "Equal": "equal",
    "NotEqual": "not_equal",
    "Less": "less",
    "LessEqual": "less_equal",
    "Greater": "greater",
    "GreaterEqual": "greater_equal",
    "LogicalAnd": "logical_and",
    "LogicalOr": "logical_or",
    "LogicalNot": "logical_not",
    # reductions, normalization, pooling
    "Mean": "reduce_mean",
    "Sum": "reduce_sum",
    "Max": "reduce_max",
    "Min": "reduce_min",
    "Prod": "reduce_prod",
    "Cumsum": "cum_sum",
    "FusedBatchNorm": "batch_norm",
    "FusedBatchNormV2": "batch_norm",
    "FusedBatchNormV3": "batch_norm",
    "AvgPool": "avg_pool",
    "AvgPool3D": "avg_pool",
    "MaxPool": "max_pool",
    "MaxPoolV2": "max_pool",
    "MaxPool3D": "max_pool",
    # data movement
    "Reshape": "reshape",
    "Squeeze": "squeeze",
    "ExpandDims": "unsqueeze",
    "Transpose": "transpose",
    "BroadcastTo": "broadcast",
    "Tile": "tile",
    "GatherV2": "gather",
    "Gather": "gather",
    "GatherNd": "gather_nd",
    "StridedSlice": "strided_slice",
    "Slice": "strided_slice",
    "Split": "split",
    "SplitV": "split",
    "Unpack": "split",
    "ConcatV2": "concat",
    "Concat": "concat",
    "Pack": "concat",
    "Pad": "pad",
    "PadV2": "pad",
    "MirrorPad": "pad",
    "ReverseV2": "strided_slice",
    "Roll": "gather",
    "ScatterNd": "scatter_update",
    "TensorScatterUpdate": "scatter_update",
    "DepthToSpace": "depth_to_space",
    "SpaceToDepth": "space_to_depth",
    "SpaceToBatchND": "space_to_batch",
    "BatchToSpaceND": "batch_to_space",
    "Identity": "identity",
    "IdentityN": "identity",
    "StopGradient": "identity",
    "EnsureShape": "identity",
    "Select": "select",
    "SelectV2": "select",
    "ResizeBilinear": "interpolate",
    "ResizeNearestNeighbor": "interpolate",
    "ResizeBicubic": "interpolate",
    # activations
    "Relu": "relu",
    "Relu6": "clamp",
    "ClipByValue": "clamp",
    "LeakyRelu": "prelu",
    "Elu": "elu",
    "Selu": "selu",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "Softmax": "softmax",
    "LogSoftmax": "log_softmax",
    "Softplus": "softplus",
    "Exp": "exp",
    "Erf": "erf",
    "Sin": "sin",
    "Cos": "cos",
    "Abs": "abs",
    "Round": "round",
    "Rint": "round",
    "Floor": "floor",
    "Sign": "sign",
    # the rest
    "TopKV2": "top_k",
    "NonMaxSuppressionV3": "non_max_suppression",
    "NonMaxSuppressionV4": "non_max_suppression",
    "NonMaxSuppressionV5": "non_max_suppression",
    "Shape": "shape_of",
    "Size": "shape_of",
    "Range": "range",
    "Cast": "convert",
    "If": "if",
    "StatelessIf": "if",
    "While": "loop",
    "StatelessWhile": "loop",
    "FakeQuantWithMinMaxArgs": "fake_quantize",
    "FakeQuantWithMinMaxVars": "fake_quantize",
    "FakeQuantWithMinMaxVarsPerChannel": "fake_quantize",
    "QuantizeAndDequantizeV2": "fake_quantize",
    "QuantizeAndDequantizeV3": "fake_quantize",
    "QuantizeAndDequantizeV4": "fake_quantize",
}  # fmt: skip
_CONVOLUTIONS = ("Conv2D", "Conv3D")
_TRANSPOSED = ("Conv2DBackpropInput",)

# Ports of the op table by the op's own inputs, where those are in another order or more.
_PORTS = {
    "Conv2DBackpropInput": (2, 1),  # sizes, filter, x
    "ResizeBilinear": (0,),
    "ResizeNearestNeighbor": (0,),
    "ResizeBicubic": (0,),
    "Split": (1,),  # axis, x
}


def op_of(node: Node) -> str:
    """The row of the op table. Channels in front are unknown: no kernel of TensorFlow's computes that on a CPU."""
    if node.text("data_format").startswith("NC"):
        return "unknown"
    if node.op in _CONVOLUTIONS:
        return "group_convolution" if groups_of(node) > 1 else "convolution"
    if node.op == "DepthwiseConv2dNative":
        return "group_convolution"
    if node.op in _TRANSPOSED:
        return "convolution_backprop"
    if node.op in ("GatherV2", "Gather", "ResourceGather"):
        return "embedding" if is_look_up(node) else "gather"
    return _PLAIN.get(node.op, "unknown")


def is_look_up(node: Node) -> bool:
    """Rows of a float constant."""
    table = node.inputs[0].array
    axis = node.inputs[2].array if len(node.inputs) > 2 else 0
    return table is not None and table.dtype.kind == "f" and table.ndim > 1 and axis == 0


def groups_of(node: Node) -> int:
    """Of a convolution whose weight has fewer input channels than the activation; the depthwise op has as many as channels."""
    weight, source = node.inputs[1], node.inputs[0]
    if weight.shape is None or not source.shape:
        return 1
    if node.op == "DepthwiseConv2dNative":
        return weight.shape[2]
    if node.op not in _CONVOLUTIONS or source.shape[-1] < 0:
        return 1
    return max(1, source.shape[-1] // weight.shape[-2])


def ports_of(node: Node) -> list[int]:
    """The op's inputs in the order of the op table's ports."""
    return list(_PORTS.get(node.op, range(len(node.inputs))))


def weight_place(node: Node) -> int | None:
    """The input that holds a convolution's weight."""
    is_layer = node.op in (*_CONVOLUTIONS, *_TRANSPOSED, "DepthwiseConv2dNative")
    return 1 if is_layer else None


def attributes_of(node: Node, op: str) -> _eightbit.NodeAttributes:
    attributes = _eightbit.NodeAttributes()
    attributes.channels_last = True
    attributes.transpose_a = node.flag("transpose_a") or node.flag("adj_x")
    attributes.transpose_b = node.flag("transpose_b") or node.flag("adj_y")
    if "convolution" in op or op in ("avg_pool", "max_pool"):
        _read_window(node, attributes)
    elif op == "interpolate":
        attributes.nearest = node.op == "ResizeNearestNeighbor"
    axis = _axis_of(node, op)
    if axis is not None:
        attributes.axis = axis
    return attributes


def _read_window(node: Node, attributes: _eightbit.NodeAttributes) -> None:
    """Without batch and channels, which are first and last. What automatic padding comes to where sizes are known."""
    attributes.strides = node.integers("strides")[1:-1]
    attributes.dilations = node.integers("dilations")[1:-1]
    padding = node.text("padding")
    pads = [(0, 0)] * len(attributes.strides)
    if padding == "EXPLICIT":
        flat = node.integers("explicit_paddings")[2:-2]
        pads = list(zip(flat[::2], flat[1::2], strict=True))
    elif padding == "SAME":
        found = _same_padding(node)
        attributes.auto_pad = found is None
        pads = found or pads
    attributes.pads_begin, attributes.pads_end = (
        [low for low, _ in pads],
        [high for _, high in pads],
    )


def _same_padding(node: Node) -> list[tuple[int, int]] | None:
    """As many positions as the input has, over the stride; None where that is not known, or transposed."""
    sizes = (node.inputs[0].shape or ())[1:-1]
    weight = weight_place(node)
    kernel = node.integers("ksize")[1:-1]
    if weight is not None:
        kernel = list((node.inputs[weight].shape or ())[: len(sizes)])
    strides = node.integers("strides")[1:-1]
    dilations = node.integers("dilations")[1:-1] or [1] * len(strides)
    if node.op in _TRANSPOSED or not sizes or -1 in sizes or len(kernel) != len(sizes):
        return None
    pads = []
    for size, window, stride, dilation in zip(sizes, kernel, strides, dilations, strict=True):
        reach = (window - 1) * dilation + 1
        whole = max((-(-size // stride) - 1) * stride + reach - size, 0)
        pads.append((whole // 2, whole - whole // 2))
    return pads


# The input that holds the axis; None: the attribute `axis`, or the last axis.
_AXIS_INPUT = {"ConcatV2": -1, "Concat": 0, "Split": 0, "SplitV": 2, "GatherV2": 2}


def _axis_of(node: Node, op: str) -> int | None:
    """Counted from the front, by the rank of the input; of what stacks, by the output's."""
    if op not in ("concat", "split", "softmax", "log_softmax", "gather", "embedding"):
        return None
    if node.op in ("Softmax", "LogSoftmax"):
        axis: int | None = -1
    elif node.op in _AXIS_INPUT:
        array = node.inputs[_AXIS_INPUT[node.op]].array
        axis = int(array.reshape(-1)[0]) if array is not None else None
    elif "axis" in node.attributes:
        axis = node.attributes["axis"].i
    else:
        axis = 0
    place = 1 if node.op == "Split" else 0
    rank = node.output.rank if node.op == "Pack" else node.inputs[place].rank
    return axis + rank if axis is not None and axis < 0 and rank is not None else axis
