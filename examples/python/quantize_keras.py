#!/usr/bin/env python3
"""Quantizes a Keras model on a folder of pictures, and runs it in OpenVINO beside the float one.

    python examples/python/quantize_keras.py PICTURES [MODEL.keras] [OUT]

MODEL: takes pictures of one size, three channels, -1 to 1. Without it MobileNetV2 is made, with random weights: its speed is
that of a trained one. OUT: a folder, for a SavedModel with weights in int8. Needs tensorflow, keras and pillow.
"""

import sys
import time
from pathlib import Path

import eightbit as eb
import keras
import numpy as np
import openvino as ov
import tensorflow as tf
from PIL import Image

SIDE = 160


def mobilenet_v2() -> keras.Model:
    keras.utils.set_random_seed(0)
    return keras.applications.MobileNetV2((SIDE, SIDE, 3), weights=None, classes=10)


def pictures(folder: Path, size: tuple[int, int]) -> tf.data.Dataset:
    """Batches of one picture and its name."""
    paths = sorted(path for path in folder.iterdir() if path.is_file())

    def read():
        for path in paths:
            picture = Image.open(path).convert("RGB").resize(size[::-1])
            yield np.asarray(picture, np.float32) / 127.5 - 1, path.name

    spec = (tf.TensorSpec((*size, 3), tf.float32), tf.TensorSpec((), tf.string))
    return tf.data.Dataset.from_generator(read, output_signature=spec).batch(1)


def transform_fn(item):
    picture, _ = item
    return picture


def milliseconds(model: ov.CompiledModel, x: np.ndarray, rounds: int = 20) -> float:
    best = float("inf")
    for _ in range(rounds):
        begin = time.perf_counter()
        model(x)
        best = min(best, time.perf_counter() - begin)
    return best * 1000


def main(arguments: list[str]) -> None:
    folder = Path(arguments[0])
    model = keras.models.load_model(arguments[1]) if len(arguments) > 1 else mobilenet_v2()
    data = pictures(folder, model.input_shape[1:3])
    quantized = eb.quantize(model, eb.Dataset(data, transform_fn))

    x = next(iter(data))[0].numpy()
    compiled = [ov.compile_model(ov.convert_model(each), "CPU") for each in (model, quantized)]
    before, after = (milliseconds(each, x) for each in compiled)
    layers = eb.inspect(ov.convert_model(quantized), x).layers
    kinds = [layer for layer in layers if layer.type in ("Convolution", "FullyConnected")]
    whole = sum(layer.precision in ("i8", "u8") for layer in kinds)
    print(
        f"{whole} of {len(kinds)} layers in integers, {before:.1f} ms before, {after:.1f} ms after"
    )

    if len(arguments) > 2:
        tf.saved_model.save(eb.strip(quantized), arguments[2])


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 4:
        sys.exit(__doc__)
    main(sys.argv[1:])
