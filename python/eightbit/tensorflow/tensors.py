"""Tensors of TensorFlow, of NumPy and of the library."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf


class _WithDlpack:
    """The library hands out bare capsules, which np.from_dlpack does not take."""

    def __init__(self, capsule: Any):
        self._capsule = capsule

    def __dlpack__(self, **_: Any) -> Any:
        return self._capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0  # the host


def from_library(array: Any) -> np.ndarray:
    """An object of the library as an array over its memory."""
    if hasattr(array, "__dlpack__") or isinstance(array, np.ndarray):
        return np.asarray(array)
    return np.from_dlpack(_WithDlpack(array))


class TensorFlowTensors:
    """See eightbit.external.sessions.Tensors."""

    def measured(self, tensor: tf.Tensor | np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(tensor, np.float32)

    def from_library(self, array: Any) -> np.ndarray:
        return from_library(array)

    def plus(self, tensor: tf.Tensor, row: np.ndarray) -> tf.Tensor:
        return tensor + tf.cast(row, tensor.dtype)

    def like(self, tensor: tf.Tensor, other: tf.Tensor) -> tf.Tensor:
        return tf.cast(tensor, other.dtype)

    def kept(self, tensor: tf.Tensor) -> tf.Tensor:
        return tensor
