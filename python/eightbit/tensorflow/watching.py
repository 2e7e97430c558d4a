"""Runs a Graph as one function of TensorFlow, which shows all values that are asked for as they are computed."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from eightbit.tensorflow.graph import HANDLE, Graph, Output
from eightbit.tensorflow.graph_def import function_of
from eightbit.tensorflow.models import weights_of
from eightbit.tensorflow.running import not_runnable

Seen = Callable[[Output, np.ndarray], Any]


class Watcher:
    """About twice as fast as op by op. Weights are arguments: see running.py. What is seen cannot be changed, lies in
    TensorFlow's memory, and is freed there once nobody holds it."""

    def __init__(self, graph: Graph):
        self._graph = graph
        self._weights = weights_of(graph)
        self._values = [tf.constant(node.array) for node in self._weights]
        self._handles = [node.tensor for node in graph.nodes if node.op == HANDLE]
        self._watched: list[Output] = []
        self._function: Any = None
        self._seen: Seen | None = None
        self._failure: BaseException | None = None  # of `seen`

    def run(self, inputs: list[tf.Tensor], watched: Collection[Output], seen: Seen) -> None:
        """Calls `seen` for all of `watched`, which are the same in every run, one at a time. Raises ModelError with
        TensorFlow's reason, and what `seen` raises."""
        if not watched:
            return
        if self._function is None:
            self._watched = list(watched)
            self._function = self._traced()
        self._seen, self._failure = seen, None
        try:
            self._function(*inputs, *self._values, *self._handles)
        except Exception as error:
            raise not_runnable(self._watched[-1].node, error) from error
        if self._failure is not None:
            raise self._failure

    def _traced(self) -> Any:
        """Calls of Python are ops of the graph: each value is reduced where it is computed, and none comes out."""
        function = function_of(self._graph, self._weights, self._watched)

        def shown(*tensors: Any) -> None:
            for place, value in enumerate(function.build(*tensors)):
                tf.numpy_function(partial(self._show, self._watched[place]), [value], [])

        specs = list(function.specs.values())
        return tf.function(shown, autograph=False).get_concrete_function(*specs)

    def _show(self, output: Output, array: np.ndarray) -> None:
        if self._failure is None:
            try:
                self._seen(output, array)
            except BaseException as error:
                self._failure = error
