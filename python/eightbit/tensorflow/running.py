"""Runs a Graph op by op, and shows its values as they appear.

Not as one traced function with the weights as constants: TensorFlow 2.21 with oneDNN fuses a frozen layer normalization with
another epsilon than it has, which costs 16 dB (docs/tensorflow.md).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import tensorflow as tf
from tensorflow.python.eager.execute import execute

from eightbit.errors import Error, ModelError
from eightbit.tensorflow.graph import CONSTANT, HANDLE, INPUT, Graph, Node, Output

Seen = Callable[[Output, tf.Tensor], Any]
Call = Callable[[list[tf.Tensor]], list[tf.Tensor]]


class Runner:
    """A graph, ready to run. bypassed: nodes that hand on their first input. What depends on constants alone, such as weights
    that are rounded, is computed once."""

    def __init__(self, graph: Graph, bypassed: Collection[Node] = ()):
        self._graph = graph
        self._bypassed = set(bypassed)
        self._fixed: dict[Output, Any] = {}  # constants and handles
        self._calls: dict[Node, Call] = {}
        self._last: dict[Node, list[Output]] = _last_reads(graph)
        for node in graph.nodes:
            if node.op == CONSTANT:
                self._fixed[node.output] = tf.constant(node.array)
            elif node.op == HANDLE:
                self._fixed[node.output] = node.tensor
            elif node.op != INPUT and node not in self._bypassed:
                self._calls[node] = call_of(node, graph)
                if is_constant(node) and all(each in self._fixed for each in node.inputs):
                    values = self._computed(node, self._fixed)
                    self._fixed.update(zip(node.outputs, values, strict=True))

    def run(
        self, inputs: list[Any], watched: Collection[Output] = (), seen: Seen | None = None
    ) -> list[tf.Tensor]:
        """The outputs. What `seen` returns for a value among `watched` takes its place. Raises ModelError with TensorFlow's
        reason."""
        known: dict[Output, Any] = dict(self._fixed)
        for node, value in zip(self._graph.inputs, inputs, strict=True):
            known[node.output] = self._shown(node.output, value, watched, seen)
        for output in watched:
            if output in self._fixed:
                known[output] = seen(output, known[output])
        for node in self._graph.nodes:
            if node.op == INPUT or all(output in self._fixed for output in node.outputs):
                continue
            for output, value in zip(node.outputs, self._computed(node, known), strict=True):
                known[output] = self._shown(output, value, watched, seen)
            for output in self._last.get(node, ()):
                known.pop(output, None)
        return [known[output] for output in self._graph.outputs]

    def _computed(self, node: Node, known: dict[Output, Any]) -> list[Any]:
        inputs = [known[source] for source in node.inputs]
        if node in self._bypassed:
            return [inputs[0]]
        try:
            return self._calls[node](inputs)
        except (Error, KeyboardInterrupt):
            raise
        except Exception as error:
            raise not_runnable(node, error) from error

    @staticmethod
    def _shown(output: Output, value: Any, watched: Collection[Output], seen: Seen | None) -> Any:
        return seen(output, value) if output in watched else value


def is_constant(node: Node) -> bool:
    """Whether the op gives the same for the same inputs, and numbers."""
    handles = any(output.dtype in (tf.resource, tf.variant) for output in node.outputs)
    return bool(node.inputs) and "seed" not in node.attributes and not handles


def not_runnable(node: Node, error: Exception) -> ModelError:
    reason = str(error).strip().splitlines()
    return ModelError(
        f"[tensorflow] '{node.name}' ({node.op}) could not be run: {type(error).__name__}: {reason[0] if reason else ''}. "
        "Check that the model runs on a sample of the dataset."
    )


def _last_reads(graph: Graph) -> dict[Node, list[Output]]:
    """By node, the values that nobody reads after it."""
    last: dict[Output, Node] = {}
    for node in graph.nodes:
        for source in [*node.inputs, *node.outputs]:
            last[source] = node
    for output in graph.outputs:
        last.pop(output, None)
    found: dict[Node, list[Output]] = {}
    for output, node in last.items():
        found.setdefault(node, []).append(output)
    return found


def call_of(node: Node, graph: Graph) -> Call:
    """The op as a function of its flat inputs."""
    from tensorflow.python.eager import context

    attributes: list[Any] = []
    for name, value in node.attributes.items():
        attributes += [name, _attribute(value)]
    for name in graph.functions if any(map(_is_function, node.attributes.values())) else ():
        if not context.context().has_function(name):
            context.context().add_function_def(graph.functions[name])
    op, count = node.op, len(node.outputs)

    def call(inputs: list[Any]) -> list[Any]:
        return execute(op, count, inputs, tuple(attributes), context.context())

    return call


def _is_function(value: Any) -> bool:
    return bool(value.func.name or value.list.func)


def _attribute(value: Any) -> Any:
    """As the eager runtime takes it."""
    kind = value.WhichOneof("value")
    if kind == "list":
        lists = value.list
        shapes = [tf.TensorShape(shape) for shape in lists.shape]
        functions = [one.name for one in lists.func]
        values = lists.i or lists.f or lists.s or lists.b or lists.type
        return list(values) or shapes or functions
    if kind == "func":
        return value.func.name
    if kind == "shape":
        return tf.TensorShape(value.shape)
    return getattr(value, kind) if kind else None
