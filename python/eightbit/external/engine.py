"""What runs captured models and shows their values (see include/eightbit/external.h): the half that asks no framework."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from eightbit import _eightbit
from eightbit.errors import Unsupported
from eightbit.external.network import Network
from eightbit.external.sessions import CompareSession, ProbeSession, Run, TapSession, Tensors


class SessionEngine:
    """A framework's engine inherits it and adds `tensors`, `run_of`, `place` and `infer`."""

    tensors: Tensors

    def run_of(self, graph: Any, bypassed: Collection[Any] = ()) -> Run:
        """What runs a graph of this framework from its first state on. bypassed: nodes that hand on their first input."""
        raise NotImplementedError

    def watch_of(self, graph: Any) -> Run:
        """The same for those who only look: what `seen` returns is of no account."""
        return self.run_of(graph)

    def place(self, network: Any, inputs: list[Any]) -> list[Any]:
        """The framework's tensors of the library's, in the order of the network's inputs."""
        raise NotImplementedError

    def infer(self, network: Any, inputs: list[Any]) -> list[Any]:
        """The outputs in order, as the framework runs the network: on the host, contiguous."""
        raise NotImplementedError

    def twin(self, network: Any) -> tuple[_eightbit.Model, dict[int, str]] | None:
        """A model that measures faster, and its results by the numbers of the values."""
        return None

    def compile(self, network: Network, measurement: Any) -> Any:
        """A session. Raises Unsupported for what is not measured here."""
        match measurement:
            case _eightbit.Taps():
                return self._taps(network, measurement)
            case _eightbit.Probes():
                return self._probes(network, measurement)
            case _eightbit.PlanComparison():
                return self._plan_comparison(network, measurement)
            case _eightbit.NetworkComparison():
                return self._network_comparison(network, measurement)
        raise Unsupported(
            f"[measure] models of {network.backend} do not measure {type(measurement).__name__}."
        )

    def _taps(self, network: Network, measurement: _eightbit.Taps) -> TapSession:
        taps: dict[Any, list[int]] = {}
        for number, value in enumerate(measurement.values):
            taps.setdefault(network.reading.values[value], []).append(number)
        return TapSession(self.watch_of(network.graph), taps, self._placing(network), self.tensors)

    def _probes(self, network: Network, measurement: _eightbit.Probes) -> ProbeSession:
        planned, twins = network.planned(measurement.plan)
        probes = {
            twins[network.first_output(network.reading.nodes[probe.node])]: (number, probe.axis)
            for number, probe in enumerate(measurement.probes)
        }
        return ProbeSession(self.run_of(planned), probes, self._placing(network), self.tensors)

    def _plan_comparison(
        self, network: Network, measurement: _eightbit.PlanComparison
    ) -> CompareSession:
        planned, twins = network.planned(measurement.plan)
        seconds = [twins.get(value) for value in network.reading.values]
        return self._comparison(network, measurement, self.run_of(planned), seconds)

    def _network_comparison(
        self, network: Network, measurement: _eightbit.NetworkComparison
    ) -> CompareSession:
        other = measurement.other
        bypassed = {other.reading.nodes[number] for number in measurement.bypassed}
        run = self.run_of(other.graph, bypassed)
        return self._comparison(network, measurement, run, other.reading.values)

    def _comparison(
        self,
        network: Network,
        measurement: _eightbit.PlanComparison | _eightbit.NetworkComparison,
        run: Run,
        seconds: list[Any],
    ) -> CompareSession:
        firsts = network.reading.values
        pairs = [(firsts[first], seconds[second]) for first, second in measurement.comparisons]
        cuts = {seconds[second]: firsts[first] for first, second in measurement.cuts}
        cuts.pop(None, None)  # outputs that nobody reads
        return CompareSession(
            self.watch_of(network.graph), run, pairs, cuts, self._placing(network), self.tensors
        )

    def _placing(self, network: Network) -> Any:
        return lambda inputs: self.place(network, inputs)
