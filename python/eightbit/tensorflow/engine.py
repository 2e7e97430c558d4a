"""TensorFlow as what runs captured models (see include/eightbit/external.h)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import tensorflow as tf

from eightbit import _eightbit
from eightbit.external.engine import SessionEngine
from eightbit.external.sessions import Run
from eightbit.parameters import Engine
from eightbit.tensorflow.graph import Graph, Node, Output
from eightbit.tensorflow.network import TensorFlowNetwork
from eightbit.tensorflow.running import Runner
from eightbit.tensorflow.tensors import TensorFlowTensors, from_library
from eightbit.tensorflow.watching import Watcher


class TensorFlowEngine(SessionEngine):
    """`choice`: what measures, OpenVINO or TensorFlow itself."""

    tensors = TensorFlowTensors()

    def __init__(self, choice: Engine = Engine.AUTO):
        self._choice = choice
        # made once for each network
        self._runners: WeakKeyDictionary[TensorFlowNetwork, Runner] = WeakKeyDictionary()
        self._twins: WeakKeyDictionary[TensorFlowNetwork, Any] = WeakKeyDictionary()

    def run_of(self, graph: Graph, bypassed: Collection[Node] = ()) -> Run:
        runner = Runner(graph, bypassed)

        def run(inputs: list[Any], watched: Collection[Output], seen: Any) -> None:
            runner.run(inputs, watched, seen)

        return run

    def watch_of(self, graph: Graph) -> Run:
        return Watcher(graph).run

    def place(self, network: TensorFlowNetwork, inputs: list[Any]) -> list[tf.Tensor]:
        return [tf.constant(from_library(array)) for array in inputs]

    def infer(self, network: TensorFlowNetwork, inputs: list[Any]) -> list[np.ndarray]:
        if network not in self._runners:
            self._runners[network] = Runner(network.graph)
        results = self._runners[network].run(self.place(network, inputs))
        return [np.ascontiguousarray(value.numpy()) for value in results]

    def twin(self, network: TensorFlowNetwork) -> tuple[_eightbit.Model, dict[int, str]] | None:
        if self._choice != Engine.OPENVINO:
            return None
        if network not in self._twins:
            from eightbit.tensorflow.openvino_twin import openvino_twin

            self._twins[network] = openvino_twin(
                network.graph, network.signature, network.reading.values
            )
        return self._twins[network]
