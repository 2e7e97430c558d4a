"""A captured model as the library runs and rewrites it (see include/eightbit/external.h)."""

from __future__ import annotations

from typing import Any

import torch
from torch import fx

from eightbit import _eightbit
from eightbit.parameters import Engine
from eightbit.scopes import IgnoredScope
from eightbit.torch.capture import largest_batch
from eightbit.torch.changes import changes_of, example_of
from eightbit.torch.openvino_engine import openvino_twin
from eightbit.torch.reading import Reading, read, shape_of
from eightbit.torch.scope import resolved
from eightbit.torch.session import CompareSession, ProbeSession, TapSession, run_graph
from eightbit.torch.signature import Signature
from eightbit.torch.tensors import DTYPES, from_library, set_tensor, states_of
from eightbit.torch.traceable import make_traceable
from eightbit.torch.writing import Form, carry_out


class TorchNetwork:
    """`form`: what quantizers become in the model that is returned. `requests`: called with the Reading, tells what is
    quantized; None leaves that to the target device. `engine`: what measures the float model."""

    backend = "torch"

    def __init__(
        self, module: fx.GraphModule, form: Form, requests: Any = None, engine: Engine = Engine.AUTO
    ):
        self.module = module
        self.form = form
        self.signature = Signature(module)
        self.reading: Reading | None = None
        self.stateful = bool(states_of(module))
        self.largest_batch = 1 if self.stateful else largest_batch(module)
        self.metadata: dict[str, str] = {}
        self.storage: dict[tuple[int, int], tuple[int, torch.dtype]] = {}
        self.config: dict[str, Any] = example_of(self.signature) if form is Form.MODULES else {}
        self.engine = engine
        self.steps_before: dict[
            str, float
        ] = {}  # seconds of what was done before the library was called
        self._twin: tuple[_eightbit.Model, dict[int, str]] | None = None
        self._requests = requests

    @property
    def inputs(self) -> list[_eightbit.PortInfo]:
        return [_port(self.signature.placeholders[place]) for place in self.signature.tensors]

    @property
    def outputs(self) -> list[_eightbit.PortInfo]:
        (output,) = self.module.graph.find_nodes(op="output")
        return [
            _port(node)
            for node in output.all_input_nodes
            if isinstance(node.meta.get("val"), torch.Tensor)
        ]

    def describe(self, description: _eightbit.Description) -> None:
        self.reading = read(self.module, description)

    def resolved(self, scope: IgnoredScope | None) -> IgnoredScope | None:
        """An ignored scope in the names of the description."""
        return resolved(scope, self.reading)

    def requests(self) -> list[_eightbit.QuantizerRequest] | None:
        return self._requests(self.reading) if self._requests else None

    def compile(self, request: _eightbit.Request) -> Any:
        if request.plan is not None and not request.comparisons:
            planned, twins = carry_out(self.module, self.reading, request.plan, Form.SIMULATED)
            probes = {
                twins[self.reading.nodes[probe.node]]: (number, probe.axis)
                for number, probe in enumerate(request.probes)
            }
            return ProbeSession(planned, probes, self._place)
        if request.comparisons:
            return self._comparison(request)
        taps: dict[fx.Node, list[int]] = {}
        for number, value in enumerate(request.taps):
            taps.setdefault(self.reading.values[value], []).append(number)
        return TapSession(self.module, taps, self._place)

    def _comparison(self, request: _eightbit.Request) -> CompareSession:
        if request.plan is not None:
            other, twins = carry_out(self.module, self.reading, request.plan, Form.SIMULATED)
            seconds = [twins.get(node) for node in self.reading.values]
            bypassed: set[fx.Node] = set()
        else:
            other, seconds = request.other.module, request.other.reading.values
            bypassed = {request.other.reading.nodes[number] for number in request.bypassed}
        firsts = self.reading.values
        pairs = [(firsts[first], seconds[second]) for first, second in request.comparisons]
        cuts = {seconds[second]: firsts[first] for first, second in request.cuts}
        cuts.pop(None, None)  # outputs that nobody reads
        return CompareSession(self.module, other, pairs, cuts, bypassed, self._place)

    def apply(self, instructions: _eightbit.Instructions, metadata: dict[str, str]) -> TorchNetwork:
        module, _ = carry_out(self.module, self.reading, instructions, self.form, self.storage)
        applied = TorchNetwork(module, self.form)
        if self.form is Form.MODULES:
            applied.config = {
                **self.config,
                "changes": [*self.config.get("changes", []), changes_of(instructions)],
            }
        applied.metadata = metadata
        return applied

    def infer(self, inputs: list[Any]) -> list[torch.Tensor]:
        results = run_graph(self.module, self._place(inputs), states_of(self.module))
        flat = results if isinstance(results, (tuple, list)) else [results]
        return [
            value.detach().cpu().contiguous() for value in flat if isinstance(value, torch.Tensor)
        ]

    def twin(self) -> tuple[_eightbit.Model, dict[int, str]] | None:
        if self.engine != Engine.OPENVINO or self.stateful:
            return None  # the twin would forget between samples
        if self._twin is None:
            self._twin = openvino_twin(self.module, self.reading.values)
        return self._twin

    def finished(self) -> fx.GraphModule:
        """The model that the caller gets: tensors of its own, in evaluation mode."""
        for name, tensor in [*self.module.named_parameters(), *self.module.named_buffers()]:
            own = tensor.detach().clone()
            set_tensor(self.module, name, own, isinstance(tensor, torch.nn.Parameter))
        if self.form is Form.MODULES:
            make_traceable(self.module)
        self.module.meta["eightbit"] = self.metadata
        if self.config:
            self.module.meta["eightbit_config"] = self.config
        return self.module.eval()

    def _place(self, inputs: list[Any]) -> list[Any]:
        tensors = [from_library(array) for array in inputs]
        devices = [
            self.signature.placeholders[place].meta["val"].device
            for place in self.signature.tensors
        ]
        return self.signature.place(
            [tensor.to(device) for tensor, device in zip(tensors, devices, strict=True)]
        )


def _port(node: fx.Node) -> _eightbit.PortInfo:
    value = node.meta["val"]
    return _eightbit.PortInfo(
        str(node.target if node.op == "placeholder" else node.name),
        DTYPES[value.dtype],
        shape_of(value),
    )
