"""The reference models with their samples, and how well outputs agree with the float model's."""

from __future__ import annotations

import itertools
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from make_inputs import (
    CALIBRATION,
    LINE_HEIGHT,
    LINE_WIDTH,
    characters,
    classifier,
    encoder,
    read_line,
)

# The targets of this project: quantization may take so many times the FP32 inference of the same samples.
TARGET_RATIO = {
    "openvino": {"efflite0": 2.3, "minilm": 1.45, "ocr_rec": 2.1},
    "onnxruntime": {"efflite0": 2.4, "minilm": 1.5, "ocr_rec": 2.1},
    "torch": {"efflite0": 1.8},
    "torch.compile": {"efflite0": 1.8, "minilm": 1.6},
    "tensorflow": {"efflite0": 3.0},
}
# The same, where OpenVINO measures for PyTorch and TensorFlow.
TARGET_RATIO_IN_OPENVINO = {
    "torch": {"efflite0": 0.7},
    "torch.compile": {"efflite0": 0.7, "minilm": 1.0},
    "tensorflow": {"efflite0": 3.0},
}
MODELS = tuple(TARGET_RATIO["openvino"])

_DATA = {
    "efflite0": ("images", 400, 700),
    "minilm": ("text", 400, 700),
    "ocr_rec": ("ocr", 300, 900),
}


@dataclass
class Case:
    name: str
    inputs: Path

    def __post_init__(self):
        file, self._first, self._last = _DATA[self.name]
        self.data_path = self.inputs / f"{file}.npz"
        arrays = dict(np.load(self.data_path))
        self._truth = arrays.pop("text", None)
        self._arrays = arrays
        self._keras = None

    @property
    def onnx(self) -> Path:
        return self.inputs / f"{self.name}.onnx"

    @property
    def ir(self) -> Path:
        return self.inputs / f"{self.name}.xml"

    @property
    def transformer(self) -> bool:
        return self.name == "minilm"

    def openvino_model(self):
        """As a user gets it: converted, and with fixed shapes."""
        import openvino as ov

        model = ov.convert_model(self.onnx)
        if self.name == "ocr_rec":
            model.reshape([1, 3, LINE_HEIGHT, LINE_WIDTH])
        return model

    def torch_module(self):
        """The network as its authors wrote it in PyTorch; there is none of ocr_rec."""
        return {"efflite0": classifier, "minilm": encoder}[self.name]()

    def exported_module(self):
        """The same as torch.export leaves it, with samples one by one."""
        import torch
        from runtime import tensors

        (example,) = self.calibration(1)
        return torch.export.export(self.torch_module(), tensors(example)).module()

    def keras_model(self):
        """The network in Keras 3, which only efflite0 is written in. It lives as long as the case: what OpenVINO converts
        reads its weights in the memory of TensorFlow."""
        if self._keras is None:
            sys.path.insert(0, str(Path(__file__).parents[1] / "examples" / "efficientnet_lite0"))
            import keras
            from network import efficientnet_lite0

            self._keras = efficientnet_lite0(keras)
        return self._keras

    def float_model(self, engine: str):
        """What the engine runs: an OpenVINO model, the path of the ONNX model as it is, a module of PyTorch or its graph, a
        Keras model."""
        if engine == "tensorflow":
            return self.keras_model()
        if engine == "torch":
            return self.torch_module()
        if engine == "torch.compile":
            return self.exported_module()
        return self.openvino_model() if engine == "openvino" else self.onnx

    def calibration(self, count: int = CALIBRATION) -> list[dict]:
        """`count` samples; beyond the 300 that there are, the same again."""
        samples = [self._sample(index) for index in range(min(count, CALIBRATION))]
        return list(itertools.islice(itertools.cycle(samples), count))

    def before_evaluation(self) -> list[dict]:
        """All samples that evaluation() does not have and calibration() may."""
        return [self._sample(index) for index in range(self._first)]

    def evaluation(self, limit: int | None = None) -> list[dict]:
        last = self._last if limit is None else min(self._last, self._first + limit)
        return [self._sample(index) for index in range(self._first, last)]

    def _sample(self, index: int) -> dict:
        return {name: array[index : index + 1] for name, array in self._arrays.items()}

    def score(self, reference: list, outputs: list) -> dict:
        """SQNR in dB; efflite0: share of equal top-1; ocr_rec: share of lines read right, spaces aside."""
        row = {"sqnr_db": sqnr(reference, outputs)}
        if self.name == "efflite0":
            row["task"] = float(
                np.mean([a.argmax() == b.argmax() for a, b in zip(reference, outputs, strict=True)])
            )
        if self.name == "ocr_rec":
            row["task_fp32"], row["task"] = self._read_right(reference), self._read_right(outputs)
        return row

    def _read_right(self, outputs: list) -> float:
        classes = characters(self.onnx)
        truth = self._truth[self._first : self._first + len(outputs)]
        lines = [read_line(output[0], classes) for output in outputs]
        return float(np.mean([same_letters(a, b) for a, b in zip(lines, truth, strict=True)]))


def same_letters(a: str, b: str) -> bool:
    return str(a).replace(" ", "") == str(b).replace(" ", "")


def sqnr(reference: list, outputs: list) -> float:
    signal = sum(float((a.astype(np.float64) ** 2).sum()) for a in reference)
    noise = sum(
        float(((a.astype(np.float64) - b) ** 2).sum())
        for a, b in zip(reference, outputs, strict=True)
    )
    return float("inf") if noise == 0 else 10 * float(np.log10(signal / noise))
