"""Models and datasets of PyTorch on their way into the library, and back."""

from __future__ import annotations

import itertools
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


class Samples:
    """A dataset that is looked into before it is read: its first item is what a model is exported with."""

    def __init__(self, dataset: Dataset):
        self._dataset = dataset
        self._items: Iterator[Any] | None = None

    def first(self) -> Any:
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
        self._items = itertools.chain([first], items)
        return first

    def native(self, signature: Signature) -> _eightbit.Dataset:
        """Samples by the names of the graph's inputs."""

        def flat() -> Iterator[dict[str, torch.Tensor]]:
            items = self._items or self._dataset._read_once()
            self._items = None
            return (signature.flatten(item, number) for number, item in enumerate(items))

        return _eightbit.Dataset.from_python(flat, self._dataset.get_length())


def prepare(
    where: str, model: Any, data: Any, engine: Engine = Engine.AUTO
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
    captured = capture(model, samples.first() if samples else None if exported else _first_of(data))
    form = Form.OPENVINO if exported else Form.MODULES
    network = TorchNetwork(captured, form, engine=engine)
    native = _eightbit.wrap_network(network)
    return native, samples.native(network.signature) if samples else data


def _first_of(data: _eightbit.Dataset) -> Any:
    """The first sample of files."""
    inputs = next(data.open()).inputs
    return dict(inputs) if all(name for name, _ in inputs) else tuple(array for _, array in inputs)


def prepare_two(models: tuple[Any, Any], data: Any) -> tuple[list[_eightbit.Model], Any]:
    """Two models that read the same dataset."""
    samples = Samples(data)
    first = samples.first()
    networks = [TorchNetwork(capture(model, first), Form.OPENVINO) for model in models]
    return [_eightbit.wrap_network(network) for network in networks], samples.native(
        networks[0].signature
    )
