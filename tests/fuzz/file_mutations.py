#!/usr/bin/env python3
"""Mutations of small files of every other format that is read: IR (.xml and .bin), .npy, .npz, statistics, recipes, POT's
configurations (JSON and YAML), lists of files, archives of Kaldi, sounds and images. Each is used or refused with one clear error. See
supervision.py.

Changes know the format: attributes and elements of XML, entries of JSON, numbers in binary headers; and bytes anywhere."""

import io
import json
import os
import random
import re
import shutil
import struct
import subprocess
import tempfile
import wave
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import eightbit as eb
import numpy as np
import openvino as ov
from openvino import opset13 as ops
from supervision import main, used_or_refused

NUMBERS = [
    "0",
    "-1",
    "1",
    "3",
    "255",
    "4294967296",
    "9223372036854775807",
    "-9223372036854775808",
    "1e308",
    "nan",
    "?",
    "",
]
WORDS = ["", "x", "input", "Convolution", "f32", "i8", "../x", "é" * 20, "a" * 400, "%s", "\x00"]
ODD = [None, True, 0, -1, 2**63, 1e308, "", "x", [], {}, [[[[]]]], {"a": {"b": 1}}, "nan"]
EXTREMES = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]


def model() -> ov.Model:
    image = ops.parameter([1, 2, 6, 6], np.float32, name="image")
    image.output(0).set_names({"image"})
    rng = np.random.default_rng(1)
    weights = ops.constant(rng.normal(0, 0.3, (4, 2, 3, 3)).astype(np.float32))
    node = ops.relu(ops.convolution(image, weights, [1, 1], [1, 1], [1, 1], [1, 1], name="conv"))
    node = ops.reduce_mean(node, ops.constant(np.array([2, 3])), False)
    node = ops.matmul(
        node,
        ops.constant(rng.normal(0, 0.3, (4, 3)).astype(np.float32)),
        False,
        False,
        name="product",
    )
    return ov.Model([node], [image], "small")


SAMPLES = [np.linspace(-1, 1, 72, dtype=np.float32).reshape(1, 2, 6, 6) * (i + 1) for i in range(3)]


@dataclass
class Format:
    file: str  # that is mutated
    files: dict[str, bytes]  # with what lies beside it
    use: Callable[[Path, bool], object]  # of the folder, and whether to take long over it
    change: Callable[[random.Random, bytes], bytes]


def saved(write: Callable[[io.BytesIO], object]) -> bytes:
    stream = io.BytesIO()
    write(stream)
    return stream.getvalue()


def read_samples(path: Path) -> None:
    for _, sample in zip(range(3), eb.open_files(path).open(), strict=False):
        assert sample.inputs


# ---------------------------------------------------------------------------------------------------- changes
def of_bytes(rng: random.Random, data: bytes) -> bytes:
    data = bytearray(data)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(data) + 1)
        what = rng.randrange(6)
        if what == 0:
            del data[at:]
        elif what == 1:
            data[at:at] = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 9)))
        elif what == 2:
            del data[at : at + rng.randrange(1, 9)]
        elif what == 3 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        else:  # a number of a header; most of them stand in front
            at = rng.randrange(min(len(data), 64) + 1)
            size, extreme = rng.choice((2, 4, 8)), rng.choice(EXTREMES)
            data[at : at + size] = extreme.to_bytes(8, "little")[:size]
    return bytes(data)


def of_xml(rng: random.Random, data: bytes) -> bytes:
    text = data.decode()
    for _ in range(rng.randrange(1, 3)):
        values = list(re.finditer(r'="([^"]*)"|>([^<>]+)<', text))
        elements = list(re.finditer(r"<(\w+)[^>]*/>|<(dim|port|edge)[^>]*>.*?</\2>", text, re.S))
        if rng.randrange(3) and values:
            match = rng.choice(values)
            group = 1 if match[1] is not None else 2
            new = rng.choice(NUMBERS + WORDS[:-1])
            text = text[: match.start(group)] + new + text[match.end(group) :]
        elif elements:
            match = rng.choice(elements)
            text = text[: match.start()] + match[0] * rng.choice((0, 2)) + text[match.end() :]
    return of_bytes(rng, text.encode()) if rng.randrange(8) == 0 else text.encode()


def places(value, found):
    if isinstance(value, (dict, list)):
        for key in value if isinstance(value, dict) else range(len(value)):
            found.append((value, key))
            places(value[key], found)
    return found


