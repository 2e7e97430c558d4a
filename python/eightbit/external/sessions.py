"""Runs of a network over samples, whose values are handed to the library's recorder as they appear.

A run is a function of a framework: `run(tensors, watched, seen)` computes the graph, calls `seen(value, tensor)` for every value
among `watched`, and puts in its place what that returns. What it remembers from sample to sample is its own. `place`
makes the framework's tensors of the library's, which can be taken once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable
from typing import Any, Protocol

import numpy as np

from eightbit import _eightbit

Seen = Callable[[Any, Any], Any]
Run = Callable[[list[Any], Collection[Any], Seen], Any]
Place = Callable[[list[Any]], list[Any]]


class Tensors(Protocol):
    """What is asked of a framework's tensors."""

    def measured(self, tensor: Any) -> Any:
        """As the recorder takes it: f32, contiguous, on the host."""

    def from_library(self, array: Any) -> np.ndarray:
        """An object of the library as an array over its memory."""

    def plus(self, tensor: Any, row: np.ndarray) -> Any:
        """The sum, in the type and on the device of the tensor."""

    def like(self, tensor: Any, other: Any) -> Any:
        """The tensor in the type of another."""

    def kept(self, tensor: Any) -> Any:
        """What holds the tensor's values until the end of the run."""


class TapSession:
    """Values of the float model, as records. taps: by value, the numbers that it is recorded under."""

    def __init__(self, run: Run, taps: dict[Hashable, list[int]], place: Place, tensors: Tensors):
        self._run = run
        self._place = place
        self._taps = taps
        self._tensors = tensors

    def run(self, inputs: list[Any], recorder: _eightbit.Recorder) -> None:
        def seen(value: Any, tensor: Any) -> Any:
            measured = self._tensors.measured(tensor)
            for tap in self._taps[value]:
                recorder.record(tap, measured)
            return tensor

        self._run(self._place(inputs), self._taps, seen)


class ProbeSession:
    """The planned model; behind each probed layer its outputs are moved to the float model's means, sample by sample.

    probes: by value, the number of the probe and the axis of its channels.
    """

    def __init__(
        self, run: Run, probes: dict[Hashable, tuple[int, int]], place: Place, tensors: Tensors
    ):
        self._run = run
        self._place = place
        self._probes = probes
        self._tensors = tensors

    def run(self, inputs: list[Any], recorder: _eightbit.Recorder) -> None:
        def seen(value: Any, tensor: Any) -> Any:
            number, axis = self._probes[value]
            shifts = recorder.shift(number, self._tensors.measured(tensor))
            row = laid_over(self._tensors.from_library(shifts), tuple(tensor.shape), axis)
            return self._tensors.plus(tensor, row)

        self._run(self._place(inputs), self._probes, seen)


def laid_over(shifts: np.ndarray, shape: tuple[int, ...], axis: int) -> np.ndarray:
    """[samples, channels] over a tensor of `shape` whose axis 0 holds the samples one after the other."""
    rows, channels = shifts.shape
    laid = [1] * len(shape)
    laid[axis] = channels
    if rows == 1:
        return shifts.reshape(laid)
    laid[0] = shape[0]
    return np.repeat(shifts, shape[0] // rows, axis=0).reshape(laid)


class CompareSession:
    """Two models on the same inputs: the values that are compared, of the first, then of the second.

    cuts: by value of the second, the value of the first that its readers get.
    """

    def __init__(
        self,
        reference: Run,
        other: Run,
        pairs: Iterable[tuple[Hashable, Hashable]],
        cuts: dict[Hashable, Hashable],
        place: Place,
        tensors: Tensors,
    ):
        self._reference = reference
        self._place = place
        self._other = other
        self._pairs: dict[Hashable, list[tuple[int, Hashable]]] = {}
        for number, (first, second) in enumerate(pairs):
            self._pairs.setdefault(second, []).append((number, first))
        self._cuts = cuts
        firsts = {first for pairs in self._pairs.values() for _, first in pairs}
        self._kept = firsts | set(cuts.values())
        self._tensors = tensors

    def run(self, inputs: list[Any], recorder: _eightbit.Recorder) -> None:
        kept: dict[Hashable, Any] = {}
        measured = self._tensors.measured

        def keep(value: Any, tensor: Any) -> Any:
            kept[value] = self._tensors.kept(tensor)
            return tensor

        def compare(value: Any, tensor: Any) -> Any:
            for number, first in self._pairs.get(value, ()):
                recorder.compare(number, measured(kept[first]), measured(tensor))
            if value in self._cuts:
                return self._tensors.like(kept[self._cuts[value]], tensor)
            return tensor

        placed = self._place(inputs)
        self._reference(placed, self._kept, keep)
        self._other(placed, {*self._pairs, *self._cuts}, compare)
