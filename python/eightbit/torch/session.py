"""Runs an exported graph over samples and hands values to the library's recorder as they appear."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from typing import Any

import torch
from torch import fx

from eightbit import _eightbit
from eightbit.errors import Error, ModelError
from eightbit.torch.tensors import from_library, states_of


def as_measured(value: torch.Tensor) -> torch.Tensor:
    """As the recorder takes it: f32, contiguous, on the host."""
    return value.detach().to(device="cpu", dtype=torch.float32).contiguous()


class Interpreter(fx.Interpreter):
    """Calls `seen(node, value)` for every node among `watched`; what that returns takes the value's place. `states`: in the
    place of the tensors that the graph writes into. `bypassed`: nodes that hand on their first input."""

    def __init__(
        self,
        module: fx.GraphModule,
        watched: set[fx.Node],
        seen: Callable[[fx.Node, Any], Any],
        states: dict[str, torch.Tensor],
        bypassed: Container[fx.Node] = (),
    ):
        super().__init__(module)
        self._watched = watched
        self._seen = seen
        self._states = states
        self._bypassed = bypassed
        self.extra_traceback = False

    def fetch_attr(self, target: str) -> Any:
        return self._states[target] if target in self._states else super().fetch_attr(target)

    def run_node(self, n: fx.Node) -> Any:
        if n in self._bypassed:
            value = self.env[n.args[0]]
        elif n.target is torch.ops.aten.copy_.default and n.args[0].target in self._states:
            value = self._states[n.args[0].target] = self._changed(n)
        else:
            value = super().run_node(n)
        return self._seen(n, value) if n in self._watched else value

    def _changed(self, write: fx.Node) -> torch.Tensor:
        """A new tensor: values that were seen before may be views of the old one."""
        state, value = write.args[:2]
        return self._states[state.target].clone().copy_(self.env[value])


def run_graph(
    module: fx.GraphModule,
    inputs: list[Any],
    states: dict[str, torch.Tensor],
    watched: Iterable[fx.Node] = (),
    seen: Callable[[fx.Node, Any], Any] = lambda node, value: value,
    bypassed: Container[fx.Node] = (),
) -> Any:
    """The outputs, flat; new states are in `states`. Raises ModelError with torch's reason."""
    try:
        with torch.no_grad():
            interpreter = Interpreter(module, set(watched), seen, states, bypassed)
            return interpreter.run(*inputs, enable_io_processing=False)
    except (Error, KeyboardInterrupt):
        raise
    except Exception as error:
        raise not_runnable(error) from error


def not_runnable(error: Exception) -> ModelError:
    reason = str(error).strip().splitlines()
    return ModelError(
        f"[torch] the model could not be run: {type(error).__name__}: {reason[0] if reason else ''}. Check that it runs "
        "on a sample of the dataset."
    )


class TapSession:
    """Values of the float model, as records."""

    def __init__(
        self, module: fx.GraphModule, taps: dict[fx.Node, list[int]], place: Callable[[list], list]
    ):
        self._module = module
        self._states = states_of(module)
        self._taps = taps
        self._place = place

    def run(self, inputs: list[Any], recorder: _eightbit.Recorder) -> None:
        def seen(node: fx.Node, value: torch.Tensor) -> torch.Tensor:
            measured = as_measured(value)
            for tap in self._taps[node]:
                recorder.record(tap, measured)
            return value

        run_graph(self._module, self._place(inputs), self._states, self._taps, seen)


class ProbeSession:
    """The planned model; behind each probed layer its outputs are moved to the float model's means, sample by sample."""

    def __init__(
        self,
        module: fx.GraphModule,
        probes: dict[fx.Node, tuple[int, int]],
        place: Callable[[list], list],
    ):
        self._module = module
        self._states = states_of(module)
        self._probes = probes
        self._place = place

    def run(self, inputs: list[Any], recorder: _eightbit.Recorder) -> None:
        def seen(node: fx.Node, value: torch.Tensor) -> torch.Tensor:
            number, axis = self._probes[node]
            shifts = from_library(recorder.shift(number, as_measured(value)))
            return value + self._along(shifts, value, axis).to(value)

        run_graph(self._module, self._place(inputs), self._states, self._probes, seen)

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
    """Two models on the same inputs: the values that are compared, of the first, then of the second.

    cuts: by node of the second, the node of the first whose value its readers get. bypassed: nodes of the second that hand on
    their first input.
    """

    def __init__(
        self,
        reference: fx.GraphModule,
        other: fx.GraphModule,
        pairs: list[tuple[fx.Node, fx.Node]],
        cuts: dict[fx.Node, fx.Node],
        bypassed: set[fx.Node],
        place: Callable[[list], list],
    ):
        self._reference = reference
        self._other = other
        self._states = states_of(reference), states_of(other)
        self._pairs: dict[fx.Node, list[tuple[int, fx.Node]]] = {}
        for number, (first, second) in enumerate(pairs):
            self._pairs.setdefault(second, []).append((number, first))
        self._cuts = cuts
        self._bypassed = bypassed
        self._kept = {first for first, _ in pairs} | set(cuts.values())
        self._place = place

    def run(self, inputs: list[Any], recorder: _eightbit.Recorder) -> None:
        kept: dict[fx.Node, torch.Tensor] = {}

        def keep(node: fx.Node, value: torch.Tensor) -> torch.Tensor:
            kept[node] = value.detach()
            return value

        def compare(node: fx.Node, value: torch.Tensor) -> torch.Tensor:
            for number, first in self._pairs.get(node, ()):
                recorder.compare(number, as_measured(kept[first]), as_measured(value))
            return kept[self._cuts[node]].to(value.dtype) if node in self._cuts else value

        placed = self._place(inputs)
        first, second = self._states
        run_graph(self._reference, placed, first, self._kept, keep)
        watched = {*self._pairs, *self._cuts}
        run_graph(self._other, placed, second, watched, compare, self._bypassed)
