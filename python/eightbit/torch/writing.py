"""Carries out the library's instructions on a copy of an exported graph."""

from __future__ import annotations

import copy
import enum
from typing import Any

import torch
from torch import fx

from eightbit import _eightbit
from eightbit.external.reading import Place, Reading
from eightbit.external.writing import carried_out
from eightbit.torch.clean import aten, drop_unused_tensors, packet
from eightbit.torch.fake_quantize import FakeQuantize
from eightbit.torch.quantizer_nodes import (
    Numbers,
    add_dequantize,
    add_integers,
    add_quantize,
    add_rounding,
    meta_of,
    stem_of,
)
from eightbit.torch.tensors import add_tensor, constant_of, free_name, from_library, settle_names

_BIASED = {
    aten.linear, aten.conv1d, aten.conv2d, aten.conv3d, aten.convolution, aten.conv_transpose1d, aten.conv_transpose2d,
    aten.conv_transpose3d,
}  # fmt: skip


class Form(enum.Enum):
    """What a quantizer becomes."""

    SIMULATED = "simulated"  # one ATen op that rounds in float
    OPENVINO = "openvino"  # quantize and dequantize ops, weights in integers behind products
    DEQUANTIZED = "dequantized"  # the same, weights in integers behind dequantize ops
    MODULES = "modules"  # a trainable FakeQuantize module


def copy_module(module: fx.GraphModule) -> tuple[fx.GraphModule, dict[fx.Node, fx.Node]]:
    """A graph of its own over the same tensors, and the twin of each node."""
    twins: dict[fx.Node, fx.Node] = {}
    graph = fx.Graph()
    results = graph.graph_copy(module.graph, twins)
    (old_output,) = module.graph.find_nodes(op="output")
    twins[old_output] = graph.output(results)
    twins[old_output].meta = dict(old_output.meta)
    graph.set_codegen(copy.deepcopy(module.graph._codegen))
    made = fx.GraphModule(module, graph)
    made.meta = dict(module.meta)
    return made, twins


def carry_out(
    module: fx.GraphModule,
    reading: Reading,
    instructions: Any,
    form: Form,
    storage: dict[tuple[int, int], tuple[int, torch.dtype]] | None = None,
) -> tuple[fx.GraphModule, dict[fx.Node, fx.Node]]:
    """The changed copy, and the twin of each node of the original.

    storage: by use, the first integer and the type that an activation is stored as; the rest are u8 from 0 on.
    """
    writer = _Writer(module, reading, form, storage or {})
    return carried_out(writer, instructions)


def by_channel(values: torch.Tensor, axis: int, rank: int) -> torch.Tensor:
    """A vector laid along `axis` of tensors of `rank`."""
    return values.reshape([-1 if place == axis % rank else 1 for place in range(rank)])


