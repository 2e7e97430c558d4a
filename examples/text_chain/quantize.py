#!/usr/bin/env python3
"""Quantizes a chain of three models by running it: PP-OCRv4 of the package rapidocr-onnxruntime finds lines of text on a page,
turns those that stand on their head, and reads them. What the second and third model are given is made of what the first one
found, by code of the package's own, which eightbit does not know.

    python examples/text_chain/quantize.py OUT [--pages N] [--json]

Writes det.onnx, cls.onnx and rec.onnx in 8 bits into OUT, and prints what the chain reads with them, and what watching cost.
"""

import argparse
import json
import random
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import eightbit
import numpy as np
import onnx
import onnxruntime
import rapidocr_onnxruntime
from rapidocr_onnxruntime import RapidOCR

FONTS = [cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX]
WORDS = Path("/usr/share/common-licenses/GPL-3").read_text().split()
MODELS = {
    "det": "ch_PP-OCRv4_det_infer.onnx",
    "cls": "ch_ppocr_mobile_v2.0_cls_infer.onnx",
    "rec": "ch_PP-OCRv4_rec_infer.onnx",
}


def page(seed: int) -> tuple[np.ndarray, list[str]]:
    """A drawn page, and the words on it in order."""
    rng = random.Random(seed)
    height, width = rng.choice([(320, 480), (400, 640), (480, 480)])
    picture = np.full((height, width, 3), rng.randint(200, 255), np.uint8)
    words = []
    for top in range(50, height - 20, 60):
        line = [word for word in rng.choices(WORDS, k=3) if word.isalpha()]
        scale, ink = rng.uniform(0.7, 1.0), tuple(rng.randint(0, 90) for _ in range(3))
        text = " ".join(line)
        cv2.putText(picture, text, (20, top), rng.choice(FONTS), scale, ink, 2, cv2.LINE_AA)
        words += line
    return picture, words


def sessions(models: dict) -> list[onnxruntime.InferenceSession]:
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3
    content = (m if isinstance(m, str) else m.SerializeToString() for m in models.values())
    return [onnxruntime.InferenceSession(one, settings) for one in content]


def reader(detector, classifier, recognizer) -> Callable[[np.ndarray], list[str]]:
    """The package's chain over these, each of which is run as an onnxruntime.InferenceSession."""
    chain = RapidOCR()
    chain.text_det.infer.session = detector
    chain.text_cls.infer.session = classifier
    chain.text_rec.session.session = recognizer

    def read(picture: np.ndarray) -> list[str]:
        found, _ = chain(picture)
        return [word for line in found or [] for word in line[1].split()]

    return read


def read_right(read: Callable, pages: list) -> float:
    """The share of words that are found."""
    right = total = 0
    for picture, words in pages:
        found = read(picture)
        right += sum(word in found for word in words)
        total += len(words)
    return right / total


def seconds(read: Callable, pages: list) -> float:
    begin = time.perf_counter()
    for picture, _ in pages:
        read(picture)
    return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--pages", type=int, default=40)
    parser.add_argument("--json", action="store_true", help="figures as one line of JSON")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    folder = Path(rapidocr_onnxruntime.__file__).parent / "models"
    models = {name: str(folder / file) for name, file in MODELS.items()}
    seen = [page(seed) for seed in range(arguments.pages)]
    unseen = [page(10_000 + seed) for seed in range(arguments.pages)]

    floats = reader(*sessions(models))
    floats(seen[0][0])  # what the first run sets up is not the chain's time
    plain = seconds(floats, seen)

    with eightbit.observe(*models.values(), subset_size=1000) as observers:
        watched = seconds(reader(*observers), seen)
        begin = time.perf_counter()
        quantized = [observer.quantize() for observer in observers]
        after = time.perf_counter() - begin
    for name, model in zip(models, quantized, strict=True):
        onnx.save(model, arguments.out / f"{name}.onnx")

    integers = reader(*sessions(dict(zip(models, quantized, strict=True))))
    figures = {
        "read_right_float": read_right(floats, unseen),
        "read_right_int8": read_right(integers, unseen),
        "plain_seconds": plain,
        "watched_over_plain": watched / plain,
        "quantize_seconds": after,
        "samples": [observer.samples for observer in observers],
        "int8_speed": seconds(floats, unseen) / seconds(integers, unseen),
    }
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, figure in figures.items():
        print(f"{name:>20}  {figure if isinstance(figure, list) else round(figure, 3)}")


if __name__ == "__main__":
    main()
