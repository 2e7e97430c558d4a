"""PyTorch as what runs captured models (see include/eightbit/external.h)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import torch
from torch import fx

from eightbit import _eightbit
from eightbit.external.engine import SessionEngine
from eightbit.external.sessions import Run
from eightbit.parameters import Engine
from eightbit.torch.network import TorchNetwork
from eightbit.torch.openvino_engine import openvino_twin
from eightbit.torch.session import TorchTensors, run_graph
from eightbit.torch.tensors import from_library, states_of


class TorchEngine(SessionEngine):
    """`measured`: the network that OpenVINO measures, where `choice` says so. What becomes of it runs in PyTorch."""

    tensors = TorchTensors()

    def __init__(self, measured: TorchNetwork | None = None, choice: Engine = Engine.AUTO):
        self._measured = measured if choice == Engine.OPENVINO else None
        self._twin: tuple[_eightbit.Model, dict[int, str]] | None = None

    def run_of(self, graph: fx.GraphModule, bypassed: Collection[fx.Node] = ()) -> Run:
        states = states_of(graph)

        def run(inputs: list[Any], watched: Collection[fx.Node], seen: Any) -> None:
            run_graph(graph, inputs, states, watched, seen, bypassed)

        return run

    def place(self, network: TorchNetwork, inputs: list[Any]) -> list[Any]:
        signature = network.signature
        devices = [signature.placeholders[place].meta["val"].device for place in signature.tensors]
        tensors = [from_library(array) for array in inputs]
        return signature.place(
            [tensor.to(device) for tensor, device in zip(tensors, devices, strict=True)]
        )

    def infer(self, network: TorchNetwork, inputs: list[Any]) -> list[torch.Tensor]:
        module = network.module
        results = run_graph(module, self.place(network, inputs), states_of(module))
        flat = results if isinstance(results, (tuple, list)) else [results]
        return [
            value.detach().cpu().contiguous() for value in flat if isinstance(value, torch.Tensor)
        ]

    def twin(self, network: TorchNetwork) -> tuple[_eightbit.Model, dict[int, str]] | None:
        if network is not self._measured or network.stateful:
            return None  # the twin would forget between samples
        if self._twin is None:
            self._twin = openvino_twin(network.module, network.reading.values)
        return self._twin
