"""A captured model as the library runs and rewrites it (see include/eightbit/external.h)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import tensorflow as tf

from eightbit import _eightbit
from eightbit.external.network import Network
from eightbit.external.sessions import Run
from eightbit.parameters import Engine
from eightbit.tensorflow.capture import Captured
from eightbit.tensorflow.graph import Graph, Node, Output
from eightbit.tensorflow.layouts import Layout
from eightbit.tensorflow.models import finished_model
from eightbit.tensorflow.reading import DTYPES, read
from eightbit.tensorflow.running import Runner
from eightbit.tensorflow.tensors import TensorFlowTensors, from_library
from eightbit.tensorflow.watching import Watcher
from eightbit.tensorflow.writing import Form, carry_out


class TensorFlowNetwork(Network):
    """captured: the model. Keras models become ones that can be trained, others hold integers."""

    backend = "tensorflow"
    tensors = TensorFlowTensors()

    def __init__(self, captured: Captured, engine: Engine = Engine.AUTO):
        super().__init__(engine)
        self.captured = captured
        self.signature = captured.signature
        self.largest_batch = captured.largest_batch
        self._layouts: dict[int, Layout] = {}
        self._runner: Runner | None = None
        self._twin: tuple[_eightbit.Model, dict[int, str]] | None = None

    @property
    def graph(self) -> Graph:
        return self.captured.graph

    @property
    def inputs(self) -> list[_eightbit.PortInfo]:
        return [
            _eightbit.PortInfo(name, DTYPES[spec.dtype], _sizes(spec.shape))
            for name, spec in zip(self.signature.names, self.signature.specs, strict=True)
        ]

    @property
    def outputs(self) -> list[_eightbit.PortInfo]:
        return [
            _eightbit.PortInfo(name, DTYPES[output.dtype], list(output.shape))
            for name, output in zip(self.signature.output_names, self.graph.outputs, strict=True)
        ]

    def describe(self, description: _eightbit.Description) -> None:
        self.reading, self._layouts = read(self.graph, description)

    def first_output(self, node: Node) -> Output:
        return node.output

    def flatten(self, item: Any, number: int) -> dict[str, np.ndarray]:
        return self.signature.flatten(item, number)

    def place(self, inputs: list[Any]) -> list[tf.Tensor]:
        return [tf.constant(from_library(array)) for array in inputs]

    def run_of(self, graph: Graph, bypassed: Collection[Node] = ()) -> Run:
        runner = Runner(graph, bypassed)

        def run(inputs: list[Any], watched: Collection[Output], seen: Any) -> None:
            runner.run(inputs, watched, seen)

        return run

    def watch_of(self, graph: Graph) -> Run:
        return Watcher(graph).run

    def planned(self, instructions: Any) -> tuple[Graph, dict[Any, Any]]:
        return carry_out(self.graph, self.reading, self._layouts, instructions, Form.FLOAT)

    def apply(
        self, instructions: _eightbit.Instructions, metadata: dict[str, str]
    ) -> TensorFlowNetwork:
        form = Form.FLOAT if self.captured.keras else Form.INTEGERS
        graph, _ = carry_out(self.graph, self.reading, self._layouts, instructions, form)
        captured = Captured(
            graph,
            self.signature,
            self.captured.largest_batch,
            self.captured.keras,
            self.captured.source,
        )
        applied = TensorFlowNetwork(captured, self.engine)
        applied.metadata = metadata
        return applied

    def infer(self, inputs: list[Any]) -> list[np.ndarray]:
        if self._runner is None:
            self._runner = Runner(self.graph)
        return [
            np.ascontiguousarray(value.numpy()) for value in self._runner.run(self.place(inputs))
        ]

    def twin(self) -> tuple[_eightbit.Model, dict[int, str]] | None:
        if self.engine != Engine.OPENVINO:
            return None
        if self._twin is None:
            from eightbit.tensorflow.openvino_twin import openvino_twin

            self._twin = openvino_twin(self.graph, self.signature, self.reading.values)
        return self._twin

    def finished(self) -> Any:
        """The model that the caller gets."""
        return finished_model(self.captured, self.metadata)


def _sizes(shape: tf.TensorShape) -> list[int]:
    return [-1 if size is None else size for size in shape] if shape.rank is not None else []
