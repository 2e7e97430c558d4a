"""A loop that tells how far it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from eightbit._progress import progress_line

Item = TypeVar("Item")


def track(
    sequence: Iterable[Item],
    description: str = "Working...",
    total: float | None = None,
    disable: bool = False,
    **looks: object,
) -> Iterator[Item]:
    """The items of `sequence`, with a progress line on stderr if that is a terminal.

    total: how many there are, where the sequence does not tell. looks: of NNCF's bar; there is one look here.
    """
    count = (
        int(total) if total is not None else len(sequence) if hasattr(sequence, "__len__") else 0
    )
    line = None if disable else progress_line()
    try:
        for done, item in enumerate(sequence, 1):
            yield item
            if line:
                line(description, done, count)
    finally:
        if line:
            line.close()
