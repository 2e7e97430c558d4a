"""Samples from anything that Python can iterate over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from eightbit import _eightbit
from eightbit.errors import InvalidArgument


class Dataset:
    """Data for calibration.

    data_source: any iterable: a list of arrays, a generator, a torch DataLoader, a tf.data.Dataset, a ray.data.Dataset, ... A call reads it
        once, lazily, front to back and only as far as it needs, so a generator that can be read only once will do.
    transform_func: makes the model's input of an item; None: the item is the input. An input is an array (for models
        with one input), a list or tuple of arrays (inputs in order) or a dict of input names and arrays. An array is a
        NumPy array, a torch tensor, an openvino.Tensor, or anything else with `__array__` or DLPack; for inputs of
        strings an array or list of them. Axis 0 may hold several samples.
        In a dict the key "nncf_reset_state" says whether a stateful model forgets its state before the sample;
        without it, it does before every sample.

    An exception of the source or of `transform_func` ends a call with a DataError that names the sample; the exception
    is its `__cause__`.
    """

    def __init__(
        self, data_source: Iterable[Any], transform_func: Callable[[Any], Any] | None = None
    ):
        if not any(hasattr(data_source, name) for name in ("__iter__", "__getitem__", "iter_rows")):
            raise InvalidArgument(
                f"[dataset] a {type(data_source).__name__} cannot be iterated over. Pass an iterable of samples, "
                "for example a list of arrays or a DataLoader."
            )
        if transform_func is not None and not callable(transform_func):
            raise InvalidArgument(
                f"[dataset] transform_func is a {type(transform_func).__name__}. Pass a function of one item, or None."
            )
        self._data_source = data_source
        self._transform_func = transform_func
        self._spent = False

    def get_data(self, indices: list[int] | None = None) -> Iterable[Any]:
        """The items of the source, as they are: all, or those at `indices`."""
        return _Items(self._data_source, None, indices)

    def get_inference_data(self, indices: list[int] | None = None) -> Iterable[Any]:
        """What the model is fed: the items after `transform_func`, all or those at `indices`."""
        return _Items(self._data_source, self._transform_func, indices)

    def get_length(self) -> int | None:
        """The number of items, or None where the source does not tell."""
        if not hasattr(self._data_source, "__len__"):
            return None
        try:
            return len(self._data_source)
        except TypeError:  # a DataLoader over an IterableDataset has __len__, and refuses
            return None

    def get_batch_size(self) -> int | None:
        """The `batch_size` of the source, where it has one. Samples are counted one by one; with recipe
        NNCF only where it is more than 1, else a batch is one sample, as there."""
        return getattr(self._data_source, "batch_size", None)

    def _native(self) -> _eightbit.Dataset:
        return _eightbit.Dataset.from_python(self._read_once, self.get_length())

    def _read_once(self) -> Iterator[Any]:
        spent, self._spent = self._spent, isinstance(self._data_source, Iterator)
        return _Reading(iter(self.get_inference_data()), spent)


class _Reading:
    """One reading, which keeps no item; says so when a generator has been used up by an earlier reading."""

    def __init__(self, items: Iterator[Any], spent: bool):
        self._items = items
        self._spent = spent

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            return next(self._items)
        except StopIteration:
            if self._spent:
                raise InvalidArgument(
                    "an earlier call has read this generator to its end. Make a new Dataset from a new generator, or "
                    "pass something that can be read again, such as a list."
                ) from None
            raise


def _rows_of(source: Any) -> Iterator[Any]:
    """Those of a ray.data.Dataset too, which is read through a method."""
    return iter(source) if hasattr(source, "__iter__") else iter(source.iter_rows())


class _Items:
    """Items of a source, transformed; each iteration reads the source again."""

    def __init__(self, source, transform, indices):
        self._source = source
        self._transform = transform
        self._indices = indices

    def __iter__(self) -> Iterator[Any]:
        items = _rows_of(self._source) if self._indices is None else self._chosen()
        return map(self._transform, items) if self._transform else items

    def _chosen(self) -> Iterator[Any]:
        """In the order of the request where the source has `__getitem__`, else in the order of the source."""
        if hasattr(self._source, "__getitem__"):
            yield from (self._source[index] for index in self._indices)
            return
        wanted = set(self._indices)
        last = max(wanted, default=-1)
        for index, item in enumerate(self._source):
            if index > last:
                return
            if index in wanted:
                yield item
