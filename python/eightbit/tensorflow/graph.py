"""A traced function as a flat list of ops, which can be measured and rewritten. Weights are arrays beside it: a GraphDef would
copy them at each step, and holds no more than 2 GB."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

INPUT = "Placeholder"
CONSTANT = "Const"
HANDLE = "Handle"  # of a table or another resource, which stays what it is


@dataclass(eq=False)
class Output:
    """A value. shape: None where nothing has been run yet; -1: sizes that differ from sample to sample."""

    node: Node
    index: int
    dtype: tf.DType
    shape: tuple[int, ...] | None = None

    @property
    def name(self) -> str:
        return self.node.name if self.index == 0 else f"{self.node.name}:{self.index}"

    @property
    def rank(self) -> int | None:
        return None if self.shape is None else len(self.shape)

    @property
    def array(self) -> np.ndarray | None:
        """What a constant holds."""
        return self.node.array


@dataclass(eq=False)
class Node:
    """An op. attributes: AttrValues of its NodeDef. array: of a constant. trainable: of a constant that was read from a
    variable, or folded out of one, whether that is trained; None for numbers of the graph. tensor: of a HANDLE."""

    name: str
    op: str
    inputs: list[Output] = field(default_factory=list)
    attributes: dict[str, Any] = field(default_factory=dict)
    outputs: list[Output] = field(default_factory=list)
    array: np.ndarray | None = None
    trainable: bool | None = None
    tensor: Any = None

    @property
    def output(self) -> Output:
        return self.outputs[0]

    def flag(self, name: str) -> bool:
        return self.attributes[name].b if name in self.attributes else False

    def text(self, name: str, default: str = "") -> str:
        return self.attributes[name].s.decode() if name in self.attributes else default

    def integers(self, name: str) -> list[int]:
        return list(self.attributes[name].list.i) if name in self.attributes else []


class Graph:
    """Nodes in topological order. inputs: nodes of op INPUT, in the order of the function's flat arguments. functions: that
    control flow calls. A node's name is its own."""

    def __init__(self):
        self.nodes: list[Node] = []
        self.inputs: list[Node] = []
        self.outputs: list[Output] = []
        self.functions: dict[str, Any] = {}  # FunctionDefs
        self._names: set[str] = set()

    def free_name(self, wanted: str) -> str:
        """`wanted`, or with a number where that is taken."""
        name, count = wanted, 0
        while name in self._names:
            count += 1
            name = f"{wanted}_{count}"
        return name

    def claim(self, wanted: str) -> str:
        """A free name, which nobody else gets."""
        name = self.free_name(wanted)
        self._names.add(name)
        return name

    def retire(self, node: Node) -> str:
        """Frees the name of a node that something takes the place of, and returns it."""
        name = node.name
        node.name = self.claim(f"{name}/before")
        self._names.remove(name)
        return name

    def add(
        self,
        name: str,
        op: str,
        inputs: Iterable[Output] = (),
        dtypes: Iterable[tf.DType] = (tf.float32,),
        attributes: dict[str, Any] | None = None,
        before: Node | None = None,
    ) -> Node:
        """A new node at the end, or in front of another."""
        node = Node(self.claim(name), op, list(inputs), dict(attributes or {}))
        node.outputs = [Output(node, index, dtype) for index, dtype in enumerate(dtypes)]
        self.nodes.insert(len(self.nodes) if before is None else self.nodes.index(before), node)
        return node

    def add_constant(
        self,
        name: str,
        array: np.ndarray,
        before: Node | None = None,
        trainable: bool | None = None,
    ) -> Output:
        array = np.asarray(array)
        node = self.add(name, CONSTANT, dtypes=[tf.as_dtype(array.dtype)], before=before)
        node.array, node.trainable = array, trainable
        node.output.shape = array.shape
        return node.output

    def readers(self) -> dict[Output, list[tuple[Node, int]]]:
        """By value, the inputs that read it."""
        found: dict[Output, list[tuple[Node, int]]] = {}
        for node in self.nodes:
            for place, source in enumerate(node.inputs):
                found.setdefault(source, []).append((node, place))
        return found

    def replace(self, old: Output, new: Output) -> None:
        """All that read `old` read `new`."""
        for node in self.nodes:
            node.inputs = [new if source is old else source for source in node.inputs]
        self.outputs = [new if output is old else output for output in self.outputs]

    def replace_all(self, twins: dict[Output, Output]) -> None:
        """The same for many values at once; one may be replaced by another that is replaced too."""

        def final(output: Output) -> Output:
            while output in twins:
                output = twins[output]
            return output

        for node in self.nodes:
            node.inputs = [final(source) for source in node.inputs]
        self.outputs = [final(output) for output in self.outputs]

    def prune(self) -> None:
        """Drops what no output needs; inputs stay."""
        needed = ancestors(self.outputs) | set(self.inputs)
        self.nodes = [node for node in self.nodes if node in needed]
        self._names = {node.name for node in self.nodes}

    def copy(self) -> tuple[Graph, dict[Any, Any]]:
        """A graph of its own over the same arrays, and the twins of nodes and values."""
        made, twins = Graph(), {}
        for node in self.nodes:
            inputs = [twins[source] for source in node.inputs]
            dtypes = [output.dtype for output in node.outputs]
            twin = made.add(node.name, node.op, inputs, dtypes, node.attributes)
            twin.array, twin.trainable, twin.tensor = node.array, node.trainable, node.tensor
            twins[node] = twin
            for old, new in zip(node.outputs, twin.outputs, strict=True):
                new.shape = old.shape
                twins[old] = new
        made.inputs = [twins[node] for node in self.inputs]
        made.outputs = [twins[output] for output in self.outputs]
        made.functions = dict(self.functions)
        return made, twins

    def sort(self) -> None:
        """Topological order again, where nodes were put behind their readers; else as it was."""
        done: set[Node] = set()
        order: list[Node] = []
        for root in self.nodes:
            for node in _depth_first(root, done):
                order.append(node)
        self.nodes = order


def _depth_first(root: Node, done: set[Node]) -> Iterator[Node]:
    waiting = [(root, False)]
    while waiting:
        node, ready = waiting.pop()
        if ready:
            yield node
        elif node not in done:
            done.add(node)
            waiting.append((node, True))
            waiting += [(source.node, False) for source in reversed(node.inputs)]


def ancestors(outputs: Iterable[Output]) -> set[Node]:
    """The nodes that compute these values."""
    found: set[Node] = set()
    waiting = [output.node for output in outputs]
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += [source.node for source in node.inputs]
    return found


def attribute(value: Any) -> Any:
    """An AttrValue of a bool, a type or a text."""
    if isinstance(value, bool):
        return tf.compat.v1.AttrValue(b=value)
    if isinstance(value, tf.DType):
        return tf.compat.v1.AttrValue(type=value.as_datatype_enum)
    return tf.compat.v1.AttrValue(s=value.encode())
