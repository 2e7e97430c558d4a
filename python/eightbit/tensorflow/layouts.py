"""Weights as TensorFlow stores them and as the op table sees them.

op                      stored              seen
Conv2D, Conv3D          [..., I, O]         [O, I, ...], with groups [G, O / G, I / G, ...]
DepthwiseConv2dNative   [H, W, C, M]        [C, M, 1, H, W]
Conv2DBackpropInput     [H, W, O, I]        [I, O, H, W]
products, tables        as they are
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from eightbit.tensorflow import op_map
from eightbit.tensorflow.graph import Node


@dataclass(frozen=True)
class Layout:
    """order: axes of the stored array, as the first step puts them. parts: of each of those, the axes that it is seen as, with
    their sizes: only the first of several is not given by the array."""

    order: tuple[int, ...]
    parts: tuple[tuple[int, ...], ...]
    groups: int = 1
    depthwise: bool = False

    def seen_shape(self, stored: Sequence[int]) -> list[int]:
        first, *rest = (stored[axis] for axis in self.order)
        if self.depthwise:
            return [first, rest[0], 1, *rest[1:]]
        return [first, *rest] if self.groups == 1 else [self.groups, first // self.groups, *rest]

    def seen(self, stored: np.ndarray) -> np.ndarray:
        moved = stored.transpose(self.order).reshape(self.seen_shape(stored.shape))
        return np.ascontiguousarray(moved)

    def stored(self, seen: np.ndarray, shape: Sequence[int]) -> np.ndarray:
        """shape: of the stored array."""
        moved = seen.reshape([shape[axis] for axis in self.order])
        return np.ascontiguousarray(moved.transpose(np.argsort(self.order)))

    def row(self, values: np.ndarray, axes: Sequence[int]) -> np.ndarray:
        """Numbers for the channels of `axes` of the seen array, row-major, laid over the stored array."""
        rank = sum(map(len, self.parts))
        sizes = dict(zip(axes, values.shape, strict=True))
        seen = [sizes.get(axis, 1) for axis in range(rank)]
        merged = [prod(seen[axis] for axis in part) for part in self.parts]
        return values.reshape(merged).transpose(np.argsort(self.order))


def plain(rank: int) -> Layout:
    """Seen as it is stored."""
    return Layout(tuple(range(rank)), tuple((axis,) for axis in range(rank)))


def layout_of(node: Node, rank: int) -> Layout:
    """Of the weight of a convolution."""
    spatial = tuple(range(rank - 2))
    order = (rank - 1, rank - 2, *spatial)
    if node.op == "DepthwiseConv2dNative":
        return Layout((2, 3, 0, 1), ((0,), (1, 2), (3,), (4,)), depthwise=True)
    groups = op_map.groups_of(node)
    if groups == 1:
        return Layout(order, tuple((axis,) for axis in range(rank)))
    return Layout(order, ((0, 1), *((axis + 1,) for axis in range(1, rank))), groups)
