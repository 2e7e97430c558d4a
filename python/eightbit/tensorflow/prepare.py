"""Models and datasets of TensorFlow on their way into the library, and back."""

from __future__ import annotations

import os
import time
from typing import Any

from eightbit import _eightbit
from eightbit.data.dataset import Dataset
from eightbit.errors import UnsupportedBackendError
from eightbit.external.samples import LOOKED_AT, Samples, first_of
from eightbit.parameters import Engine

try:
    import tensorflow  # noqa: F401
except ImportError:
    raise UnsupportedBackendError(
        "[tensorflow] the package tensorflow is missing. Install it with: pip install tensorflow"
    ) from None

from eightbit._logging import logger
from eightbit.tensorflow.capture import capture
from eightbit.tensorflow.engine import TensorFlowEngine
from eightbit.tensorflow.graph import Graph
from eightbit.tensorflow.loading import load
from eightbit.tensorflow.network import TensorFlowNetwork

_WITH_BODIES = ("If", "StatelessIf", "While", "StatelessWhile", "Case", "StatelessCase")


def needs_sample(model: Any) -> bool:
    """Most tell the shapes of their inputs; a sample tells those that they leave open."""
    return True


def prepare(
    where: str, model: Any, data: Any, engine: Engine = Engine.AUTO, subset_size: int = 1
) -> tuple[_eightbit.Model, Any]:
    """The library's handle of a model, and its dataset (or the Statistics that were passed)."""
    if engine == Engine.ONNXRUNTIME:
        raise UnsupportedBackendError(
            f"[{where}] ONNX Runtime does not measure models of TensorFlow. Choose Engine.OPENVINO, or leave `engine` out."
        )
    begin = time.perf_counter()
    samples = Samples(data) if isinstance(data, Dataset) else None
    first = _looked_at(samples, data, subset_size)
    model = load(model) if isinstance(model, (str, os.PathLike)) else model
    captured = capture(model, first)
    _tell_of_bodies(captured.graph)
    network = TensorFlowNetwork(captured)
    network.steps_before["capture"] = time.perf_counter() - begin
    native = _eightbit.wrap_network(network, TensorFlowEngine(engine))
    return native, samples.native(network.flatten) if samples else data


def _tell_of_bodies(graph: Graph) -> None:
    names = [node.name for node in graph.nodes if node.op in _WITH_BODIES]
    if names:
        logger.info("what is inside of %s stays in float", ", ".join(names))


def _looked_at(samples: Samples | None, data: Any, subset_size: int) -> list[Any]:
    """For the shapes of what is called, and inside of it; none for Statistics and saved recipes."""
    if samples is not None:
        return samples.first(min(subset_size, LOOKED_AT))
    return [first_of(data)] if isinstance(data, _eightbit.Dataset) else []


def prepare_two(
    models: tuple[Any, Any], data: Any, subset_size: int
) -> tuple[list[_eightbit.Model], Any]:
    """Two models that read the same dataset."""
    samples = Samples(data)
    first = samples.first(min(subset_size, LOOKED_AT))
    networks = [TensorFlowNetwork(capture(model, first)) for model in models]
    natives = [_eightbit.wrap_network(network, TensorFlowEngine()) for network in networks]
    return natives, samples.native(networks[0].flatten)
