"""Samples from files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from eightbit import _eightbit
from eightbit.errors import InvalidArgument

_TYPES = {
    "bool": "bool", "int8": "i8", "uint8": "u8", "int16": "i16", "uint16": "u16", "int32": "i32", "uint32": "u32",
    "int64": "i64", "uint64": "u64", "bfloat16": "bf16", "float16": "f16", "float32": "f32", "float64": "f64",
}  # fmt: skip


def open_files(
    source: str | os.PathLike,
    *,
    model: Any = None,
    mean: Sequence[float] = (),
    scale: Sequence[float] = (),
    resize: Sequence[int] = (),
    layout: str = "",
    color: str = "",
    sample_rate: int = 0,
    channel: int | None = None,
    length: int = 0,
    shape: Sequence[int] = (),
    dtype: str = "float32",
    input: str = "",
) -> _eightbit.Dataset:
    """Data for calibration from files: an image folder, a glob, a .txt list of files, sounds (.wav, .flac, .ogg), a .npy, a .npz (arrays named as
    the inputs, samples along axis 0), a folder of .npy or .npz (a sample each), a .bin or .raw file, or archives
    of Kaldi (.ark, .scp; of which each frame is a sample where the model takes [1, width]). Text: see `open_texts`.

    model: an openvino.Model or a path; its inputs decide the size of images that `resize` does not.
    mean, scale: images: per channel or one for all; pixels (0 to 255) become (pixel - mean) / scale.
    resize: images: (height, width).
    layout: images: "NCHW" (default) or "NHWC".
    color: images: "RGB" (default), "BGR" or "GRAY".
    sample_rate: sounds: Hz that they are turned to; 0 leaves them as they are.
    channel: sounds: which one, from 0; None takes the mean of all.
    length: sounds: samples that each is cut or filled with silence to; 0: the model's input decides, else whole.
    shape, dtype: raw files: shape of one sample with its batch axis, and NumPy's name of the element type.
    input: the model's input that the data is for, where it has several.

    Raises DataError naming the file, FileError, or InvalidArgument for an option without effect on such a source.
    """
    options = _eightbit.FileDatasetOptions()
    options.mean, options.scale = (
        [float(value) for value in mean],
        [float(value) for value in scale],
    )
    options.resize, options.shape = [int(size) for size in resize], [int(size) for size in shape]
    options.layout, options.color, options.input = layout, color, input
    options.sample_rate, options.channel, options.length = int(sample_rate), channel, int(length)
    options.dtype = _dtype(dtype)
    if model is not None:
        from eightbit._models import to_native_model  # which knows Datasets

        options.model_input_shapes = [port.shape for port in to_native_model(model).inputs()]
    return _eightbit.open_files(os.fspath(source), options)


def _dtype(name: Any) -> _eightbit.DType:
    """NumPy's name, the library's short name, or anything with a NumPy `name`."""
    text = str(getattr(name, "name", None) or getattr(name, "__name__", name))
    short = _TYPES.get(text, text)
    if short not in _TYPES.values():
        raise InvalidArgument(f"[open_files] dtype is {name!r}. Allowed are {', '.join(_TYPES)}.")
    return getattr(_eightbit.DType, short)