def of_json(rng: random.Random, data: bytes) -> bytes:
    content = json.loads(data)
    for _ in range(rng.randrange(1, 3)):
        found = places(content, [])
        if not found:
            break
        owner, key = rng.choice(found)
        what = rng.randrange(4)
        if what == 0:
            del owner[key]
        elif what == 1 and isinstance(owner, dict):
            owner[rng.choice(WORDS)] = owner.pop(key)
        elif what == 2 and isinstance(owner, list):
            owner.append(owner[key])
        else:
            owner[key] = rng.choice(ODD)
    text = json.dumps(content).encode()
    return of_bytes(rng, text) if rng.randrange(8) == 0 else text


def of_text(rng: random.Random, data: bytes) -> bytes:
    lines = data.decode().split("\n")
    for _ in range(rng.randrange(1, 3)):
        at = rng.randrange(len(lines))
        what = rng.randrange(4)
        if what == 0:
            del lines[at]
            lines = lines or [""]
        elif what == 1:
            lines.insert(at, lines[at])
        elif what == 2:
            lines[at] = "  " * rng.randrange(4) + lines[at].strip()
        else:
            lines[at] = re.sub(r"[\w.]+", lambda _: rng.choice(WORDS + NUMBERS), lines[at], count=1)
    text = "\n".join(lines).encode()
    return of_bytes(rng, text) if rng.randrange(4) == 0 else text


# ---------------------------------------------------------------------------------------------------- formats
def png() -> bytes:
    def chunk(kind, content):
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    rows = b"".join(b"\x00" + bytes(range(24)) for _ in range(8))
    header = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def bmp() -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, 8, 8, 1, 24, 0, 192, 2835, 2835, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + 192, 0, 0, 54) + header + bytes(range(192))


def ppm() -> bytes:
    return b"P6\n8 8\n255\n" + bytes(range(192))


