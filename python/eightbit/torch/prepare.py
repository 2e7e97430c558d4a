"""Models and datasets of PyTorch on their way into the library, and back."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import Any

import torch

from eightbit import _eightbit
from eightbit.data.dataset import Dataset
from eightbit.errors import DataError, Error, InvalidArgument, UnsupportedBackendError
from eightbit.parameters import Engine
from eightbit.torch.capture import capture, is_exported
from eightbit.torch.network import TorchNetwork
from eightbit.torch.signature import Signature
from eightbit.torch.writing import Form

_LOOKED_AT = 16  # samples, for their sizes


class Samples:
    """A dataset that is looked into before it is read: its first item is what a model is exported with, and some more tell
    which sizes differ."""

    def __init__(self, dataset: Dataset):
        self._dataset = dataset
        self._items: Iterator[Any] | None = None

    def first(self, count: int = 1) -> list[Any]:
        """Up to `count` items, at least one."""
        items = self._dataset._read_once()
        try:
            first = next(items)
        except StopIteration:
            raise DataError(
                "[dataset] the dataset gave no samples. Check that it is not empty and was not read before (a generator)."
            ) from None
        except Error:
            raise
        except Exception as error:
            raise DataError(
                f"[dataset] sample 0 could not be loaded: {type(error).__name__}: {error}"
            ) from error
        seen, later = [first], items
        try:
            for item in itertools.islice(items, count - 1):
                seen.append(item)
        except Exception as error:
            later = _raising(error)  # when its turn comes
        self._items = itertools.chain(seen, later)
        return seen

    def native(self, signature: Signature) -> _eightbit.Dataset:
        """Samples by the names of the graph's inputs."""

        def flat() -> Iterator[dict[str, torch.Tensor]]:
            items = self._items or self._dataset._read_once()
            self._items = None
            return (signature.flatten(item, number) for number, item in enumerate(items))

        return _eightbit.Dataset.from_python(flat, self._dataset.get_length())


def _raising(error: Exception) -> Iterator[Any]:
    raise error
    yield


def prepare(
    where: str, model: Any, data: Any, engine: Engine = Engine.AUTO, subset_size: int = 1
) -> tuple[_eightbit.Model, Any]:
    """The library's handle of a model, and its dataset (or the Statistics that were passed)."""
    if engine == Engine.ONNXRUNTIME:
        raise UnsupportedBackendError(
            f"[{where}] ONNX Runtime does not measure models of PyTorch. Choose Engine.OPENVINO, or leave `engine` out."
        )
    exported = is_exported(model) or isinstance(model, torch.export.ExportedProgram)
    samples = Samples(data) if isinstance(data, Dataset) else None
    if not exported and not isinstance(data, (Dataset, _eightbit.Dataset)):
        raise InvalidArgument(
            f"[{where}] an nn.Module is exported with the first sample of an eightbit.Dataset, and there is none. Pass "
            "torch.export.export(model, example_inputs).module()."
        )
    begin = time.perf_counter()
    if samples:
        first, *others = samples.first(1 if exported else min(subset_size, _LOOKED_AT))
    else:
        first, others = None if exported else _first_of(data), []
    captured = capture(model, first, others)
    form = Form.OPENVINO if exported else Form.MODULES
    network = TorchNetwork(captured, form, engine=engine)
    network.steps_before["capture"] = time.perf_counter() - begin
    native = _eightbit.wrap_network(network)
    return native, samples.native(network.signature) if samples else data


def _first_of(data: _eightbit.Dataset) -> Any:
    """The first sample of files."""
    inputs = next(data.open()).inputs
    return dict(inputs) if all(name for name, _ in inputs) else tuple(array for _, array in inputs)


def prepare_two(
    models: tuple[Any, Any], data: Any, subset_size: int
) -> tuple[list[_eightbit.Model], Any]:
    """Two models that read the same dataset."""
    samples = Samples(data)
    first, *others = samples.first(min(subset_size, _LOOKED_AT))
    networks = [TorchNetwork(capture(model, first, others), Form.OPENVINO) for model in models]
    return [_eightbit.wrap_network(network) for network in networks], samples.native(
        networks[0].signature
    )
