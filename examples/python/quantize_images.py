"""Quantizes an image model with the pictures of a folder, compares it with the float model and saves it.

python quantize_images.py MODEL.xml PICTURES OUT.xml           needs: pip install pillow
"""

import sys
from pathlib import Path

import eightbit as eb
import numpy as np
import openvino as ov
from PIL import Image

MEAN, SCALE = 127.0, 128.0


def main(model_path: str, pictures: str, target: str) -> None:
    model = ov.Core().read_model(model_path)
    height, width = model.input(0).shape[2:]

    def prepare(path: Path) -> np.ndarray:
        image = Image.open(path).convert("RGB").resize((width, height), Image.BILINEAR)
        return ((np.asarray(image, np.float32) - MEAN) / SCALE).transpose(2, 0, 1)[None]

    files = sorted(Path(pictures).iterdir())
    report = eb.Report()
    quantized = eb.quantize(model, eb.Dataset(files, prepare), report=report)
    ov.save_model(quantized, target)

    for output in eb.compare(model, quantized, eb.Dataset(files, prepare)).outputs:
        print(f"{output.name}: {output.sqnr_db:.1f} dB")
    for step in report.steps:
        print(f"{step.step}: {step.seconds:.2f} s")


if __name__ == "__main__":
    main(*sys.argv[1:4])
