"""A captured model as the library runs and rewrites it (see include/eightbit/external.h): the half that asks no framework."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from eightbit import _eightbit
from eightbit.external.reading import Reading
from eightbit.external.sessions import CompareSession, ProbeSession, Run, TapSession, Tensors
from eightbit.parameters import Engine
from eightbit.scopes import IgnoredScope


class Network:
    """A framework's network inherits it and adds `backend`, `tensors`, `inputs`, `outputs`, `describe`, `apply`, `infer`,
    `finished`, and what stands below.

    engine: what measures the float model. steps_before: seconds of what was done before the library was called.
    largest_batch: how many samples may run together. stateful: whether a run leaves something for the next one.
    """

    backend: str
    tensors: Tensors

    def __init__(self, engine: Engine = Engine.AUTO):
        self.engine = engine
        self.reading: Reading | None = None
        self.stateful = False
        self.largest_batch = 1
        self.metadata: dict[str, str] = {}
        self.steps_before: dict[str, float] = {}

    def run_of(self, graph: Any, bypassed: Collection[Any] = ()) -> Run:
        """What runs a graph of this framework from its first state on. bypassed: nodes that hand on their first input."""
        raise NotImplementedError

    def place(self, inputs: list[Any]) -> list[Any]:
        """The framework's tensors of the library's, in the order of `inputs`."""
        raise NotImplementedError

    def watch_of(self, graph: Any) -> Run:
        """The same for those who only look: what `seen` returns is of no account."""
        return self.run_of(graph)

    @property
    def graph(self) -> Any:
        """What `run_of` takes."""
        raise NotImplementedError

    def planned(self, instructions: _eightbit.Instructions) -> tuple[Any, dict[Any, Any]]:
        """A copy of the graph that simulates a plan in float, and the twins of this graph's nodes and values in it."""
        raise NotImplementedError

    def first_output(self, node: Any) -> Any:
        """The value that a node computes."""
        return node

    def flatten(self, item: Any, number: int) -> dict[str, Any]:
        """The tensors of a sample by the names of the inputs. Raises DataError, which tells the number of the sample."""
        raise NotImplementedError

    def resolved(self, scope: IgnoredScope | None) -> IgnoredScope | None:
        """An ignored scope in the names of the description."""
        return scope

    def requests(self) -> list[_eightbit.QuantizerRequest] | None:
        """What is quantized; None leaves that to the target device."""
        return None

    def twin(self) -> tuple[_eightbit.Model, dict[int, str]] | None:
        """A model that measures faster, and its results by the numbers of the values."""
        return None

    def compile(self, request: _eightbit.Request) -> Any:
        if request.comparisons:
            return self._comparison(request)
        if request.plan is not None:
            return self._probing(request)
        taps: dict[Any, list[int]] = {}
        for number, value in enumerate(request.taps):
            taps.setdefault(self.reading.values[value], []).append(number)
        return TapSession(self.watch_of(self.graph), taps, self.place, self.tensors)

    def _probing(self, request: _eightbit.Request) -> ProbeSession:
        planned, twins = self.planned(request.plan)
        probes = {
            twins[self.first_output(self.reading.nodes[probe.node])]: (number, probe.axis)
            for number, probe in enumerate(request.probes)
        }
        return ProbeSession(self.run_of(planned), probes, self.place, self.tensors)

    def _comparison(self, request: _eightbit.Request) -> CompareSession:
        if request.plan is not None:
            other, twins = self.planned(request.plan)
            seconds = [twins.get(value) for value in self.reading.values]
            run = self.run_of(other)
        else:
            reading = request.other.reading
            seconds = reading.values
            bypassed = {reading.nodes[number] for number in request.bypassed}
            run = request.other.run_of(request.other.graph, bypassed)
        firsts = self.reading.values
        pairs = [(firsts[first], seconds[second]) for first, second in request.comparisons]
        cuts = {seconds[second]: firsts[first] for first, second in request.cuts}
        cuts.pop(None, None)  # outputs that nobody reads
        return CompareSession(self.watch_of(self.graph), run, pairs, cuts, self.place, self.tensors)
