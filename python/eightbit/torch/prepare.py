"""Models and datasets of PyTorch on their way into the library, and back."""

from __future__ import annotations

import time
from typing import Any

import torch

from eightbit import _eightbit
from eightbit.data.dataset import Dataset
from eightbit.errors import InvalidArgument, UnsupportedBackendError
from eightbit.external.samples import LOOKED_AT, Samples, first_of
from eightbit.parameters import Engine
from eightbit.torch.capture import capture, is_exported
from eightbit.torch.engine import TorchEngine
from eightbit.torch.network import TorchNetwork
from eightbit.torch.writing import Form


def needs_sample(model: Any) -> bool:
    """An nn.Module is exported with a sample; what is exported already needs none."""
    return not (is_exported(model) or isinstance(model, torch.export.ExportedProgram))


def prepare(
    where: str, model: Any, data: Any, engine: Engine = Engine.AUTO, subset_size: int = 1
) -> tuple[_eightbit.Model, Any]:
    """The library's handle of a model, and its dataset (or the Statistics that were passed)."""
    if engine == Engine.ONNXRUNTIME:
        raise UnsupportedBackendError(
            f"[{where}] ONNX Runtime does not measure models of PyTorch. Choose Engine.OPENVINO, or leave `engine` out."
        )
    exported = not needs_sample(model)
    samples = Samples(data) if isinstance(data, Dataset) else None
    if not exported and not isinstance(data, (Dataset, _eightbit.Dataset)):
        raise InvalidArgument(
            f"[{where}] an nn.Module is exported with the first sample of an eightbit.Dataset, and there is none. Pass "
            "torch.export.export(model, example_inputs).module()."
        )
    begin = time.perf_counter()
    if samples:
        first, *others = samples.first(1 if exported else min(subset_size, LOOKED_AT))
    else:
        first, others = None if exported else first_of(data), []
    captured = capture(model, first, others)
    form = Form.OPENVINO if exported else Form.MODULES
    network = TorchNetwork(captured, form)
    network.steps_before["capture"] = time.perf_counter() - begin
    native = _eightbit.wrap_network(network, TorchEngine(network, engine))
    return native, samples.native(network.flatten) if samples else data


def prepare_two(
    models: tuple[Any, Any], data: Any, subset_size: int
) -> tuple[list[_eightbit.Model], Any]:
    """Two models that read the same dataset."""
    samples = Samples(data)
    first, *others = samples.first(min(subset_size, LOOKED_AT))
    networks = [TorchNetwork(capture(model, first, others), Form.OPENVINO) for model in models]
    natives = [_eightbit.wrap_network(network, TorchEngine()) for network in networks]
    return natives, samples.native(networks[0].flatten)
