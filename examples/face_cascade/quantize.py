#!/usr/bin/env python3
"""Quantizes MTCNN, three networks of which each looks at what the one before has found, by running them on some pictures: with
three observers, or with an engine that was written for POT.

    python examples/face_cascade/quantize.py OUT [--by observers|pot] [--pictures N] [--json]
    eightbit pot -c examples/face_cascade/mtcnn.json -e            # behind --by pot, which leaves the float networks in OUT

Writes pnet, rnet and onet in 8 bits into OUT, and prints how many of the float networks' faces they find on other pictures.
"""

import argparse
import json
import time
from pathlib import Path

import eightbit
import openvino
from cascade import find_faces
from eightbit import pot
from engine import CascadeEngine, Pictures, found_again
from networks import LAYERS, network
from pictures import picture

F32 = {"INFERENCE_PRECISION_HINT": "f32"}


def by_observers(models: list, pictures: list) -> list:
    observation = eightbit.observe(*models, subset_size=5000)
    with observation as observers:
        for one in pictures:
            find_faces(one, *observers)
    return observation.quantize()


def by_pot(models: list, pictures: list, out: Path) -> list:
    parts = []
    for model in models:
        xml = out / f"{model.friendly_name}_float.xml"
        openvino.save_model(model, xml, compress_to_fp16=False)
        bin_file = xml.with_suffix(".bin")
        parts.append({"name": model.friendly_name, "model": xml, "weights": bin_file})
    cascade = pot.load_model({"model_name": "mtcnn", "cascade": parts})
    engine = CascadeEngine(config={"device": "CPU"}, data_loader=Pictures(pictures))
    algorithms = [
        {"name": "DefaultQuantization", "params": {"target_device": "ANY", "stat_subset_size": 300}}
    ]
    quantized = pot.create_pipeline(algorithms, engine).run(cascade)
    return [part["model"] for part in quantized.models]


def faces_of(models: list, pictures: list) -> tuple[list, float]:
    """Of each picture, and the seconds that it took."""
    compiled = [openvino.compile_model(model, "CPU", F32) for model in models]
    find_faces(pictures[0], *compiled)
    begin = time.perf_counter()
    return [find_faces(one, *compiled) for one in pictures], time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--by", choices=["observers", "pot"], default="observers")
    parser.add_argument("--pictures", type=int, default=60)
    parser.add_argument("--json", action="store_true", help="figures as one line of JSON")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    models = [network(name) for name in LAYERS]
    seen = [picture(seed) for seed in range(arguments.pictures)]
    unseen = [picture(10_000 + seed) for seed in range(arguments.pictures)]

    begin = time.perf_counter()
    if arguments.by == "observers":
        quantized = by_observers(models, seen)
    else:
        quantized = by_pot(models, seen, arguments.out)
    seconds = time.perf_counter() - begin
    for name, model in zip(LAYERS, quantized, strict=True):
        openvino.save_model(model, arguments.out / f"{name}.xml", compress_to_fp16=False)

    (floats, float_seconds), (integers, int8_seconds) = (
        faces_of(one, unseen) for one in (models, quantized)
    )
    figures = {
        "faces": sum(map(len, floats)),
        "found_again": found_again(floats, integers),
        "none_new": found_again(integers, floats),
        "quantize_seconds": seconds,
        "int8_speed": float_seconds / int8_seconds,
    }
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, figure in figures.items():
        print(f"{name:>20}  {round(figure, 3)}")


if __name__ == "__main__":
    main()
