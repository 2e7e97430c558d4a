"""A quantizer as nodes of a graph: one op that rounds in float, integers with what restores them, or a pair of ops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.ao.quantization.fx._decomposed  # noqa: F401  (registers the ops quantized_decomposed)
from torch import fx

from eightbit.torch.clean import aten
from eightbit.torch.tensors import add_tensor, constant_of, like

_decomposed = torch.ops.quantized_decomposed


@dataclass
class Numbers:
    """(clamp(round(x / scale) + zero_point, q_min, q_max) - zero_point) * scale, with as many scales as axis `axis` has
    channels, or one where that is None. dtype: what integers of activations are stored as."""

    scale: torch.Tensor
    zero_point: torch.Tensor
    q_min: int
    q_max: int
    axis: int | None = None
    dtype: torch.dtype = torch.uint8

    def starting_at(self, q_min: int, dtype: torch.dtype) -> Numbers:
        """The same values as integers from `q_min` on."""
        moved = q_min - self.q_min
        return Numbers(
            self.scale, self.zero_point + moved, q_min, self.q_max + moved, self.axis, dtype
        )

    def integers_of(self, tensor: torch.Tensor) -> torch.Tensor:
        """The stored integers of a weight, i8."""
        shape = [1] * tensor.dim()
        if self.axis is not None:
            shape[self.axis] = -1
        scale, zero_point = self.scale.reshape(shape), self.zero_point.reshape(shape)
        return (
            (torch.round(tensor.detach() / scale) + zero_point)
            .clamp(self.q_min, self.q_max)
            .to(torch.int8)
        )


def meta_of(node: fx.Node, dtype: torch.dtype | None = None) -> dict[str, Any]:
    """Meta data of a node with the shape and the place of `node`."""
    value = node.meta.get("val")
    if isinstance(value, torch.Tensor) and dtype is not None and value.dtype != dtype:
        value = like(value.to(dtype)) if type(value) is torch.Tensor else value.to(dtype)
    return {key: node.meta[key] for key in ("nn_module_stack",) if key in node.meta} | {
        "val": value
    }


def stem_of(node: fx.Node) -> str:
    return node.meta.get("wanted_name", str(node.target)) if node.op == "get_attr" else node.name


def add_rounding(module: fx.GraphModule, source: fx.Node, numbers: Numbers) -> fx.Node:
    """One ATen op, in float."""
    after, arguments = _arguments(module, source, numbers, stem_of(source))
    per_tensor = numbers.axis is None
    op = (
        aten.fake_quantize_per_tensor_affine
        if per_tensor
        else aten.fake_quantize_per_channel_affine
    )
    with module.graph.inserting_after(after):
        made = module.graph.call_function(
            op.default, (source, *arguments, numbers.q_min, numbers.q_max)
        )
    made.meta = meta_of(source)
    return made


def add_integers(
    module: fx.GraphModule,
    source: fx.Node,
    numbers: Numbers,
    integers: torch.Tensor,
    as_product: bool = False,
) -> fx.Node:
    """A weight as i8, and behind it what restores it: a dequantize op, or a product, which is what OpenVINO takes."""
    old = constant_of(module, source)
    with module.graph.inserting_after(source):
        stored = add_tensor(
            module,
            module.graph,
            f"{stem_of(source)}_int8",
            integers.reshape(old.shape).to(old.device),
        )
    restore = _restore_by_product if as_product else _restore
    restored = restore(module, stored, numbers, stem_of(source))
    restored.meta = meta_of(source, torch.float32)
    return add_cast(module, restored, old.dtype)


def add_quantize(module: fx.GraphModule, source: fx.Node, numbers: Numbers) -> fx.Node:
    """Activations, or weights that are left to be rounded at run time, as integers."""
    source = add_cast(module, source, torch.float32)
    after, arguments = _arguments(module, source, numbers, stem_of(source))
    op = (
        _decomposed.quantize_per_tensor
        if numbers.axis is None
        else _decomposed.quantize_per_channel
    )
    with module.graph.inserting_after(after):
        made = module.graph.call_function(
            op.default, (source, *arguments, numbers.q_min, numbers.q_max, numbers.dtype)
        )
    made.meta = meta_of(source, numbers.dtype)
    return made


def add_dequantize(module: fx.GraphModule, quantized: fx.Node, dtype: torch.dtype) -> fx.Node:
    """What restores the result of add_quantize(), in the type `dtype`."""
    per_tensor = quantized.target == _decomposed.quantize_per_tensor.default
    op = _decomposed.dequantize_per_tensor if per_tensor else _decomposed.dequantize_per_channel
    with module.graph.inserting_after(quantized):
        made = module.graph.call_function(op.default, (quantized, *quantized.args[1:]))
    made.meta = meta_of(quantized, torch.float32)
    return add_cast(module, made, dtype)


def add_cast(module: fx.GraphModule, node: fx.Node, dtype: torch.dtype) -> fx.Node:
    """The node itself where it has that type; the ops of quantized_decomposed know f32 only."""
    if node.meta["val"].dtype == dtype:
        return node
    with module.graph.inserting_after(node):
        made = module.graph.call_function(aten.to.dtype, (node, dtype))
    made.meta = meta_of(node, dtype)
    return made


def _restore(module, stored: fx.Node, numbers: Numbers, stem: str) -> fx.Node:
    after, arguments = _arguments(module, stored, numbers, stem)
    op = _decomposed.dequantize_per_channel
    if numbers.axis is None:
        op = _decomposed.dequantize_per_tensor
    with module.graph.inserting_after(after):
        return module.graph.call_function(
            op.default, (stored, *arguments, numbers.q_min, numbers.q_max, torch.int8)
        )


def _restore_by_product(module, stored: fx.Node, numbers: Numbers, stem: str) -> fx.Node:
    """(integer - zero point) * scale."""
    value = stored.meta["val"]
    shape = [1] * value.dim()
    if numbers.axis is not None:
        shape[numbers.axis] = -1
    last = add_cast(module, stored, torch.float32)
    factors = [(aten.mul.Tensor, "scale", numbers.scale)]
    if bool((numbers.zero_point != 0).any()):
        factors.insert(0, (aten.sub.Tensor, "zero_point", numbers.zero_point))
    for op, name, tensor in factors:
        row = tensor.reshape(shape if numbers.axis is not None else ()).float().to(value.device)
        with module.graph.inserting_after(last):
            constant = add_tensor(module, module.graph, f"{stem}_{name}", row)
        with module.graph.inserting_after(constant):
            last, before = module.graph.call_function(op, (last, constant)), last
        last.meta = meta_of(before, torch.float32)
    return last


def _arguments(module, source: fx.Node, numbers: Numbers, stem: str) -> tuple[fx.Node, tuple]:
    """Scale and zero point as arguments: numbers, or tensors with the axis; and the node to insert behind."""
    if numbers.axis is None:
        return source, (float(numbers.scale.reshape(-1)[0]), int(numbers.zero_point.reshape(-1)[0]))
    device = source.meta["val"].device
    with module.graph.inserting_after(source):
        scale = add_tensor(module, module.graph, f"{stem}_scale", numbers.scale.float().to(device))
    with module.graph.inserting_after(scale):
        zero_point = add_tensor(
            module, module.graph, f"{stem}_zero_point", numbers.zero_point.to(device, torch.int32)
        )
    return zero_point, (scale, zero_point, numbers.axis)
