"""From a concrete function to a Graph: calls of functions become their bodies, reads of variables become constants."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import function_def_to_graph

from eightbit.errors import ModelError
from eightbit.tensorflow.graph import HANDLE, INPUT, Graph, Output, attribute

_CALLS = ("PartitionedCall", "StatefulPartitionedCall")
_CHECKS = ("Assert", "NoOp", "Print", "PrintV2")
_HANDLE_TYPES = (tf.resource, tf.variant)
# Of an op's attributes: what the runtime notes for itself.
_NOTES = "_"


def flatten(function: Any) -> Graph:
    """Raises ModelError for functions that write into variables."""
    return _Flattening(function).run()


class _Flattening:
    def __init__(self, function: Any):
        self._function = function
        self._graph = Graph()
        self._variables: dict[int, tf.Variable] = {
            id(variable.handle): variable for variable in function.variables
        }
        self._constants: dict[int, Output] = {}  # by the handle of a variable
        self._library = {
            one.signature.name: one for one in function.graph.as_graph_def().library.function
        }

    def run(self) -> Graph:
        source = self._function.graph
        known: dict[str, Output] = {}
        captured = {inner.name: outer for outer, inner in source.captures}
        for tensor in source.inputs:
            if tensor.name in captured:
                known[tensor.name] = self._captured(tensor, captured[tensor.name])
            else:
                known[tensor.name] = self._input(tensor)
        self._inline(source, known)
        self._graph.outputs = [known[tensor.name] for tensor in source.outputs]
        return self._graph

    def _input(self, tensor: Any) -> Output:
        node = self._graph.add(tensor.op.name, INPUT, dtypes=[tensor.dtype])
        self._graph.inputs.append(node)
        return node.output

    def _captured(self, inner: Any, outer: Any) -> Output:
        if outer.dtype in _HANDLE_TYPES:
            node = self._graph.add(inner.op.name, HANDLE, dtypes=[outer.dtype])
            node.tensor = outer
            return node.output
        if not hasattr(outer, "numpy"):
            raise ModelError(
                f"[tensorflow] '{inner.op.name}' comes from another function's trace. Pass a function that can be called by itself."
            )
        return self._graph.add_constant(inner.op.name, outer.numpy())

    def _inline(self, source: Any, known: dict[str, Output]) -> None:
        """Adds the ops of a traced function, whose arguments are known by the names of its tensors, and notes its values."""
        for op in source.get_operations():
            if op.type == INPUT or op.type in _CHECKS:
                continue
            inputs = [known[tensor.name] for tensor in op.inputs]
            for tensor, output in zip(op.outputs, self._added(op, inputs), strict=True):
                known[tensor.name] = output

    def _added(self, op: Any, inputs: list[Output]) -> list[Output]:
        body = self._body_of(op)
        if body is not None:
            known = {tensor.name: value for tensor, value in zip(body.inputs, inputs, strict=True)}
            self._inline(body, known)
            return [known[tensor.name] for tensor in body.outputs]
        if op.type == "ReadVariableOp" and self._is_known(inputs[0]):
            return [self._value_of(inputs[0], op.name)]
        if op.type == "ResourceGather" and self._is_known(inputs[0]):
            return [self._look_up(op, inputs)]
        if op.type == "Const":
            return [self._graph.add_constant(op.name, tf.make_ndarray(op.get_attr("value")))]
        if op.type.startswith("Assign") and op.type.endswith("VariableOp"):
            raise ModelError(
                f"[tensorflow] '{op.name}' ({op.type}) writes into a variable, so that a call depends on the calls before it. "
                "Pass a model whose calls leave nothing behind (training=False, stateful=False)."
            )
        self._keep_functions(op)
        kept = {
            name: value for name, value in op.node_def.attr.items() if not name.startswith(_NOTES)
        }
        dtypes = [tensor.dtype for tensor in op.outputs]
        return self._graph.add(op.name, op.type, inputs, dtypes, kept).outputs

    def _body_of(self, op: Any) -> Any:
        """The graph of a function that is called here; None for any other op."""
        if op.type in _CALLS:
            name = op.node_def.attr["f"].func.name
        elif op.type in self._library:
            name = op.type
        else:
            return None
        with op.graph.as_default():
            return function_def_to_graph.function_def_to_graph(self._library[name])

    def _is_known(self, handle: Output) -> bool:
        return handle.node.op == HANDLE and handle.dtype == tf.resource

    def _value_of(self, handle: Output, name: str) -> Output:
        tensor = handle.node.tensor
        key = id(tensor)
        if key not in self._constants:
            variable = self._variables.get(key)
            value = (
                variable.read_value()
                if variable is not None
                else tf.raw_ops.ReadVariableOp(resource=tensor, dtype=_type_of(tensor))
            )
            wanted = variable.name.partition(":")[0] if variable is not None else name
            self._constants[key] = self._graph.add_constant(
                wanted, value.numpy(), None, variable is not None and bool(variable.trainable)
            )
        return self._constants[key]

    def _look_up(self, op: Any, inputs: list[Output]) -> Output:
        table = self._value_of(inputs[0], f"{op.name}/table")
        attributes = {
            "batch_dims": op.node_def.attr["batch_dims"],
            "Tparams": attribute(table.dtype),
            "Tindices": op.node_def.attr["Tindices"],
            "Taxis": attribute(tf.int32),
        }
        axis = self._graph.add_constant(f"{op.name}/axis", np.int32(0))
        inputs = [table, inputs[1], axis]
        return self._graph.add(op.name, "GatherV2", inputs, [table.dtype], attributes).output

    def _keep_functions(self, op: Any) -> None:
        """The functions that a control flow op calls, and those that they call."""
        waiting = [name for value in op.node_def.attr.values() for name in _functions_in(value)]
        while waiting:
            name = waiting.pop()
            if name in self._graph.functions or name not in self._library:
                continue
            definition = self._library[name]
            self._graph.functions[name] = definition
            for node in definition.node_def:
                waiting += [node.op] if node.op in self._library else []
                waiting += [one for value in node.attr.values() for one in _functions_in(value)]


def _functions_in(value: Any) -> list[str]:
    return ([value.func.name] if value.func.name else []) + [one.name for one in value.list.func]


def _type_of(handle: Any) -> tf.DType:
    """Of the variable behind a handle."""
    return tf.as_dtype(handle._handle_data.shape_and_type[0].dtype)
