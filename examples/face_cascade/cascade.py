"""How the three networks find faces: the first one looks at a pyramid of sizes of the whole picture, the others at what is left.

`pnet`, `rnet` and `onet` are anything that is called with an array and returns results by name: compiled models, or observers of
them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

SMALLEST = 24  # pixels of a face
SHRINK = 0.709  # from one size to the next
THRESHOLDS = (0.6, 0.7, 0.7)
CELL, STRIDE = 12, 2  # of the first network: what it sees, and how it steps


def find_faces(picture: np.ndarray, pnet: Callable, rnet: Callable, onet: Callable) -> np.ndarray:
    """Faces [n, 5] of left, top, right, bottom and score. picture: [height, width, 3] of RGB, 0 to 255."""
    found = [_at_scale(pnet, level, scale) for level, scale in pyramid(picture)]
    boxes = np.concatenate([np.zeros((0, 9)), *found])
    boxes = _moved(boxes[kept(boxes, 0.7)])
    for network, side, threshold in ((rnet, 24, THRESHOLDS[1]), (onet, 48, THRESHOLDS[2])):
        boxes = _squares(boxes)
        if not len(boxes):
            return np.zeros((0, 5))
        results = network(np.stack([normal(crop(picture, box, side)) for box in boxes]))
        scores = results["face"][:, 1]
        boxes = np.concatenate([boxes[:, :4], scores[:, None], results["box"]], 1)
        boxes = boxes[scores > threshold]
        if network is rnet:
            boxes = boxes[kept(boxes, 0.7)]
        boxes = _moved(boxes)
    return boxes[kept(boxes, 0.7, of_smaller=True)]


def pyramid(picture: np.ndarray) -> Iterator[tuple[np.ndarray, float]]:
    height, width = picture.shape[:2]
    scale = CELL / SMALLEST
    while min(height, width) * scale >= CELL:
        size = (round(width * scale), round(height * scale))
        level = Image.fromarray(picture).resize(size, Image.Resampling.BOX)
        yield normal(np.asarray(level))[None], scale
        scale *= SHRINK


def normal(picture: np.ndarray) -> np.ndarray:
    """[3, height, width] as the networks take it."""
    return ((picture.astype(np.float32) - 127.5) / 128).transpose(2, 0, 1)


def crop(picture: np.ndarray, box: np.ndarray, side: int) -> np.ndarray:
    """What is beyond the picture's edge is black."""
    image = Image.fromarray(picture).crop(tuple(int(v) for v in box[:4]))
    return np.asarray(image.resize((side, side), Image.Resampling.BILINEAR))


def kept(boxes: np.ndarray, most: float, of_smaller: bool = False) -> list[int]:
    """Of boxes that overlap by more than `most` of their union (or of the smaller one) the one with the best score."""
    order, keep = np.argsort(-boxes[:, 4]), []
    while len(order):
        best, order = order[0], order[1:]
        keep.append(int(best))
        order = order[overlaps(boxes[best], boxes[order], of_smaller) <= most]
    return keep


def overlaps(box: np.ndarray, others: np.ndarray, of_smaller: bool = False) -> np.ndarray:
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:4], others[:, 2:4])
    shared = np.prod(np.clip(high - low, 0, None), 1)
    area, areas = np.prod(box[2:4] - box[:2]), np.prod(others[:, 2:4] - others[:, :2], 1)
    return shared / (np.minimum(area, areas) if of_smaller else area + areas - shared)


def _at_scale(pnet: Callable, level: np.ndarray, scale: float) -> np.ndarray:
    """Boxes [n, 9]: corners in the picture, score, and how the corners are to be moved."""
    results = pnet(level)
    scores = results["face"][0, 1]
    rows, columns = np.nonzero(scores >= THRESHOLDS[0])
    corner = STRIDE * np.stack([columns, rows], 1)
    low, high = corner / scale, (corner + CELL) / scale
    moves = results["box"][0][:, rows, columns].T
    boxes = np.concatenate([low, high, scores[rows, columns][:, None], moves], 1)
    return boxes[kept(boxes, 0.5)]


def _moved(boxes: np.ndarray) -> np.ndarray:
    """Corners moved by shares of the box's size."""
    size = np.tile(boxes[:, 2:4] - boxes[:, :2], 2)
    return np.concatenate([boxes[:, :4] + boxes[:, 5:9] * size, boxes[:, 4:5]], 1)


def _squares(boxes: np.ndarray) -> np.ndarray:
    center = (boxes[:, :2] + boxes[:, 2:4]) / 2
    half = (boxes[:, 2:4] - boxes[:, :2]).max(1, keepdims=True) / 2
    return np.concatenate([center - half, center + half, boxes[:, 4:]], 1)
