#!/usr/bin/env python3
"""Quantizes a real text recognition model from the command line and shows what became of it.

    tools/demo.py EIGHTBIT OUT          EIGHTBIT: the program; OUT: where models and samples go

The model is PP-OCRv4 out of the PyPI package rapidocr-onnxruntime; the lines of text are drawn here, from the words of
/usr/share/common-licenses in the fonts of matplotlib, so that what they say is known.
"""

import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))
from make_inputs import (
    CALIBRATION,
    LINE_HEIGHT,
    LINE_WIDTH,
    characters,
    read_line,
    recognizer,
    save_ir,
    text_line,
)

EVALUATION = 300


def prepare(out: Path) -> list[str]:
    """Writes the float model with a fixed input and all lines; returns what the lines for evaluation say."""
    (out / "recognizer.onnx").write_bytes(recognizer().read_bytes())
    save_ir(out / "recognizer.onnx", [1, 3, LINE_HEIGHT, LINE_WIDTH])
    rng = random.Random(0)
    drawn = [text_line(seed, rng) for seed in range(CALIBRATION + EVALUATION)]
    np.savez(out / "calibration.npz", x=np.stack([x for x, _ in drawn[:CALIBRATION]]))
    np.savez(out / "evaluation.npz", x=np.stack([x for x, _ in drawn[CALIBRATION:]]))
    return [text for _, text in drawn[CALIBRATION:]]


def run(eightbit: Path, *arguments) -> dict | list:
    """Shows the command; its progress bar goes to the terminal, its result comes back."""
    shown = [Path(part).name if isinstance(part, Path) else str(part) for part in arguments]
    print("$ eightbit", *shown, flush=True)
    done = subprocess.run(
        [eightbit, *map(str, arguments), "--json"], stdout=subprocess.PIPE, text=True
    )
    if done.returncode != 0:
        sys.exit(done.returncode)
    return json.loads(done.stdout)


def read_right(model: Path, out: Path, truth: list[str]) -> float:
    import openvino as ov

    compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    classes, lines = characters(out / "recognizer.onnx"), np.load(out / "evaluation.npz")["x"]
    read = [read_line(compiled(line[None])[0][0], classes).replace(" ", "") for line in lines]
    return float(np.mean([a == b.replace(" ", "") for a, b in zip(read, truth, strict=True)]))


def size_mb(model: Path) -> float:
    return sum(part.stat().st_size for part in (model, model.with_suffix(".bin"))) / 1e6


def table(rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )


def results(out: Path, truth: list[str], speed: list[dict], steps: list[dict]) -> str:
    models = [out / "recognizer.xml", out / "recognizer_int8.xml"]
    right, sizes = (
        [read_right(model, out, truth) for model in models],
        [size_mb(model) for model in models],
    )
    latency, throughput = ([row[key] for row in speed] for key in ("latency_ms", "throughput"))
    rows = [
        ("", "FP32", "INT8", ""),
        ("lines read right", *(f"{share:.1%}" for share in right), f"of {len(truth)}"),
        (
            "size on disk",
            *(f"{size:.2f} MB" for size in sizes),
            f"{sizes[0] / sizes[1]:.1f}x smaller",
        ),
        ("latency", *(f"{ms:.2f} ms" for ms in latency), f"{latency[0] / latency[1]:.2f}x faster"),
        (
            "throughput",
            *(f"{rate:.0f} lines/s" for rate in throughput),
            f"{throughput[1] / throughput[0]:.2f}x",
        ),
        ("", "", "", ""),
        *((f"time: {step['step']}", "", f"{step['seconds']:.2f} s", "") for step in steps),
    ]
    return table(rows)


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    eightbit, out = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    print(
        f"Drawing {CALIBRATION} lines of text to calibrate on and {EVALUATION} others to read ...",
        flush=True,
    )
    truth = prepare(out)
    float_model, int8_model = out / "recognizer.xml", out / "recognizer_int8.xml"
    done = run(
        eightbit,
        "quantize",
        float_model,
        "--data",
        out / "calibration.npz",
        "-o",
        int8_model,
        "--force",
    )
    speed = run(eightbit, "benchmark", float_model, int8_model, "--seconds", 3)
    print("\n" + results(out, truth, speed, done["report"]["steps"]))


if __name__ == "__main__":
    main()
