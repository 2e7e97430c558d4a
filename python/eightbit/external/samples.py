"""Samples for models that are captured with the first of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from eightbit import _eightbit
from eightbit.data.dataset import Dataset
from eightbit.errors import DataError, Error

LOOKED_AT = 16  # samples, for their sizes


class Samples:
    """A dataset that is looked into before it is read: its first item is what a model is captured with, and some more tell
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

    def native(self, flatten: Callable[[Any, int], dict[str, Any]]) -> _eightbit.Dataset:
        """Samples by the names of the graph's inputs. flatten: makes them of an item and its number."""

        def flat() -> Iterator[dict[str, Any]]:
            items = self._items or self._dataset._read_once()
            self._items = None
            return (flatten(item, number) for number, item in enumerate(items))

        return _eightbit.Dataset.from_python(flat, self._dataset.get_length())


def _raising(error: Exception) -> Iterator[Any]:
    raise error
    yield


def first_of(data: _eightbit.Dataset) -> Any:
    """The first sample of files."""
    inputs = next(data.open()).inputs
    return dict(inputs) if all(name for name, _ in inputs) else tuple(array for _, array in inputs)
