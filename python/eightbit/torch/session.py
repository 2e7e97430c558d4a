"""Runs an exported graph over samples and hands values to the library's recorder as they appear."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import fx

from eightbit import _eightbit
from eightbit.errors import Error, ModelError
from eightbit.torch.tensors import from_library


def as_measured(value: torch.Tensor) -> torch.Tensor:
    """As the recorder takes it: f32, contiguous, on the host."""
    return value.detach().to(device="cpu", dtype=torch.float32).contiguous()


class Interpreter(fx.Interpreter):
    """Calls `seen(node, value)` for every node among `watched`; what that returns takes the value's place."""

    def __init__(
        self, module: fx.GraphModule, watched: set[fx.Node], seen: Callable[[fx.Node, Any], Any]
    ):
        super().__init__(module)
        self._watched = watched
        self._seen = seen
        self.extra_traceback = False

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        return self._seen(n, value) if n in self._watched else value


def run_graph(
    module: fx.GraphModule,
    inputs: list[Any],
    watched: set[fx.Node],
    seen: Callable[[fx.Node, Any], Any],
) -> Any:
    """The outputs, flat. Raises ModelError with torch's reason."""
    try:
        with torch.no_grad():
            return Interpreter(module, watched, seen).run(*inputs, enable_io_processing=False)
    except (Error, KeyboardInterrupt):
        raise
    except Exception as error:
        reason = str(error).strip().splitlines()
        raise ModelError(
            f"[torch] the model could not be run: {type(error).__name__}: {reason[0] if reason else ''}. Check that it runs "
            "on a sample of the dataset."
        ) from error


class TapSession:
    """Values of the float model, as records."""

    def __init__(
        self, module: fx.GraphModule, taps: dict[fx.Node, list[int]], place: Callable[[list], list]
    ):
        self._module = module
        self._taps = taps
        self._place = place

    def run(self, inputs: list[Any], recorder: _eightbit.Recorder) -> None:
        def seen(node: fx.Node, value: torch.Tensor) -> torch.Tensor:
            measured = as_measured(value)
            for tap in self._taps[node]:
                recorder.record(tap, measured)
            return value

        run_graph(self._module, self._place(inputs), set(self._taps), seen)


class ProbeSession:
    """The planned model; behind each probed layer its outputs are moved to the float model's means, sample by sample."""

    def __init__(
        self,
        module: fx.GraphModule,
        probes: dict[fx.Node, tuple[int, int]],
        place: Callable[[list], list],
    ):
        self._module = module
        self._probes = probes
        self._place = place

    def run(self, inputs: list[Any], recorder: _eightbit.Recorder) -> None:
        def seen(node: fx.Node, value: torch.Tensor) -> torch.Tensor:
            number, axis = self._probes[node]
            shifts = from_library(recorder.shift(number, as_measured(value)))
            return value + self._along(shifts, value, axis).to(value)

        run_graph(self._module, self._place(inputs), set(self._probes), seen)

    @staticmethod
    def _along(shifts: torch.Tensor, value: torch.Tensor, axis: int) -> torch.Tensor:
        """[samples, channels] laid over a tensor whose axis 0 holds the samples one after the other."""
        rows, channels = shifts.shape
        shape = [1] * value.dim()
        shape[axis] = channels
        if rows == 1:
            return shifts.reshape(shape)
        shape[0] = value.shape[0]
        return shifts.repeat_interleave(value.shape[0] // rows, 0).reshape(shape)


class CompareSession:
    """Two models on the same inputs: the values that are compared, of the first, then of the second."""

    def __init__(
        self, reference, other, pairs: list[tuple[fx.Node, fx.Node]], place: Callable[[list], list]
    ):
        self._reference = reference
        self._other = other
        self._pairs = pairs
        self._place = place

    def run(self, inputs: list[Any], recorder: _eightbit.Recorder) -> None:
        kept: dict[fx.Node, torch.Tensor] = {}

        def keep(node: fx.Node, value: torch.Tensor) -> torch.Tensor:
            kept[node] = as_measured(value).clone()
            return value

        def compare(node: fx.Node, value: torch.Tensor) -> torch.Tensor:
            measured = as_measured(value)
            for number, (first, second) in enumerate(self._pairs):
                if second is node:
                    recorder.compare(number, kept[first], measured)
            return value

        placed = self._place(inputs)
        run_graph(self._reference, placed, {first for first, _ in self._pairs}, keep)
        run_graph(self._other, placed, {second for _, second in self._pairs}, compare)