class _Writer:
    def __init__(self, module: fx.GraphModule, reading: Reading, form: Form, storage: dict):
        self._module, self._twins = copy_module(module)
        self._graph = self._module.graph
        self._reading = reading
        self._form = form
        self._shared: dict[int, FakeQuantize] = {}  # by group
        self._storage = storage

    def finish(self) -> tuple[fx.GraphModule, dict[fx.Node, fx.Node]]:
        self._graph.eliminate_dead_code()
        drop_unused_tensors(self._module)
        settle_names(self._module)
        self._graph.lint()
        self._module.recompile()
        return self._module, self._twins

    def replace(self, instruction: _eightbit.ConstantInstruction) -> None:
        tensor = from_library(instruction.tensor)
        shape = self._reading.stored_shapes.get(instruction.value)
        places = self._reading.places_of(instruction.uses) or self._reading.readers_of(
            instruction.value
        )
        for source, group in self._by_source(places):
            old = constant_of(self._module, source)
            new = tensor.reshape(shape or tensor.shape).to(old)
            self._redirect(group, self._constant_near(source, new))

    def scale(self, instruction: _eightbit.ScaleInstruction) -> None:
        value = self._reading.values[instruction.value].meta["val"]
        for source, places in self._by_source(self._reading.places_of(instruction.uses)):
            factor = by_channel(torch.tensor(instruction.factor), instruction.axis, value.dim())
            with self._graph.inserting_after(source):
                constant = add_tensor(
                    self._module, self._graph, f"{source.name}_scale", self._like(source, factor)
                )
            with self._graph.inserting_after(constant):
                scaled = self._graph.call_function(aten.mul.Tensor, (source, constant))
            scaled.meta = meta_of(source)
            self._redirect(places, scaled)

    def shift(self, instruction: _eightbit.ShiftInstruction) -> None:
        node = self._twins[self._reading.nodes[instruction.node]]
        shift = torch.tensor(instruction.shift)
        bias = node.args[2] if len(node.args) > 2 else node.kwargs.get("bias")
        old = constant_of(self._module, bias)
        if packet(node) in _BIASED and (bias is None or old is not None):
            return self._move_bias(node, bias, old, shift)
        value = node.meta["val"]
        row = by_channel(shift, instruction.axis, value.dim())
        with self._graph.inserting_after(node):
            constant = add_tensor(
                self._module, self._graph, f"{node.name}_shift", self._like(node, row)
            )
        with self._graph.inserting_after(constant):
            moved = self._graph.call_function(aten.add.Tensor, (node, constant))
        moved.meta = meta_of(node)
        node.replace_all_uses_with(moved, delete_user_cb=lambda user: user is not moved)

    def _move_bias(self, node: fx.Node, bias: fx.Node | None, old, shift: torch.Tensor) -> None:
        weight = node.args[1]
        if old is not None:
            new = self._constant_near(
                bias, (old.detach().float() + shift.to(old.device)).to(old.dtype)
            )
        else:
            stem = str(getattr(weight, "target", node.name)).rpartition(".")[0]
            with self._graph.inserting_before(node):
                name = f"{stem}.bias" if stem else f"{node.name}_bias"
                new = add_tensor(
                    self._module, self._graph, name, self._like(node, shift), self._trains()
                )
        arguments = list(node.args) + [None] * (3 - len(node.args))
        arguments[2] = new
        node.args = tuple(arguments)
        node.kwargs = {key: value for key, value in node.kwargs.items() if key != "bias"}

    def quantize(self, quantizer: _eightbit.QuantizerInstruction) -> None:
        for source, places in self._by_source(self._reading.places_of(quantizer.uses)):
            axis = self._stored_axis(quantizer, source)
            if axis is _NO_AXIS:
                self._round_in_place(quantizer, source, places)
                continue
            numbers = Numbers(
                torch.tensor(quantizer.scale),
                torch.tensor(quantizer.zero_point),
                quantizer.q_min,
                quantizer.q_max,
                axis,
            )
            if self._form is Form.MODULES:
                self._redirect(places, self._add_module(quantizer, source, numbers))
            elif self._form is Form.SIMULATED or (quantizer.weight and quantizer.integers is None):
                self._redirect(places, add_rounding(self._module, source, numbers))
            elif quantizer.weight:
                integers = from_library(quantizer.integers)
                as_product = self._form is Form.OPENVINO
                restored = add_integers(self._module, source, numbers, integers, as_product)
                self._redirect(places, restored)
            else:
                self._add_pair(quantizer, source, numbers, places)

    def _stored_axis(self, quantizer: _eightbit.QuantizerInstruction, source: fx.Node) -> Any:
        """The axis of the stored tensor that the scales run along: None for one scale, _NO_AXIS where there is none."""
        axes = [axis for axis in quantizer.channel_axes]
        if not axes:
            return None
        if len(axes) == 1:
            return axes[0]
        shape = self._reading.stored_shapes.get(quantizer.value)
        if shape is not None and axes == [0, 1] and len(quantizer.scale) == shape[0]:
            return 0  # [G, O / G, ...] is stored as [O, ...]
        return _NO_AXIS

    def _round_in_place(self, quantizer, source: fx.Node, places: list[Place]) -> None:
        """Scales along several axes: the float weight holds the rounded values."""
        tensor = constant_of(self._module, source)
        self._redirect(
            places, self._constant_near(source, _rounded(tensor, quantizer, self._reading))
        )

    def _add_pair(self, quantizer, source: fx.Node, numbers: Numbers, places: list[Place]) -> None:
        """One quantize op, and a dequantize op for each reader, as compilers look for them."""
        wide = quantizer.q_max - quantizer.q_min > 255
        use = (quantizer.uses[0].node, quantizer.uses[0].port)
        first, dtype = self._storage.get(
            use, (quantizer.q_min, torch.int32 if wide else torch.uint8)
        )
        quantized = add_quantize(self._module, source, numbers.starting_at(first, dtype))
        for reader in dict.fromkeys(place.node for place in places):
            restored = add_dequantize(self._module, quantized, source.meta["val"].dtype)
            self._redirect([place for place in places if place.node is reader], restored)

    def _add_module(self, quantizer, source: fx.Node, numbers: Numbers) -> fx.Node:
        shared = quantizer.group >= 0 and numbers.axis is None
        module = self._shared.get(quantizer.group) if shared else None
        if module is None:
            module = FakeQuantize(
                numbers.scale,
                numbers.zero_point,
                numbers.q_min,
                numbers.q_max,
                numbers.axis,
                quantizer.symmetric,
            ).to(self._device(source))
            if shared:
                self._shared[quantizer.group] = module
        target = free_name(self._module, f"fake_quantize.{stem_of(source).replace('.', '_')}")
        self._module.add_submodule(target, module)
        with self._graph.inserting_after(source):
            made = self._graph.call_module(target, (source,))
        made.meta = meta_of(source)
        return made

    def _trains(self) -> bool:
        return self._form is Form.MODULES

    def _device(self, node: fx.Node) -> torch.device:
        return node.meta["val"].device

    def _like(self, node: fx.Node, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.to(device=self._device(node), dtype=node.meta["val"].dtype)

    def _constant_near(self, source: fx.Node, tensor: torch.Tensor) -> fx.Node:
        """A new constant with the name of an old one."""
        old = constant_of(self._module, source)
        with self._graph.inserting_after(source):
            made = add_tensor(
                self._module,
                self._graph,
                f"{source.target}",
                tensor,
                isinstance(old, torch.nn.Parameter) and self._trains(),
            )
        made.meta |= meta_of(source)
        return made

    def _by_source(self, places: list[Place]) -> list[tuple[fx.Node, list[Place]]]:
        """Grouped by what they read now."""
        groups: dict[fx.Node, list[Place]] = {}
        for place in places:
            groups.setdefault(Place(self._twins[place.node], place.path).get(), []).append(place)
        return list(groups.items())

    def _redirect(self, places: list[Place], source: fx.Node) -> None:
        for place in places:
            node, (kind, *keys) = self._twins[place.node], place.path
            setattr(node, kind, _with(getattr(node, kind), keys, source))


_NO_AXIS = object()


def _with(container: Any, keys: list, value: Any) -> Any:
    """A copy of nested arguments with one of them changed."""
    if not keys:
        return value
    if isinstance(container, dict):
        return {
            key: _with(item, keys[1:], value) if key == keys[0] else item
            for key, item in container.items()
        }
    items = [
        _with(item, keys[1:], value) if place == keys[0] else item
        for place, item in enumerate(container)
    ]
    return type(container)(items)


def _rounded(
    tensor: torch.Tensor, quantizer: _eightbit.QuantizerInstruction, reading: Reading
) -> torch.Tensor:
    shape = list(tensor.shape)
    grouped = reading.stored_shapes.get(quantizer.value)
    if grouped is not None:
        groups = (
            len(quantizer.scale) // shape[1]
        )  # of [G, I / G, O / G, ...], stored as [I, O / G, ...]
        shape = [groups, shape[0] // groups, *shape[1:]]
    seen = tensor.detach().float().reshape(shape)
    rows = [size if axis in quantizer.channel_axes else 1 for axis, size in enumerate(shape)]
    scale = torch.tensor(quantizer.scale, device=tensor.device).reshape(rows)
    zero_point = torch.tensor(quantizer.zero_point, device=tensor.device).reshape(rows)
    levels = (torch.round(seen / scale) + zero_point).clamp(quantizer.q_min, quantizer.q_max)
    return ((levels - zero_point) * scale).reshape(tensor.shape).to(tensor.dtype)
