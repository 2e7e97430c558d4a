"""Tables for terminals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


def create_table(header: Sequence[Any], rows: Iterable[Sequence[Any]], **looks: object) -> str:
    """The rows below a header, with lines around all cells. looks: of NNCF's tables; there is one look here."""
    lines = [[str(cell) for cell in row] for row in [header, *rows]]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rule = "+".join(["", *("-" * (width + 2) for width in widths), ""])
    parts = [rule]
    for row in lines:
        cells = [f" {cell:<{width}} " for cell, width in zip(row, widths, strict=True)]
        parts += ["|".join(["", *cells, ""]), rule]
    return "\n".join(parts)
