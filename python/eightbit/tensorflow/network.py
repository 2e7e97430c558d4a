"""A captured model as the library runs and rewrites it (see include/eightbit/external.h)."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from eightbit import _eightbit
from eightbit.external.network import Network
from eightbit.tensorflow.capture import Captured
from eightbit.tensorflow.graph import Graph, Node, Output
from eightbit.tensorflow.layouts import Layout
from eightbit.tensorflow.models import finished_model
from eightbit.tensorflow.reading import DTYPES, read
from eightbit.tensorflow.writing import Form, carry_out


class TensorFlowNetwork(Network):
    """captured: the model. Keras models become ones that can be trained, others hold integers."""

    backend = "tensorflow"

    def __init__(self, captured: Captured):
        super().__init__()
        self.captured = captured
        self.signature = captured.signature
        self.largest_batch = captured.largest_batch
        self._layouts: dict[int, Layout] = {}

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
        applied = TensorFlowNetwork(captured)
        applied.metadata = metadata
        return applied

    def finished(self) -> Any:
        """The model that the caller gets."""
        return finished_model(self.captured, self.metadata)


def _sizes(shape: tf.TensorShape) -> list[int]:
    return [-1 if size is None else size for size in shape] if shape.rank is not None else []
