#!/usr/bin/env python3
"""Hashes of all that the library makes, to show that a change of its code changes nothing that it does.

    python tools/output_hashes.py store FILE        before the change
    python tools/output_hashes.py compare FILE      after it; lists what differs, and ends with 1 where something does

Both run the package that Python finds. FILE is of one machine: kernels of other processors round in another way, so
it belongs into no repository. Reference models are those of bench/make_inputs.py, in $EIGHTBIT_INPUTS or bench/inputs;
the small ones are those of the tests. `--only WORD` leaves out the cases whose names lack the word.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib.util
import io
import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
for folder in ("parity", "torch"):
    sys.path.append(str(ROOT / "tests" / folder))

import eightbit as eb
import numpy as np

SUBSET = 10
INPUTS = Path(os.environ.get("EIGHTBIT_INPUTS", ROOT / "bench" / "inputs"))
REFERENCE = {"efflite0": "images.npz", "minilm": "text.npz", "ocr_rec": "ocr.npz"}
IR_NETWORKS = (
    "inverted_residual squeeze_excite hard_swish dense encoder text_encoder lstm gru u_net detector decoder "
    "preprocessing shuffle layout shared_weights batch_of_four"
).split()
ONNX_NETWORKS = (
    "plain inverted_residual squeeze_excite dense encoder lstm u_net detector transposed grouped_transposed"
).split()

# What clocks say.
TIMES = {"milliseconds", "milliseconds_before", "seconds", "steps", "created"}

Outputs = dict[str, str]


def digest(content: bytes | str) -> str:
    content = content.encode() if isinstance(content, str) else content
    return hashlib.blake2b(content, digest_size=12).hexdigest()


def without_times(value):
    if isinstance(value, dict):
        return {key: without_times(item) for key, item in value.items() if key not in TIMES}
    return [without_times(item) for item in value] if isinstance(value, list) else value


def without_counters(text: str) -> str:
    """Runtimes number the nodes that they add: OpenVINO through all of a process, ONNX Runtime in any order."""
    numbers: dict[str, int] = {}
    text = re.sub(r"_token_\d+", "", text)
    return re.sub(
        r"\b([A-Z][A-Za-z]+_)(\d+)\b",
        lambda name: name[1] + str(numbers.setdefault(name[0], len(numbers))),
        text,
    )


def json_digest(text: str) -> str:
    return digest(json.dumps(without_times(json.loads(text))))


def ir_digests(model) -> Outputs:
    """Of the graph, without the places of constants in the file, and of each constant."""
    out = {}
    lines = []
    for node in model.get_ordered_ops():
        inputs = [
            f"{i.get_source_output().get_node().get_friendly_name()}:{i.get_source_output().get_index()}"
            for i in node.inputs()
        ]
        kind, name = node.get_type_name(), node.get_friendly_name()
        shapes = [f"{o.get_element_type()}{o.get_partial_shape()}" for o in node.outputs()]
        attributes = node.get_attributes() if kind != "Constant" else {}
        lines.append(f"{name} = {kind}({inputs}) {shapes} {sorted(map(str, attributes.items()))}")
        if kind == "Constant":
            data = node.get_data() if node.get_element_type().bitwidth >= 8 else node.data
            number = sum(key.startswith("constant") for key in out)
            out[f"constant {number}"] = digest(np.ascontiguousarray(data).tobytes())
    out["graph"] = digest(without_counters("\n".join(lines)))
    return out


def onnx_digests(model) -> Outputs:
    out = {
        f"constant {one.name}": digest(one.SerializeToString(deterministic=True))
        for one in model.graph.initializer
    }
    bare = type(model)()
    bare.CopyFrom(model)
    del bare.graph.initializer[:]
    del bare.metadata_props[:]  # the recipe has a hash of its own
    out["graph"] = digest(bare.SerializeToString(deterministic=True))
    return out


def torch_digests(model) -> Outputs:
    out = {
        f"constant {name}": digest(tensor.detach().contiguous().numpy().tobytes())
        for name, tensor in model.state_dict().items()
    }
    out["graph"] = digest(str(getattr(model, "code", model)))
    return out


def digests_of(model) -> Outputs:
    kind = type(model).__module__.partition(".")[0]
    if kind == "onnx":
        return onnx_digests(model)
    return ir_digests(model) if kind == "openvino" else torch_digests(model)


def quantized(model, data, prefix: str, **options):
    report = eb.Report()
    result = eb.quantize(
        model, eb.Dataset(data), subset_size=SUBSET, trial_run=False, report=report, **options
    )
    out = {
        f"{prefix}/plan": digest(report.plan_json),
        f"{prefix}/plan text": digest(report.plan_text),
        f"{prefix}/recipe": json_digest(report.recipe.to_json()),
        f"{prefix}/notes": digest("\n".join(report.notes)),
    }
    out |= {f"{prefix}/{name}": value for name, value in digests_of(result).items()}
    return result, out


def all_outputs(model, data, reports: bool) -> Outputs:
    """Of one model: the plan without data, statistics, quantized models by several recipes, comparison and report."""
    out = {"preview": digest(eb.plan(model).json), "preview text": digest(eb.plan(model).text)}
    for target in ("GPU", "CPU_SPR"):
        preview = eb.plan(model, target_device=getattr(eb.TargetDevice, target))
        out[f"preview {target}"] = digest(preview.text)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "statistics"
        eb.calibrate(model, eb.Dataset(data), subset_size=SUBSET).save(path)
        out["statistics"] = digest(path.read_bytes())
    result, more = quantized(model, data, "default")
    out |= more
    if reports:
        subset = {"subset_size": SUBSET}
        out["compare"] = json_digest(
            eb.compare(model, result, eb.Dataset(data), **subset).to_json()
        )
        out["report"] = json_digest(eb.report(model, result, eb.Dataset(data), **subset).to_json())
        out["inspect"] = json_digest(without_counters(eb.inspect(result, data[0]).to_json()))
    return out


def more_recipes(model, data) -> Outputs:
    out = {}
    nncf = {"recipe": eb.Recipe.NNCF}
    for name, options in {
        "nncf": nncf,
        "careful": {"fast_bias_correction": False},
        "transformer": {"model_type": eb.ModelType.TRANSFORMER},
    }.items():
        out |= quantized(model, data, name, **options)[1]
    return out


def random_samples(shapes: dict[str, tuple[list[int], str]], count: int = SUBSET) -> list[dict]:
    random = np.random.default_rng(5)
    return [
        {
            name: random.integers(0, 50, shape).astype(np.int64)
            if kind == "i64"
            else random.standard_normal(shape).astype(np.float32)
            for name, (shape, kind) in shapes.items()
        }
        for _ in range(count)
    ]


def reference_case(name: str, extension: str) -> Callable[[], Outputs]:
    def run() -> Outputs:
        with np.load(INPUTS / REFERENCE[name]) as file:
            names = [key for key in file.files if key != "text"]
            arrays = {key: file[key][:SUBSET] for key in names}
        samples = [{key: array[i : i + 1] for key, array in arrays.items()} for i in range(SUBSET)]
        path = INPUTS / f"{name}.{extension}"
        return all_outputs(str(path), samples, reports=True)

    return run


def ir_case(case) -> Callable[[], Outputs]:
    def run() -> Outputs:
        data = case.samples[:SUBSET]
        return all_outputs(case.model, data, reports=True) | more_recipes(case.model, data)

    return run


def onnx_case(name: str) -> Callable[[], Outputs]:
    def run() -> Outputs:
        from onnx_networks import build

        model = build(name)
        shapes = {
            i.name: ([d.dim_value for d in i.type.tensor_type.shape.dim], "f32")
            for i in model.graph.input
        }
        data = random_samples(shapes)
        return all_outputs(model, data, reports=True) | more_recipes(model, data)

    return run


def torch_case(name: str) -> Callable[[], Outputs]:
    def run() -> Outputs:
        import torch
        import torch_networks

        torch.manual_seed(0)
        made, shapes = {
            "ConvNet": (torch_networks.ConvNet, {"x": ([1, 3, 16, 16], "f32")}),
            "Upsampler": (torch_networks.Upsampler, {"x": ([1, 4, 8, 8], "f32")}),
            "Attention": (
                torch_networks.Attention,
                {"ids": ([1, 8], "i64"), "mask": ([1, 8], "i64")},
            ),
        }[name]
        model = torch_networks.trained(made())
        data = [tuple(sample.values()) for sample in random_samples(shapes)]
        data = [sample if len(sample) > 1 else sample[0] for sample in data]
        first = data[0] if isinstance(data[0], tuple) else (data[0],)
        exported = torch_networks.export(model, *map(torch.from_numpy, first))
        out = {}
        for prefix, one in (("module", model), ("exported", exported)):
            result, more = quantized(one, data, prefix)
            out |= more
            comparison = eb.compare(one, result, eb.Dataset(data), subset_size=SUBSET)
            out[f"{prefix}/compare"] = json_digest(comparison.to_json())
        out |= more_recipes(exported, data)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "statistics"
            eb.calibrate(exported, eb.Dataset(data), subset_size=SUBSET).save(path)
            out["statistics"] = digest(path.read_bytes())
        return out

    return run


def cases() -> Iterator[tuple[str, Callable[[], Outputs]]]:
    from networks import build

    # All at once, before the library makes nodes: names of what has none count through the process.
    models = {name: build(name) for name in IR_NETWORKS}
    for name, model in models.items():
        yield f"ir/{name}", ir_case(model)
    for name in ONNX_NETWORKS:
        yield f"onnx/{name}", onnx_case(name)
    if importlib.util.find_spec("torch"):
        for name in ("ConvNet", "Upsampler", "Attention"):
            yield f"torch/{name}", torch_case(name)
    for name in REFERENCE:
        yield f"ir/{name}", reference_case(name, "xml")
    for name in REFERENCE:
        yield f"onnx/{name}", reference_case(name, "onnx")


def collect(only: str) -> Outputs:
    found = {}
    for name, run in cases():
        if only not in name:
            continue
        print(name, flush=True)
        with contextlib.redirect_stderr(io.StringIO()):
            found |= {f"{name}/{key}": value for key, value in run().items()}
    return found


def differences(before: Outputs, now: Outputs) -> list[str]:
    lines = []
    for key in sorted(before.keys() | now.keys()):
        if before.get(key) != now.get(key):
            what = "is new" if key not in before else "is gone" if key not in now else "differs"
            lines.append(f"{key} {what}")
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("verb", choices=["store", "compare"])
    parser.add_argument("file", type=Path)
    parser.add_argument("--only", default="", help="part of the names of cases")
    arguments = parser.parse_args()
    eb.set_log_level("ERROR")
    found = collect(arguments.only)
    if arguments.verb == "store":
        arguments.file.write_text(json.dumps(found, indent=1))
        print(f"{len(found)} hashes are in {arguments.file}")
        return 0
    before = {
        key: value
        for key, value in json.loads(arguments.file.read_text()).items()
        if arguments.only in key.rpartition("/")[0]
    }
    lines = differences(before, found)
    print("\n".join(lines))
    print(f"{len(lines)} of {len(before | found)} hashes differ")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
