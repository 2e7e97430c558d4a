"""An exported graph as the library's description."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import fx

from eightbit import _eightbit
from eightbit.errors import ModelError
from eightbit.external.reading import Path, Reader, Reading
from eightbit.torch import op_map
from eightbit.torch.clean import argument
from eightbit.torch.names import op_name, path_of, type_of
from eightbit.torch.shapes import is_open
from eightbit.torch.tensors import DTYPES, constant_of, is_state


def shape_of(value: Any) -> list[int]:
    return [-1 if is_open(size) else int(size) for size in value.shape]


def read(module: fx.GraphModule, description: _eightbit.Description) -> Reading:
    """Fills in `description`. Raises ModelError for a graph that was not made by torch.export."""
    return _Reader(module, description).read()


class _Reader(Reader):
    def __init__(self, module: fx.GraphModule, description: _eightbit.Description):
        super().__init__(description)
        self._module = module

    def read(self) -> Reading:
        for node in self._module.graph.nodes:
            if node.op == "placeholder":
                self._add_parameter(node)
            elif node.op == "output":
                self._add_results(node)
            elif node.op in ("call_function", "call_module"):
                self._add(node)
            elif is_state(node):
                self._emit(node, self.unique_name(node.target), "buffer", "read_value", [], [node])
            elif node.op != "get_attr":
                raise ModelError(
                    f"[torch] '{node.name}' is a {node.op} node, which torch.export does not make. Export the model with "
                    "torch.export.export(model, example_inputs).module()."
                )
        return self.reading

    def _add_parameter(self, node: fx.Node) -> None:
        if isinstance(node.meta.get("val"), torch.Tensor):
            self._emit(
                node, self.unique_name(str(node.target)), "Parameter", "parameter", [], [node]
            )
        else:
            self.reading.ids[node] = -1  # a number, which the graph holds already

    def _add_results(self, node: fx.Node) -> None:
        for path, source in _node_arguments(node, ("args",), node.args):
            value = self._value(source, 1)
            if value >= 0:
                name = source.target if source.op == "get_attr" else source.name
                self.emit_result(node, name, source, value, path)

    def _add(self, node: fx.Node) -> None:
        if op_map.is_getitem(node) and node.args[0] in self.reading.ids:
            return  # noted with the op that it belongs to
        if self._is_dequantized_constant(node):
            return
        op = op_map.op_of(node, self._is_constant)
        inputs, places = [], []
        for path, source in self._arguments(node, op):
            if op == "assign" and path == ("args", 0):
                continue  # where to, no value
            weight = path == ("args", 1) or path == ("kwargs", "weight")
            inputs.append(self._value(source, op_map.groups_of(node, op) if weight else 1))
            places.append(path)
        self._emit(
            node,
            self.unique_name(path_of(node)),
            type_of(node),
            op,
            inputs,
            self._outputs(node),
            places,
        )

    def _emit(self, node, name, kind, op, inputs, outputs, places=()) -> None:
        attributes = op_map.attributes_of(node, op) if node.op == "call_function" else None
        self.emit(node, name, kind, op, inputs, outputs, places, attributes)
        if outputs and outputs[0] is not node:
            self.reading.ids[node] = -1

    def _outputs(self, node: fx.Node) -> list[fx.Node | None]:
        """The node itself, or for an op with several outputs the nodes that pick them."""
        value = node.meta.get("val")
        if not isinstance(value, (list, tuple)):
            value = _picked_shape(node) or value
        if not isinstance(value, (list, tuple)):
            return [node]
        picked: list[fx.Node | None] = [None] * len(value)
        for user in node.users:
            if op_map.is_getitem(user) and picked[user.args[1]] is None:
                picked[user.args[1]] = user
        for user in node.users:  # read twice: the same value
            if op_map.is_getitem(user) and picked[user.args[1]] is not user:
                user.replace_all_uses_with(picked[user.args[1]])
        return picked

    def output_type(self, node: fx.Node | None) -> tuple[_eightbit.DType, list[int]]:
        value = node.meta.get("val") if node is not None else None
        if isinstance(value, torch.Tensor) and value.dtype in DTYPES:
            return DTYPES[value.dtype], shape_of(value)
        if value is None and node is not None and not node.users:
            return _eightbit.DType.i64, []
        if (
            node is not None
            and value is None
            and node.op == "call_function"
            and not op_map.is_getitem(node)
        ):
            raise ModelError(
                f"[torch] the shape of '{node.name}' is not known. Export the model with torch.export.export(model, "
                "example_inputs).module()."
            )
        return _eightbit.DType.i64, []

    def _is_constant(self, source: Any) -> bool:
        return constant_of(self._module, source) is not None

    def _arguments(self, node: fx.Node, op: str) -> Iterator[tuple[Path | None, Any]]:
        """Paths and values of the inputs, in the order of the op table's ports."""
        order = op_map.ports_of(node)
        schema = getattr(node.target, "_schema", None)
        if order:
            for name in order:
                yield _path_of(node, name), argument(node, name)
            return
        found = list(_node_arguments(node, ("args",), node.args))
        found += list(_node_arguments(node, ("kwargs",), node.kwargs))
        if schema is None or not op_map.takes_scalars(op):
            yield from found
            return
        operands = list(enumerate(node.args[:2]))
        for position, value in reversed(operands) if op_map.is_reversed(node) else operands:
            if isinstance(value, fx.Node):
                yield ("args", position), value
            elif isinstance(value, (int, float)) and not isinstance(value, bool):
                yield None, value

    def _value(self, source: Any, groups: int) -> int:
        if source is None:
            return -1
        if not isinstance(source, fx.Node):
            return self._add_scalar(float(source))
        if source in self.reading.ids:
            return self.reading.ids[source]
        tensor = constant_of(self._module, source)
        return -1 if tensor is None else self._add_constant(source, tensor, groups)

    def _add_scalar(self, number: float) -> int:
        key = ("number", number)
        known = self.constant_once(key)
        return (
            known if known is not None else self._note(None, str(number), torch.tensor(number), key)
        )

    def _add_constant(self, node: fx.Node, tensor: torch.Tensor, groups: int) -> int:
        """One value for one tensor, whatever the names that it is read by."""
        tensor = tensor.detach()
        key = (tensor.data_ptr() or id(tensor), tensor.shape, tensor.stride(), groups)
        known = self.constant_once(key)
        if known is not None:
            return known
        if groups == 1:
            return self._note(node, node.target, tensor, key)
        seen = tensor.reshape(groups, tensor.shape[0] // groups, *tensor.shape[1:])
        number = self._note(node, node.target, seen, key)
        self.reading.stored_shapes[number] = tensor.shape
        return number

    def _note(self, node, name, tensor, key=None, quantized=False) -> int:
        return self.add_constant(node, name, tensor.cpu().contiguous(), key, quantized)

    def _is_dequantized_constant(self, node: fx.Node) -> bool:
        """A weight that is stored in integers is a constant that is quantized already."""
        if not op_name(node).startswith("dequantize_per_") or not all(
            self._is_constant(source) for source in node.all_input_nodes
        ):
            return False
        arguments, keywords = fx.map_arg(
            (node.args, node.kwargs), lambda n: constant_of(self._module, n)
        )
        name = node.all_input_nodes[0].target
        tensor = node.target(*arguments, **keywords)
        self.reading.ids[node] = self._note(node, name, tensor, quantized=True)
        return True


def _picked_shape(node: fx.Node) -> list[Any] | None:
    """For nodes that were exported without their own meta data: those of the nodes that pick their outputs."""
    picks = [user for user in node.users if op_map.is_getitem(user)]
    if not picks or len(picks) != len(node.users):
        return None
    values: list[Any] = [None] * (max(user.args[1] for user in picks) + 1)
    for user in picks:
        values[user.args[1]] = user.meta.get("val")
    return values


def _path_of(node: fx.Node, name: str) -> Path:
    for position, declared in enumerate(node.target._schema.arguments):
        if declared.name == name and position < len(node.args):
            return ("args", position)
    return ("kwargs", name)


def _node_arguments(node: fx.Node, path: Path, value: Any) -> Iterator[tuple[Path, fx.Node | None]]:
    """All nodes among arguments; None for an optional tensor that is left out before others."""
    if isinstance(value, fx.Node):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _node_arguments(node, (*path, key), item)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            if item is None and len(path) == 1 and _is_open_port(node, index, value):
                yield (*path, index), None
            else:
                yield from _node_arguments(node, (*path, index), item)


def _is_open_port(node: fx.Node, index: int, arguments: tuple) -> bool:
    schema = getattr(node.target, "_schema", None)
    if (
        schema is None
        or index >= len(schema.arguments)
        or "Tensor" not in str(schema.arguments[index].type)
    ):
        return False
    return any(isinstance(later, fx.Node) for later in arguments[index + 1 :])
