"""A captured model as the library runs and rewrites it (see include/eightbit/external.h)."""

from __future__ import annotations

from typing import Any

import torch
from torch import fx

from eightbit import _eightbit
from eightbit.external.changes import changes_of
from eightbit.external.network import Network
from eightbit.external.scope import resolved
from eightbit.scopes import IgnoredScope
from eightbit.torch.capture import largest_batch
from eightbit.torch.castable import castable
from eightbit.torch.changes import example_of
from eightbit.torch.reading import read, shape_of
from eightbit.torch.scope import aliases
from eightbit.torch.signature import Signature
from eightbit.torch.tensors import DTYPES, set_tensor, states_of
from eightbit.torch.traceable import make_traceable
from eightbit.torch.writing import Form, carry_out


class TorchNetwork(Network):
    """`form`: what quantizers become in the model that is returned. `requests`: called with the Reading, tells what is
    quantized; None leaves that to the target device."""

    backend = "torch"

    def __init__(self, module: fx.GraphModule, form: Form, requests: Any = None):
        super().__init__()
        self.module = module
        self.form = form
        self.signature = Signature(module)
        self.stateful = bool(states_of(module))
        self.largest_batch = 1 if self.stateful else largest_batch(module)
        self.storage: dict[tuple[int, int], tuple[int, torch.dtype]] = {}
        self.config: dict[str, Any] = example_of(self.signature) if form is Form.MODULES else {}
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
        return resolved(scope, self.reading, aliases(self.reading))

    def requests(self) -> list[_eightbit.QuantizerRequest] | None:
        return self._requests(self.reading) if self._requests else None

    @property
    def graph(self) -> fx.GraphModule:
        return self.module

    def planned(self, instructions: Any) -> tuple[fx.GraphModule, dict[fx.Node, fx.Node]]:
        return carry_out(self.module, self.reading, instructions, Form.SIMULATED)

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

    def flatten(self, item: Any, number: int) -> dict[str, torch.Tensor]:
        return self.signature.flatten(item, number)

    def zeros(self, value: int) -> torch.Tensor:
        """Of the shape of a value, by its number."""
        return torch.zeros(tuple(self.reading.values[value].meta["val"].shape))

    def finished(self) -> fx.GraphModule:
        """The model that the caller gets: tensors of its own, in evaluation mode."""
        for name, tensor in [*self.module.named_parameters(), *self.module.named_buffers()]:
            own = tensor.detach().clone()
            set_tensor(self.module, name, own, isinstance(tensor, torch.nn.Parameter))
        if self.form is Form.MODULES:
            make_traceable(self.module)
        else:
            self.module = castable(self.module)
        self.module.meta["eightbit"] = self.metadata
        if self.config:
            self.module.meta["eightbit_config"] = self.config
        return self.module.eval()


def _port(node: fx.Node) -> _eightbit.PortInfo:
    value = node.meta["val"]
    return _eightbit.PortInfo(
        str(node.target if node.op == "placeholder" else node.name),
        DTYPES[value.dtype],
        shape_of(value),
    )
