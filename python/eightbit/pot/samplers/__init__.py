"""Which items of a loader are taken, in what order and batches."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any


class Sampler:
    """An iterable of batches; `len` is the number of samples. May be iterated again."""

    def __init__(self, data_loader: Any = None, batch_size: int = 1, subset_indices: Any = None):
        self._data_loader = data_loader
        self.batch_size = batch_size
        self.indices = list(range(len(data_loader)) if subset_indices is None else subset_indices)

    def __len__(self) -> int:
        return len(self.indices)

    def batches(self) -> Iterator[list[int]]:
        """The indices of each batch."""
        for first in range(0, len(self.indices), self.batch_size):
            yield self.indices[first : first + self.batch_size]

    def __iter__(self) -> Iterator[Any]:
        for batch in self.batches():
            yield Batch(batch, [self._data_loader[index] for index in batch])


class Batch(list):
    """Items, and at `indices` where they stand in their loader."""

    def __init__(self, indices: Sequence[int], items: Sequence[Any]):
        super().__init__(items)
        self.indices = list(indices)


class BatchSampler(Sampler):
    """Lists of items."""


class IndexSampler(Sampler):
    """Indices, one by one."""

    def __init__(self, subset_indices: Sequence[int]):
        super().__init__(subset_indices=subset_indices)

    def __iter__(self) -> Iterator[int]:
        return iter(self.indices)


def create_sampler(
    engine: Any,
    samples: int | Sequence[int],
    shuffle_data: bool = False,
    seed: int = 0,
    batch_size: int = 1,
) -> BatchSampler:
    """samples: how many, or which. With `shuffle_data` so many are drawn, by `seed`."""
    loader = engine.data_loader
    return BatchSampler(loader, batch_size, chosen(len(loader), samples, shuffle_data, seed))


def chosen(total: int, samples: int | Sequence[int], shuffle: bool, seed: int) -> list[int]:
    if not isinstance(samples, int):
        return [int(index) for index in samples]
    count = min(samples, total)
    if shuffle:
        return random.Random(seed).sample(range(total), count)
    return list(range(count))
