#!/usr/bin/env python3
"""Quantizes a trained YOLOv8n (the package nudenet ships it as ONNX), by default and with accuracy control: at most 1 % of the float
model's boxes may get lost.

    python examples/detection/quantize.py OUT [--pictures N] [--json]

Writes int8.onnx and controlled.onnx into OUT, and prints how many boxes they share with the float model on other pictures.
"""

import argparse
import json
import sys
import time
from importlib.metadata import distribution
from pathlib import Path

import eightbit
import numpy as np
import onnx
import onnxruntime
from PIL import Image

sys.path.append(str(Path(__file__).parents[1] / "face_cascade"))
from pictures import picture

MODEL = distribution("nudenet").locate_file("nudenet/320n.onnx")
SIDE = 320
LEAST_SCORE, MOST_OVERLAP = 0.25, 0.45


def sample(seed: int) -> np.ndarray:
    """[1, 3, 320, 320] of RGB from 0 to 1: a picture with faces, which are one of the classes; black below or beside it."""
    image = Image.fromarray(picture(seed))
    image.thumbnail((SIDE, SIDE))
    canvas = Image.new("RGB", (SIDE, SIDE))
    canvas.paste(image)
    return np.asarray(canvas, np.float32).transpose(2, 0, 1)[None] / 255


def boxes(output: np.ndarray) -> np.ndarray:
    """[n, 5] of left, top, right, bottom and class, of the model's output [1, 4 + classes, places]."""
    rows = output[0].T
    scores = rows[:, 4:].max(1)
    rows, scores = rows[scores >= LEAST_SCORE], scores[scores >= LEAST_SCORE]
    corners = np.concatenate([rows[:, :2] - rows[:, 2:4] / 2, rows[:, :2] + rows[:, 2:4] / 2], 1)
    found = np.concatenate([corners, rows[:, 4:].argmax(1)[:, None]], 1)
    order, keep = np.argsort(-scores), []
    while len(order):
        best, order = order[0], order[1:]
        keep.append(best)
        order = order[overlaps(found[best], found[order]) <= MOST_OVERLAP]
    return found[keep]


def overlaps(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersections over unions."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:4], others[:, 2:4])
    shared = np.prod(np.clip(high - low, 0, None), 1)
    area, areas = np.prod(box[2:4] - box[:2]), np.prod(others[:, 2:4] - others[:, :2], 1)
    return shared / (area + areas - shared)


def matched(reference: np.ndarray, found: np.ndarray) -> float:
    """The share of boxes of either that have a partner of their class in the other, at half an overlap. 1 where both are empty."""
    if not len(reference) and not len(found):
        return 1.0
    pairs = 0
    left = list(range(len(found)))
    for box in reference:
        same = [
            i for i in left if found[i, 4] == box[4] and overlaps(box, found[i : i + 1])[0] >= 0.5
        ]
        if same:
            left.remove(max(same, key=lambda i: overlaps(box, found[i : i + 1])[0]))
            pairs += 1
    return 2 * pairs / (len(reference) + len(found))


def boxes_of(model: onnx.ModelProto | str, samples: list) -> list[np.ndarray]:
    content = model if isinstance(model, str) else model.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return [boxes(session.run(None, {name: one})[0]) for one in samples]


def share(model: onnx.ModelProto, samples: list, reference: list) -> float:
    pairs = zip(reference, boxes_of(model, samples), strict=True)
    return float(np.mean([matched(before, after) for before, after in pairs]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--pictures", type=int, default=60)
    parser.add_argument("--json", action="store_true", help="figures as one line of JSON")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    seen, held, unseen = (
        [sample(first + seed) for seed in range(arguments.pictures)] for first in (0, 5_000, 10_000)
    )
    of_held = boxes_of(str(MODEL), held)

    def validate(model: onnx.ModelProto, items) -> tuple[float, list[float]]:
        numbers = [int(number) for number in items]
        found = boxes_of(model, [held[number] for number in numbers])
        shares = [matched(of_held[n], one) for n, one in zip(numbers, found, strict=True)]
        return float(np.mean(shares)), shares

    begin = time.perf_counter()
    plain = eightbit.quantize(str(MODEL), eightbit.Dataset(seen))
    plain_seconds = time.perf_counter() - begin
    result = eightbit.AccuracyResult()
    controlled = eightbit.quantize_with_accuracy_control(
        str(MODEL),
        eightbit.Dataset(seen),
        eightbit.Dataset(range(len(held)), lambda number: held[int(number)]),
        validate,
        max_drop=0.01,
        result=result,
    )
    onnx.save(plain, arguments.out / "int8.onnx")
    onnx.save(controlled, arguments.out / "controlled.onnx")
    reference = boxes_of(str(MODEL), unseen)
    figures = {
        "boxes": sum(map(len, reference)),
        "matched_int8": share(plain, unseen, reference),
        "matched_controlled": share(controlled, unseen, reference),
        "quantizers_kept": result.quantizers / result.all_quantizers,
        "quantize_seconds": plain_seconds,
        "control_seconds": time.perf_counter() - begin - plain_seconds,
    }
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, figure in figures.items():
        print(f"{name:>20}  {round(figure, 3)}")


if __name__ == "__main__":
    main()