def sound() -> bytes:
    def write(stream):
        with wave.open(stream, "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(np.arange(400, dtype="<i2").tobytes())

    return saved(write)


def archive() -> bytes:
    """A record of each kind."""
    sizes = struct.pack("<bibi", 4, 2, 4, 3)
    packed = struct.pack("<ffii", -1, 2, 2, 3)
    kinds = {
        b"FM ": sizes + np.arange(6, dtype="<f4").tobytes(),
        b"DM ": sizes + np.arange(6, dtype="<f8").tobytes(),
        b"FV ": struct.pack("<bi", 4, 3) + np.arange(3, dtype="<f4").tobytes(),
        b"CM ": packed + np.arange(12, dtype="<u2").tobytes() + bytes(range(6)),
        b"CM2 ": packed + np.arange(6, dtype="<u2").tobytes(),
        b"CM3 ": packed + bytes(range(6)),
    }
    records = [b"key%d \0B" % i + kind + rest for i, (kind, rest) in enumerate(kinds.items())]
    return b"".join(records) + b"text  [\n 1 2 3\n 4 5 6.5 ]\n"


POT = {
    "model": {"model_name": "small", "model": "m.xml", "weights": "m.bin"},
    "engine": {"type": "simplified", "data_source": "nowhere/*.png", "layout": "NCHW"},
    "compression": {
        "target_device": "CPU",
        "algorithms": [
            {
                "name": "DefaultQuantization",
                "params": {
                    "preset": "mixed",
                    "stat_subset_size": 3,
                    "ignored": {"scope": ["conv"], "operations": [{"type": "MatMul"}]},
                    "range_estimator": {
                        "max": {"type": "quantile", "outlier_prob": 0.001, "aggregator": "mean"}
                    },
                    "weights": {"bits": 8, "mode": "symmetric", "level_low": -127},
                },
            }
        ],
    },
}
CHECKER = """models:
  - name: small
    launchers:
      - framework: openvino
        adapter: classification
    datasets:
      - name: pictures
        data_source: nowhere
        annotation_conversion: {converter: imagenet, annotation_file: labels.txt}
        reader: opencv_imread
        preprocessing:
          - type: resize
            size: 20
            aspect_ratio_scale: greater
          - {type: crop, size: 6}
          - {type: normalization, mean: [1, 2, 3], std: 60}
        metrics: [{type: accuracy, top_k: 5}]
"""
WITH_CHECKER = {**POT, "engine": {"config": "checker.yml"}}


def command_line() -> Path:
    """It need not be there: builds for sanitizers have none."""
    return Path(
        os.environ.get("EIGHTBIT_CLI")
        or Path(os.environ.get("EIGHTBIT_BUILD_DIR", "build"), "cli/eightbit")
    )


def pot(config: str) -> Callable[[Path, bool], object]:
    """No picture is there, so that every run ends with a refusal."""

    def use(folder: Path, _: bool) -> None:
        done = subprocess.run(
            [command_line(), "pot", "-c", config], cwd=folder, capture_output=True, timeout=50
        )
        last = done.stderr.decode(errors="replace").splitlines()[-1:]
        assert done.returncode == 2 and last and last[0].startswith("eightbit: error: "), (
            done.returncode,
            last,
        )
        raise eb.InvalidArgument(last[0])

    return use


def formats() -> list[Format]:
    small = model()
    report = eb.Report()
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        ov.serialize(small, base / "m.xml", base / "m.bin")
        eb.quantize(small, eb.Dataset(SAMPLES), report=report, trial_run=False)
        report.recipe.save(base / "r.json")
        eb.calibrate(small, eb.Dataset(SAMPLES)).save(base / "s.stats")
        ir = {file: (base / file).read_bytes() for file in ("m.xml", "m.bin")}
        recipe, statistics = (base / "r.json").read_bytes(), (base / "s.stats").read_bytes()
    arrays = {"image": np.concatenate(SAMPLES), "labels": np.arange(3)}
    npz = saved(lambda stream: np.savez_compressed(stream, **arrays))

    def quantized(folder: Path, long: bool) -> None:
        eb.plan(folder / "m.xml")
        if long:
            eb.quantize(folder / "m.xml", eb.Dataset(SAMPLES), trial_run=False)

    def from_statistics(folder: Path, long: bool) -> None:
        read = eb.Statistics.load(folder / "s.stats")
        if long:
            eb.quantize(small, read, trial_run=False)

    def again(folder: Path, long: bool) -> None:
        read = eb.QuantizationRecipe.load(folder / "r.json")
        if long:
            eb.quantize(small, recipe=read)

    def samples(name: str) -> Callable[[Path, bool], object]:
        return lambda folder, _: read_samples(folder / name)

    pictures = {
        f"{kind}.{kind}": make() for kind, make in (("png", png), ("bmp", bmp), ("ppm", ppm))
    }
    out = [
        Format("m.xml", ir, quantized, of_xml),
        Format("m.bin", ir, quantized, of_bytes),
        Format("s.stats", {"s.stats": statistics}, from_statistics, of_bytes),
        Format("r.json", {"r.json": recipe}, again, of_json),
        Format("a.npy", {"a.npy": saved(lambda s: np.save(s, arrays["image"]))}, samples("a.npy"), of_bytes),
        Format("a.npz", {"a.npz": npz}, samples("a.npz"), of_bytes),
        Format("l.txt", {"l.txt": b"png.png\nbmp.bmp\n", **pictures}, samples("l.txt"), of_text),
        Format("s.wav", {"s.wav": sound()}, samples("s.wav"), of_bytes),
        Format("k.ark", {"k.ark": archive()}, samples("k.ark"), of_bytes),
        Format("k.scp", {"k.ark": archive(), "k.scp": b"key0 k.ark:5\nkey1 k.ark:53\n"}, samples("k.scp"), of_text),
    ]  # fmt: skip
    if command_line().exists():
        checker = {"checker.yml": CHECKER.encode(), "labels.txt": b"a.png 1\n", **ir}
        checker["c.json"] = json.dumps(WITH_CHECKER).encode()
        plain = {"c.json": json.dumps(POT).encode(), **ir}
        out += [
            Format("c.json", plain, pot("c.json"), of_json),
            Format("checker.yml", checker, pot("c.json"), of_text),
        ]
    out += [
        Format(name, {name: content}, samples(name), of_bytes) for name, content in pictures.items()
    ]
    return out


class Mutations:
    def __init__(self):
        self.formats: list[Format] = []

    def __call__(self, number: int, folder: Path) -> bool:
        self.formats = self.formats or formats()
        form = self.formats[number % len(self.formats)]
        inner = folder / "files"
        shutil.rmtree(inner, ignore_errors=True)
        inner.mkdir()
        for name, content in form.files.items():
            (inner / name).write_bytes(content)
        rng = random.Random(number)
        (inner / form.file).write_bytes(form.change(rng, form.files[form.file]))
        return used_or_refused(lambda: form.use(inner, number // len(self.formats) % 8 == 0))


if __name__ == "__main__":
    main(Mutations())
