"""The forms that items of a loader have, and the inputs of a model that are made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from eightbit.errors import DataError


@dataclass
class Item:
    data: Any
    annotation: Any = None
    metadata: Any = None
    sample_id: Any = None  # the item's index where the loader gives none


def is_old_order(item: Any, input_names: set[str]) -> bool:
    """((id, annotation), data[, metadata]) or ({id: annotation}, data[, metadata])."""
    if not isinstance(item, tuple) or len(item) < 2 or not _is_data(item[1]):
        return False
    first = item[0]
    if isinstance(first, Mapping):
        return len(first) == 1 and next(iter(first)) not in input_names
    return isinstance(first, tuple) and len(first) == 2


def read_item(item: Any, index: int, old_order: bool, whole: bool = False) -> Item:
    """whole: the item is the data. Raises DataError where it has not the form that the first one has."""
    if whole or not isinstance(item, tuple):
        return Item(item, sample_id=index)
    if not 2 <= len(item) <= 3:
        raise DataError(
            f"[pot] item {index} is a tuple of {len(item)}. Return (data, annotation) or (data, annotation, metadata)."
        )
    metadata = item[2] if len(item) == 3 else None
    if not old_order:
        return Item(item[0], item[1], metadata, index)
    named = item[0]
    if isinstance(named, Mapping):
        named = next(iter(named.items()))
    if not isinstance(named, tuple) or len(named) != 2:
        raise DataError(
            f"[pot] item {index} does not begin with (id, annotation), as the first item does. Return all in one form."
        )
    return Item(item[1], named[1], metadata, named[0])


def _is_data(value: Any) -> bool:
    if isinstance(value, Mapping):
        return len(value) > 0 and all(_is_array(one) for one in value.values())
    return _is_array(value)


def _is_array(value: Any) -> bool:
    return isinstance(value, (np.ndarray, list)) or hasattr(value, "__array__")


class Inputs:
    """The inputs of an openvino.Model, by all their names."""

    def __init__(self, model: Any):
        self._ports = list(model.inputs)
        self._by_name = {}
        for index, port in enumerate(self._ports):
            for name in (*port.names, port.node.friendly_name):
                self._by_name[name] = index

    @property
    def names(self) -> set[str]:
        return set(self._by_name)

    def fed(self, data: Any) -> dict[str, np.ndarray]:
        """What the model is given of an item's data, by names of inputs, each with its batch axis. Raises DataError."""
        return {
            self._ports[at].any_name: self._with_batch(np.asarray(array), self._ports[at])
            for at, array in self._arrays(data).items()
        }

    def _arrays(self, data: Any) -> dict[int, Any]:
        if isinstance(data, Mapping):
            unknown = [name for name in data if name not in self._by_name]
            if unknown:
                raise DataError(
                    f"[pot] there is no input {unknown[0]!r}. The model's inputs are: {', '.join(sorted(self.names))}."
                )
            return {self._by_name[name]: array for name, array in data.items()}
        several = isinstance(data, (list, tuple)) and len(self._ports) == len(data) > 1
        if several and all(_is_array(one) for one in data):
            return dict(enumerate(data))
        if len(self._ports) == 1:
            return {0: data}
        if len(self._ports) == 2:
            return self._with_image_info(data)
        raise DataError(
            f"[pot] the data are one array, and the model has {len(self._ports)} inputs. Return a dict of input names and "
            "arrays, or a list of arrays."
        )

    def _with_image_info(self, data: Any) -> dict[int, Any]:
        """Two inputs, of which one is told the size of the picture."""
        ranks = [port.partial_shape.rank for port in self._ports]
        flat = [at for at, rank in enumerate(ranks) if rank.is_static and rank.get_length() == 2]
        if len(flat) != 1:
            raise DataError(
                "[pot] the data are one array, and the model has two inputs, of which not exactly one is of rank 2 (height, "
                "width, channels). Return a dict of input names and arrays."
            )
        picture = np.asarray(data)
        *_, channels, height, width = (1, *picture.shape) if picture.ndim < 3 else picture.shape
        info = np.array([[height, width, channels]], np.float32)
        return {flat[0]: info, 1 - flat[0]: picture}

    def _with_batch(self, array: np.ndarray, port: Any) -> np.ndarray:
        shape = port.partial_shape
        if shape.rank.is_dynamic:
            return array
        rank = shape.rank.get_length()
        if array.ndim == rank - 1:
            array = array[None]
        fits = array.ndim == rank and all(
            dim.is_dynamic or dim.get_length() == size
            for dim, size in zip(shape, array.shape, strict=True)
        )
        if fits:
            return array
        channels = shape[1] if rank == 4 else None
        last = (
            channels is not None
            and channels.is_static
            and array.ndim >= 3
            and array.shape[-1] == channels.get_length()
        )
        hint = " Its last axis looks like channels: transpose it." if last else ""
        raise DataError(
            f"[pot] the shape is {list(array.shape)}, and the input '{port.any_name}' is {shape}.{hint}"
        )
