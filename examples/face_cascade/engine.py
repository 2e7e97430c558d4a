"""An engine for the cascade, as it was written for POT, and what it needs for accuracy control: `mtcnn.json` names `engine_of`."""

from __future__ import annotations

import numpy as np
import openvino
from cascade import find_faces, overlaps
from eightbit import pot
from pictures import picture

F32 = {"INFERENCE_PRECISION_HINT": "f32"}


class Pictures(pot.DataLoader):
    """Whole pictures, and the faces on them where they are known."""

    def __init__(self, pictures: list, faces: list | None = None):
        self._pictures, self._faces = pictures, faces

    def __len__(self):
        return len(self._pictures)

    def __getitem__(self, index):
        return self._pictures[index], self._faces[index] if self._faces else None


class FacesFound(pot.Metric):
    """Of the faces that are known: the share that is found again, and how much of each the box that is found covers (IoU)."""

    def reset(self):
        self._best = []

    def update(self, output, target):
        self._last = [
            best_overlaps(faces, found) for faces, found in zip(target, output, strict=True)
        ]
        self._best += self._last

    @property
    def value(self):
        return {name: [one(best) for best in self._last] for name, one in MEASURES.items()}

    @property
    def avg_value(self):
        return {name: one(np.concatenate(self._best)) for name, one in MEASURES.items()}

    def get_attributes(self):
        return {name: {"direction": "higher-better", "type": name} for name in MEASURES}


MEASURES = {
    "found_again": lambda best: float(np.mean(best >= 0.5)) if len(best) else 1.0,
    "overlap": lambda best: float(np.mean(best)) if len(best) else 1.0,
}


class CascadeEngine(pot.IEEngine):
    def set_model(self, model):
        self._model = self._set_model(model)

    def _predict(self, stats_layout, sampler, print_progress=False, need_metrics_per_sample=False):
        networks = [self._ie.compile_model(part["model"], "CPU", F32) for part in self._model]
        for batch in sampler:
            annotations, pictures, _ = self._process_batch(batch)
            for one in pictures:
                faces = find_faces(one, *networks)
                self._update_metrics([faces], annotations, need_metrics_per_sample)


def engine_of(config) -> CascadeEngine:
    """config: `pictures`, how many, and `networks`, the paths of the float ones: what they find is what must be found again."""
    pictures = [picture(seed) for seed in range(config.pictures)]
    floats = [openvino.compile_model(path, "CPU", F32) for path in config.networks]
    faces = [find_faces(one, *floats) for one in pictures]
    return CascadeEngine(config, Pictures(pictures, faces), FacesFound())


def best_overlaps(faces: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Of each face with any of the others, 0 to 1."""
    return np.array([overlaps(face, others).max() if len(others) else 0.0 for face in faces])


def found_again(faces: list, others: list) -> float:
    """The share of `faces`, a list a picture, that one of `others` overlaps by half or more."""
    best = [best_overlaps(here, there) for here, there in zip(faces, others, strict=True)]
    return float(np.mean(np.concatenate(best) >= 0.5))
