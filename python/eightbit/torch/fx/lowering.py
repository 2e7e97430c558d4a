"""The same quantized graph for other compilers than OpenVINO."""

from __future__ import annotations

import torch
from torch import fx

from eightbit.errors import InvalidArgument
from eightbit.torch.capture import is_exported
from eightbit.torch.clean import aten, drop_unused_tensors, packet
from eightbit.torch.quantizer_nodes import Numbers, add_integers, stem_of
from eightbit.torch.tensors import constant_of, settle_names
from eightbit.torch.writing import copy_module


def with_dequantize_ops(model: fx.GraphModule) -> fx.GraphModule:
    """A copy with weights behind dequantize ops, as torch.compile's inductor and torch.onnx.export take them.

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
            _rewrite(module, node)
    module.graph.eliminate_dead_code()
    drop_unused_tensors(module)
    settle_names(module)
    module.recompile()
    return module.eval()


def _rewrite(module: fx.GraphModule, product: fx.Node) -> None:
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
