"""Pictures out of files, as the simplified engine reads them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from eightbit import _eightbit
from eightbit.pot.api import DataLoader

_KEYS = ("data_source", "layout", "central_fraction")


class ImageLoader(DataLoader):
    """config: `data_source`, a folder, a .txt list or a glob of pictures; `layout`, NCHW, NHWC, CHW or HWC; `central_fraction`,
    the share of height and width in the middle that is left before pictures are resized.

    An item is an array without batch axis, u8, of BGR (of grey where the input has one channel), of the size of `shape`, which is
    the shape of the model's input: a tuple in which -1 stands for any size. Raises DataError and FileError for what cannot be
    read, InvalidArgument for a layout that is none.
    """

    def __init__(self, config: Mapping[str, Any]):
        super().__init__(config)
        self._shape: tuple[int, ...] | None = None
        self._open(self.config.get("layout"))

    def _open(self, layout: str | None) -> None:
        section = {key: self.config.get(key) for key in _KEYS} | {"layout": layout}
        self._layout = layout
        self._pictures = _eightbit.read_pot_pictures(json.dumps(section, default=str))

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, index: int) -> np.ndarray:
        """Raises IndexError beyond the end."""
        if not 0 <= index < len(self):
            raise IndexError(f"[pot] there is no picture {index}: there are {len(self)}.")
        shape = self._shape or (-1, 3, -1, -1)
        return self._pictures.read(index, list(shape))[0]

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[index] for index in range(len(self)))

    @property
    def shape(self) -> tuple[int, ...] | None:
        return self._shape

    @shape.setter
    def shape(self, shape: Sequence[Any]) -> None:
        """An openvino.PartialShape, too."""
        self._shape = tuple(_size(axis) for axis in shape)

    def get_layout(self, input_node: Any = None) -> None:
        """Where the configuration has no layout, that of the model's input counts (a node as `get_nodes_by_type` finds it), and
        where that has none, the axis that is 1 or 3 long."""
        if self.config.get("layout") or input_node is None:
            return
        own = str(input_node.node.layout).strip("[]").replace(",", "")
        if set("CHW") <= set(own):
            self._open(own)


def _size(axis: Any) -> int:
    """-1 of an axis whose size is not known."""
    if hasattr(axis, "is_dynamic"):
        return -1 if axis.is_dynamic else axis.get_length()
    return int(axis)
