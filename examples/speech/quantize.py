#!/usr/bin/env python3
"""Trains a small acoustic model in seconds, writes its frames into a Kaldi archive, and quantizes it to 16 bits for GNA from there: in
Python, and by the command line.

    python examples/speech/quantize.py OUT [--device GNA|GNA3|GNA3.5] [--json]

Writes frames.ark, float.xml and the quantized models into OUT, and prints how they score other frames.
"""

import argparse
import json
import struct
import subprocess
import sys
from pathlib import Path

import eightbit
import numpy as np
import openvino
import torch
from torch import nn

BANDS, CONTEXT, SOUNDS = 20, 5, 12


def utterance(random: np.random.Generator, centers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Frames [n, bands * context] of some sounds that follow each other, and which sound each is."""
    labels = np.repeat(random.integers(0, SOUNDS, 12), random.integers(4, 12, 12))
    bands = centers[labels] + random.normal(0, 1.6, (len(labels), BANDS))
    padded = np.pad(bands, ((CONTEXT // 2,) * 2, (0, 0)), "edge")
    frames = np.concatenate([padded[i : i + len(labels)] for i in range(CONTEXT)], 1)
    return frames.astype(np.float32), labels


def write_archive(path: Path, utterances: list[np.ndarray]) -> None:
    with path.open("wb") as file:
        for number, frames in enumerate(utterances):
            file.write(f"utt{number} ".encode() + b"\0BFM ")
            file.write(struct.pack("<bibi", 4, frames.shape[0], 4, frames.shape[1]))
            file.write(frames.astype("<f4").tobytes())


def trained(utterances: list) -> nn.Module:
    torch.manual_seed(0)
    width = BANDS * CONTEXT
    network = nn.Sequential(
        nn.Linear(width, 128), nn.Sigmoid(), nn.Linear(128, 128), nn.Sigmoid(), nn.Linear(128, SOUNDS)
    )  # fmt: skip
    frames = torch.from_numpy(np.concatenate([one for one, _ in utterances]))
    labels = torch.from_numpy(np.concatenate([labels for _, labels in utterances]))
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(150):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(frames), labels).backward()
        optimizer.step()
    return network.eval()


def scores(model: openvino.Model, frames: np.ndarray) -> np.ndarray:
    compiled = openvino.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.concatenate([compiled(frame[None])[0] for frame in frames])


def sqnr(reference: np.ndarray, other: np.ndarray) -> float:
    return float(10 * np.log10((reference**2).sum() / ((reference - other) ** 2).sum()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--device", default="GNA3.5", choices=["GNA", "GNA3", "GNA3.5"])
    parser.add_argument("--json", action="store_true", help="figures as one line of JSON")
    arguments = parser.parse_args()
    out = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    centers = random.normal(0, 1, (SOUNDS, BANDS))
    seen, unseen = ([utterance(random, centers) for _ in range(30)] for _ in range(2))
    write_archive(out / "frames.ark", [frames for frames, _ in seen])
    example = torch.zeros(1, BANDS * CONTEXT)
    model = openvino.convert_model(trained(seen), example_input=example, input=list(example.shape))
    openvino.save_model(model, out / "float.xml", compress_to_fp16=False)

    data = eightbit.open_files(out / "frames.ark", model=model)
    device = eightbit.TargetDevice(arguments.device)
    mixed, performance = eightbit.QuantizationPreset.MIXED, eightbit.QuantizationPreset.PERFORMANCE
    found = {"16 bits": eightbit.quantize(model, data, target_device=device, preset=mixed)}
    found["weights of 8"] = eightbit.quantize(model, data, target_device=device, preset=performance)
    command = [sys.executable, "-m", "eightbit", "quantize", out / "float.xml", "--data",
               out / "frames.ark", "--target-device", arguments.device, "--preset", "mixed",
               "-o", out / "by_command_line.xml"]  # fmt: skip
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)
    found["by the command line"] = openvino.Core().read_model(out / "by_command_line.xml")

    frames = np.concatenate([one for one, _ in unseen])[:500]
    labels = np.concatenate([labels for _, labels in unseen])[:500]
    reference = scores(model, frames)
    figures = {"right, float": float((reference.argmax(1) == labels).mean())}
    for name, quantized in found.items():
        openvino.save_model(
            quantized, out / f"{name.replace(' ', '_')}.xml", compress_to_fp16=False
        )
        after = scores(quantized, frames)
        figures[f"right, {name}"] = float((after.argmax(1) == labels).mean())
        figures[f"dB, {name}"] = sqnr(reference, after)
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, figure in figures.items():
        print(f"{name:>28}  {round(figure, 4)}")


if __name__ == "__main__":
    main()
