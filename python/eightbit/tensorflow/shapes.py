"""Shapes of all values, by running samples: what TensorFlow infers loses what Keras had set, and knows no sizes behind a
reshape."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from eightbit.errors import ModelError
from eightbit.tensorflow.graph import Graph, Output
from eightbit.tensorflow.running import Runner

_CLOSE = 1e-3  # of the largest output: what batching may change by rounding
_MOST_TOGETHER = 16
_MOST_ELEMENTS = 1 << 22  # of one value: 16 MB

Sample = list[np.ndarray]


def measure_shapes(graph: Graph, samples: Iterable[Sample]) -> bool:
    """Sets the shapes of all values, -1 for sizes that differ, and returns whether samples may run together: where axis 0 of
    every input and output holds the samples, and two of them give what each gives alone."""
    runner = Runner(graph)
    seen: dict[Output, tuple[int, ...]] = {}
    watched = {output for node in graph.nodes for output in node.outputs}
    first: Sample = []
    alone: list[tf.Tensor] = []
    for sample in samples:
        outputs = _run(runner, sample, watched, seen)
        if not first:
            first, alone = sample, outputs
    batched = _batch_of_two(runner, first, alone, watched, seen)
    for output, shape in seen.items():
        output.shape = shape
    return batched


def _run(runner: Runner, sample: Sample, watched: set[Output], seen: dict) -> list[tf.Tensor]:
    def note(output: Output, value: tf.Tensor) -> tf.Tensor:
        shape = tuple(value.shape)
        known = seen.get(output, shape)
        if len(known) != len(shape):
            raise ModelError(
                f"[tensorflow] '{output.name}' has {len(known)} axes for one sample and {len(shape)} for another. Leave out what "
                "makes that depend on the sample."
            )
        seen[output] = tuple(a if a == b else -1 for a, b in zip(known, shape, strict=True))
        return value

    return runner.run([tf.constant(array) for array in sample], watched, note)


def _batch_of_two(runner, sample: Sample, alone: list[tf.Tensor], watched, seen) -> bool:
    if not sample or any(not array.ndim or array.shape[0] != 1 for array in sample):
        return False
    other = [array[..., ::-1] for array in sample]
    both = [np.concatenate(pair) for pair in zip(sample, other, strict=True)]
    noted = dict(seen)
    try:
        beside = _run(runner, both, watched, noted)
    except ModelError:
        return False  # axis 0 is no batch
    alone_too = runner.run([tf.constant(array) for array in other])
    if not all(map(_agree, alone, alone_too, beside)):
        return False
    seen.update(noted)
    return True


def _agree(one: tf.Tensor, other: tf.Tensor, beside: tf.Tensor) -> bool:
    one, other, beside = one.numpy(), other.numpy(), beside.numpy()
    if not one.ndim or beside.shape[0] != one.shape[0] + other.shape[0]:
        return False
    wanted = np.concatenate([one, other])
    if wanted.dtype.kind != "f":
        return bool((wanted == beside).all())
    scale = float(np.abs(wanted).max()) if wanted.size else 0.0
    return np.allclose(beside, wanted, rtol=_CLOSE, atol=_CLOSE * scale, equal_nan=True)


def largest_batch(graph: Graph) -> int:
    """How many samples fit into a run of a graph with shapes; 1 where a value has its batch elsewhere, as those of recurrent
    layers do."""
    largest = 1
    for node in graph.nodes:
        for output in node.outputs:
            if -1 in (output.shape or ())[1:]:
                return 1
            if output.shape and output.shape[0] == -1:
                largest = max(largest, int(np.prod(output.shape[1:])))
    return max(1, min(_MOST_TOGETHER, _MOST_ELEMENTS // largest))
