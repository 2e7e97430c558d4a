#!/usr/bin/env python3
"""Quantizes Basic Pitch, which hears notes in music (the package basic-pitch ships it as ONNX), from a folder of .wav files.

    python examples/notes_in_music/quantize.py OUT [--clips N] [--json]

Writes the clips and int8.xml (OpenVINO's format, which leaves more of this model in 8 bits than ONNX Runtime) into OUT, and prints which of the float model's notes are heard in other clips.
"""

import argparse
import json
import wave
from importlib.metadata import distribution
from pathlib import Path

import eightbit
import numpy as np
import openvino

MODEL = distribution("basic-pitch").locate_file("basic_pitch/saved_models/icassp_2022/nmp.onnx")
RATE, LENGTH = 22050, 43844  # Hz, and what the model takes at once
LEAST_NOTE = 0.3


def clip(seed: int) -> np.ndarray:
    """Two seconds of some notes, each of a few overtones."""
    random = np.random.default_rng(seed)
    time, sound = np.arange(LENGTH) / RATE, np.zeros(LENGTH)
    for _ in range(random.integers(2, 7)):
        key, start = random.integers(40, 84), random.uniform(0, 1.5)
        pitch, length = 440 * 2 ** ((key - 69) / 12), random.uniform(0.2, 1)
        shape = np.clip((time - start) * 50, 0, 1) * np.exp(
            -np.clip(time - start, 0, None) / length
        )
        for overtone in range(1, 6):
            phase = 2 * np.pi * overtone * pitch * time
            sound += shape * np.sin(phase) * random.uniform(0.3, 1) / overtone
    return (sound / max(np.abs(sound).max(), 1e-6) * random.uniform(0.2, 0.9)).astype(np.float32)


def write(path: Path, sound: np.ndarray) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((sound * 32767).astype("<i2").tobytes())


def notes(model: openvino.Model, clips: list) -> np.ndarray:
    """[clips, moments, 88]: which keys sound."""
    compiled = openvino.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    heard = [compiled(one[None, :, None])[0][0] for one in clips]
    return np.stack(heard) > LEAST_NOTE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--clips", type=int, default=100)
    parser.add_argument("--json", action="store_true", help="figures as one line of JSON")
    arguments = parser.parse_args()
    folder = arguments.out / "clips"
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(arguments.clips):
        write(folder / f"{seed:03}.wav", clip(seed))

    data = eightbit.open_files(folder, model=str(MODEL), sample_rate=RATE)
    quantized = eightbit.quantize(str(MODEL), data, engine=eightbit.Engine.OPENVINO)
    openvino.save_model(quantized, arguments.out / "int8.xml", compress_to_fp16=False)

    unseen = [clip(10_000 + seed) for seed in range(arguments.clips)]
    floats = openvino.Core().read_model(MODEL)
    before, after = notes(floats, unseen), notes(quantized, unseen)
    both = (before & after).sum()
    figures = {"notes": int(before.sum()), "f1": float(2 * both / (before.sum() + after.sum()))}
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, figure in figures.items():
        print(f"{name:>20}  {round(figure, 4)}")


if __name__ == "__main__":
    main()
