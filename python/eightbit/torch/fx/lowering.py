"""The same quantized graph for other compilers than OpenVINO: weights behind dequantize ops, activations with one scale."""

from __future__ import annotations

import torch
from torch import fx

from eightbit.errors import InvalidArgument
from eightbit.torch.capture import is_exported
from eightbit.torch.castable import castable
from eightbit.torch.clean import aten, drop_unused_tensors, packet
from eightbit.torch.quantizer_nodes import (
    Numbers,
    add_dequantize,
    add_integers,
    add_quantize,
    stem_of,
)
from eightbit.torch.tensors import constant_of, settle_names
from eightbit.torch.writing import copy_module


def with_dequantize_ops(model: fx.GraphModule) -> fx.GraphModule:
    """A copy with weights behind dequantize ops and one scale for each activation, as torch.compile's inductor and
    ONNX Runtime take them.

    model: what eightbit.quantize made of an exported graph. OpenVINO does not take such dequantize ops, and gets weights as
        products instead. Raises InvalidArgument for a model that is not exported.
    """
    if not is_exported(model):
        raise InvalidArgument(
            f"[torch] a {type(model).__name__} is no exported graph. Pass what eightbit.quantize made of one."
        )
    module, _ = copy_module(model)
    with torch.no_grad():
        for node in list(module.graph.nodes):
            _restore_by_op(module, node)
            _use_one_scale(module, node)
    module.graph.eliminate_dead_code()
    drop_unused_tensors(module)
    settle_names(module)
    module.recompile()
    return castable(module).eval()


def _use_one_scale(module: fx.GraphModule, quantize: fx.Node) -> None:
    """One range that holds those of all channels, where `quantize` has a scale for each."""
    if quantize.target != torch.ops.quantized_decomposed.quantize_per_channel.default:
        return
    scale, zero_point = (constant_of(module, quantize.args[place]) for place in (1, 2))
    q_min, q_max, dtype = quantize.args[4:7]
    if scale is None or constant_of(module, quantize.args[0]) is not None:
        return
    low = float(((q_min - zero_point) * scale).min())
    high = float(((q_max - zero_point) * scale).max())
    step = (high - low) / (q_max - q_min)
    point = min(max(q_min - round(low / step), q_min), q_max)
    numbers = Numbers(torch.tensor([step]), torch.tensor([point]), q_min, q_max, None, dtype)
    single = add_quantize(module, quantize.args[0], numbers)
    for user in list(quantize.users):
        user.replace_all_uses_with(add_dequantize(module, single, user.meta["val"].dtype))


def _restore_by_op(module: fx.GraphModule, product: fx.Node) -> None:
    """(integers.to(float) - zero point) * scale, where `product` is the end of one."""
    if packet(product) is not aten.mul:
        return
    cast, scale = product.args[0], constant_of(module, product.args[1])
    zero_point = torch.zeros(1)
    if packet(cast) is aten.sub and constant_of(module, cast.args[1]) is not None:
        cast, zero_point = cast.args[0], constant_of(module, cast.args[1])
    stored = cast.args[0] if packet(cast) is aten.to else None
    integers = constant_of(module, stored)
    if scale is None or integers is None or integers.dtype != torch.int8:
        return
    axes = [axis for axis, size in enumerate(scale.shape) if size > 1]
    scales = scale.reshape(-1)
    points = zero_point.reshape(-1).to(torch.int32).expand(scales.shape)
    numbers = Numbers(scales, points, -128, 127, axes[0] if axes else None)
    stored.meta["wanted_name"] = stem_of(stored).removesuffix("_int8")
    restored = add_integers(module, stored, numbers, integers)
    if (
        restored.target == aten.to.dtype
    ):  # add_integers restores the type of what was there, which was integers
        restored = restored.args[0]
    product.replace_all_uses_with(restored)
