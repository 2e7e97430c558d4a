"""Runs a Graph as one function of TensorFlow, which gives all values that are asked for."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import tensorflow as tf

from eightbit.tensorflow.graph import HANDLE, Graph, Output
from eightbit.tensorflow.graph_def import Function, function_of
from eightbit.tensorflow.models import weights_of
from eightbit.tensorflow.running import not_runnable


class Watcher:
    """About twice as fast as op by op. Weights are arguments: see running.py. What is seen cannot be changed."""

    def __init__(self, graph: Graph):
        self._graph = graph
        self._weights = weights_of(graph)
        self._values = [tf.constant(node.array) for node in self._weights]
        self._handles = [node.tensor for node in graph.nodes if node.op == HANDLE]
        self._function: Function | None = None
        self._watched: list[Output] = []

    def run(
        self,
        inputs: list[tf.Tensor],
        watched: Collection[Output],
        seen: Callable[[Output, tf.Tensor], Any],
    ) -> None:
        """Calls `seen` for all of `watched`, which are the same in every run. Raises ModelError with TensorFlow's reason."""
        if not watched:
            return
        if self._function is None:
            self._watched = list(watched)
            self._function = function_of(self._graph, self._weights, self._watched)
        try:
            results = self._function(*inputs, *self._values, *self._handles)
        except Exception as error:
            raise not_runnable(self._watched[-1].node, error) from error
        for output, value in zip(self._watched, results, strict=True):
            seen(output, value)
