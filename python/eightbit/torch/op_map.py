"""From ATen ops to the rows of the op table, with their attributes. What inputs decide, the library settles."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import fx

from eightbit import _eightbit
from eightbit.torch.clean import argument, packet

_PLAIN = {
    "linear": "mat_mul",
    "matmul": "mat_mul",
    "mm": "mat_mul",
    "bmm": "mat_mul",
    "addmm": "mat_mul",
    "baddbmm": "mat_mul",
    "embedding": "embedding",
    "embedding_bag": "embedding_bag",
    "scaled_dot_product_attention": "scaled_dot_product_attention",
    # element-wise
    "add": "add",
    "sub": "subtract",
    "rsub": "subtract",
    "mul": "multiply",
    "div": "divide",
    "maximum": "maximum",
    "minimum": "minimum",
    "pow": "power",
    "square": "power",
    "sqrt": "sqrt",
    "rsqrt": "power",
    "reciprocal": "reciprocal",
    "remainder": "floor_mod",
    "fmod": "floor_mod",
    "eq": "equal",
    "ne": "not_equal",
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
    "logical_and": "logical_and",
    "logical_or": "logical_or",
    "logical_xor": "logical_xor",
    "logical_not": "logical_not",
    "bitwise_and": "logical_and",
    "bitwise_or": "logical_or",
    "bitwise_xor": "logical_xor",
    "bitwise_not": "logical_not",
    # reductions, normalization, pooling
    "mean": "reduce_mean",
    "sum": "reduce_sum",
    "amax": "reduce_max",
    "amin": "reduce_min",
    "prod": "reduce_prod",
    "linalg_vector_norm": "reduce_l2",
    "norm": "reduce_l2",
    "layer_norm": "mvn",
    "native_layer_norm": "mvn",
    "instance_norm": "mvn",
    "group_norm": "group_normalization",
    "native_group_norm": "group_normalization",
    "batch_norm": "batch_norm",
    "_native_batch_norm_legit_no_training": "batch_norm",
    "cumsum": "cum_sum",
    **{f"avg_pool{n}d": "avg_pool" for n in (1, 2, 3)},
    **{f"max_pool{n}d": "max_pool" for n in (1, 2, 3)},
    **{f"max_pool{n}d_with_indices": "max_pool" for n in (2, 3)},
    **{f"adaptive_max_pool{n}d": "adaptive_max_pool" for n in (1, 2, 3)},
    # data movement
    "view": "reshape",
    "_unsafe_view": "reshape",
    "reshape": "reshape",
    "view_as": "reshape",
    "unflatten": "reshape",
    "flatten": "flatten",
    "squeeze": "squeeze",
    "unsqueeze": "unsqueeze",
    "transpose": "transpose",
    "permute": "transpose",
    "t": "transpose",
    "numpy_T": "transpose",
    "movedim": "transpose",
    "expand": "broadcast",
    "expand_as": "broadcast",
    "broadcast_to": "broadcast",
    "repeat": "tile",
    "tile": "tile",
    "repeat_interleave": "tile",
    "select": "gather",
    "index_select": "gather",
    "gather": "gather_elements",
    "index": "gather_nd",
    "slice": "strided_slice",
    "narrow": "strided_slice",
    "split": "split",
    "split_with_sizes": "split",
    "chunk": "split",
    "unbind": "split",
    "cat": "concat",
    "concat": "concat",
    "stack": "concat",
    "pad": "pad",
    "constant_pad_nd": "pad",
    "roll": "gather",
    "flip": "strided_slice",
    "scatter": "scatter_update",
    "index_put": "scatter_update",
    "slice_scatter": "scatter_update",
    "select_scatter": "scatter_update",
    "channel_shuffle": "shuffle_channels",
    "pixel_shuffle": "depth_to_space",
    "pixel_unshuffle": "space_to_depth",
    "clone": "identity",
    "contiguous": "identity",
    "where": "select",
    "masked_fill": "select",
    "dropout": "dropout",
    # activations
    "relu": "relu",
    "leaky_relu": "prelu",
    "prelu": "prelu",
    "_prelu_kernel": "prelu",
    "elu": "elu",
    "selu": "selu",
    "clamp": "clamp",
    "clamp_min": "clamp",
    "clamp_max": "clamp",
    "hardtanh": "clamp",
    "relu6": "clamp",
    "gelu": "gelu",
    "sigmoid": "sigmoid",
    "hardsigmoid": "hard_sigmoid",
    "silu": "swish",
    "hardswish": "hswish",
    "tanh": "tanh",
    "softmax": "softmax",
    "_softmax": "softmax",
    "log_softmax": "log_softmax",
    "_log_softmax": "log_softmax",
    "exp": "exp",
    "erf": "erf",
    "sin": "sin",
    "cos": "cos",
    "abs": "abs",
    "mish": "mish",
    "softplus": "softplus",
    "round": "round",
    "floor": "floor",
    "sign": "sign",
    # the rest
    "topk": "top_k",
    "nms": "non_max_suppression",
    "roi_align": "roi_align",
    "sym_size": "shape_of",
    "arange": "range",
    "copy_": "assign",
    "quantize_per_tensor": "quantize_linear",
    "quantize_per_channel": "quantize_linear",
    "dequantize_per_tensor": "dequantize_linear",
    "dequantize_per_channel": "dequantize_linear",
    "fake_quantize_per_tensor_affine": "fake_quantize",
    "fake_quantize_per_channel_affine": "fake_quantize",
}  # fmt: skip
_BINARY = {
    "add", "subtract", "multiply", "divide", "maximum", "minimum", "power", "floor_mod", "equal", "not_equal", "less",
    "less_equal", "greater", "greater_equal",
}  # fmt: skip
_AXIS = {"concat": "dim", "split": "dim", "softmax": "dim", "log_softmax": "dim", "gather": "dim"}
_SETTLED = ("groups", "kernel_size", "stride", "padding", "dilation")
_PORTS = {"addmm": ("mat1", "mat2", "self"), "baddbmm": ("batch1", "batch2", "self")}
_TRANSPOSED_WEIGHT = ("linear",)


def op_of(node: fx.Node, is_constant: Callable[[Any], bool]) -> str:
    """The row of the op table."""
    op = packet(node)
    if op is None:
        return "unknown"
    name = op.__name__
    if not _is_settled(node):
        return "unknown"
    if name.startswith("conv"):
        return _convolution(node)
    if name.startswith("upsample_"):
        return "interpolate"
    if name in ("to", "_to_copy", "type_as"):
        return "identity" if _same_type(node) else "convert"
    if name.startswith("adaptive_avg_pool"):
        return "reduce_mean" if _pools_all(node) else "adaptive_avg_pool"
    if name == "embedding" and not is_constant(node.args[0]):
        return "gather"
    row = _PLAIN.get(name, "unknown")
    if name in ("max", "min") and len(node.args) > 1 and isinstance(node.args[1], fx.Node):
        return "maximum" if name == "max" else "minimum"
    return row


def _is_settled(node: fx.Node) -> bool:
    """Whether groups, kernels, strides and the like are numbers; others are computed from shapes of the inputs."""
    names = {declared.name for declared in node.target._schema.arguments}
    values = [argument(node, name) for name in _SETTLED if name in names]
    return not any(
        isinstance(item, fx.Node)
        for value in values
        for item in (value if isinstance(value, (list, tuple)) else [value])
    )


def _val(node: Any) -> Any:
    return node.meta.get("val") if isinstance(node, fx.Node) else None


def _same_type(node: fx.Node) -> bool:
    before, after = _val(node.args[0]), _val(node)
    return before is not None and after is not None and before.dtype == after.dtype


def _pools_all(node: fx.Node) -> bool:
    return all(size == 1 for size in node.args[1])


def _groups(node: fx.Node) -> tuple[int, bool]:
    """Groups, and whether the convolution is transposed."""
    transposed = "transpose" in packet(node).__name__ or bool(argument(node, "transposed", False))
    return int(argument(node, "groups", 1)), transposed


def _convolution(node: fx.Node) -> str:
    if packet(node).__name__ not in (
        "convolution", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
    ):  # fmt: skip
        return "unknown"
    groups, transposed = _groups(node)
    if groups == 1:
        return "convolution_backprop" if transposed else "convolution"
    return "group_convolution_backprop" if transposed else "group_convolution"


def groups_of(node: fx.Node, op: str) -> int:
    """Groups of a grouped convolution, whose weights the op table sees as [G, ...]; else 1."""
    return _groups(node)[0] if op.startswith("group_convolution") else 1


def ports_of(node: fx.Node) -> tuple[str, ...] | None:
    """The arguments in the order of the op table's ports, where that is not the schema's."""
    op = packet(node)
    return _PORTS.get(op.__name__) if op is not None else None


def takes_scalars(op: str) -> bool:
    """Numbers among its arguments are constants of the graph."""
    return op in _BINARY


def is_reversed(node: fx.Node) -> bool:
    """rsub(a, b) is b - a."""
    return packet(node).__name__ == "rsub"


def attributes_of(node: fx.Node, op: str) -> _eightbit.NodeAttributes:
    attributes = _eightbit.NodeAttributes()
    name = packet(node).__name__ if packet(node) is not None else ""
    attributes.transpose_b = name in _TRANSPOSED_WEIGHT
    if "convolution" in op:
        _read_convolution(node, attributes)
    elif op in ("avg_pool", "max_pool"):
        _read_pool(node, attributes)
    elif op == "interpolate":
        attributes.nearest = "nearest" in name
    elif op in _AXIS and name != "roll":
        attributes.axis = _axis(node, _AXIS[op])
    elif op == "embedding":
        attributes.axis = 0
    return attributes


def _axis(node: fx.Node, name: str) -> int:
    """Counted from the front, by the rank of the input: select and unbind drop an axis. Of several inputs, by the output's,
    since stack adds one."""
    axis = argument(node, name, 0)
    value = _val(node.args[0] if isinstance(node.args[0], fx.Node) else node)
    return axis + value.dim() if axis < 0 and isinstance(value, torch.Tensor) else axis


def _spread(value: Any, count: int) -> list[int]:
    values = [value] if isinstance(value, int) else list(value)
    return values * count if len(values) == 1 else values


def _read_convolution(node: fx.Node, attributes: _eightbit.NodeAttributes) -> None:
    weight = _val(argument(node, "weight"))
    axes = weight.dim() - 2 if weight is not None else 2
    padding = argument(node, "padding", 0)
    attributes.strides = _spread(argument(node, "stride", 1), axes)
    attributes.dilations = _spread(argument(node, "dilation", 1), axes)
    attributes.auto_pad = isinstance(padding, str) and padding != "valid"
    pads = [0] * axes if isinstance(padding, str) else _spread(padding, axes)
    attributes.pads_begin = attributes.pads_end = pads


def _read_pool(node: fx.Node, attributes: _eightbit.NodeAttributes) -> None:
    kernel = argument(node, "kernel_size")
    axes = int(packet(node).__name__.partition("d")[0][-1])
    attributes.strides = _spread(argument(node, "stride") or kernel, axes)
    pads = _spread(argument(node, "padding", 0), axes)
    attributes.pads_begin = attributes.pads_end = pads


def is_getitem(node: fx.Node) -> bool:
    """An output of an op that has several."""
    return node.op == "call_function" and node.target is operator.getitem
