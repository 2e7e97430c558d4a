"""Figures as markdown."""

from __future__ import annotations

from contenders import NAMES, engine_of, is_ours, target_of
from machine import one_line

ENGINES = {
    "openvino": "Models that OpenVINO runs",
    "onnxruntime": "Models that ONNX Runtime runs",
    "torch": "Modules of PyTorch, which go on in PyTorch (FP32 time is that of PyTorch itself)",
    "torch.compile": "Exported graphs of PyTorch, through `eightbit.torch.compile` with OpenVINO (FP32 time is that of PyTorch itself)",
    "tensorflow": "Keras models, which OpenVINO converts and runs (FP32 time is that of TensorFlow itself)",
}


def markdown(rows: list[list[str]]) -> str:
    head, *body = rows
    lines = [head, ["---"] * len(head), *body]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def main_table(results: dict, engine: str) -> str:
    rows = [row for row in results["quantize"] if engine_of(row["tool"]) == engine]
    if not rows:
        return ""
    head = [
        "model",
        "tool",
        "quantize / FP32 time",
        "target",
        "seconds",
        "peak MB",
        "SQNR dB",
        "task metric",
        "INT8 speed",
        "against NNCF",
    ]
    latencies = results["latency_ms"].get(engine, {})
    return f"{ENGINES[engine]}:\n\n" + markdown(
        [head, *(main_row(row, latencies.get(row["model"], {})) for row in rows)]
    )


def main_row(row: dict, latency: dict) -> list[str]:
    tool = row["tool"]
    if "failed" in row:
        return [row["model"], NAMES[tool], "fails", *[""] * 7]
    rival = next(
        (
            latency[name]
            for name in ("nncf", "nncf-onnx", "nncf-fx", "nncf-keras")
            if name in latency
        ),
        None,
    )
    own, fp32 = latency.get(tool), latency.get("fp32")
    return [
        row["model"],
        NAMES[tool],
        f"{row['ratio']:.2f}",
        f"{target_of(tool, row['model']):.2f}" if is_ours(tool) else "",
        f"{row['quantize_s']:.1f}",
        str(row["peak_mb"]),
        f"{row['sqnr_db']:.1f}",
        task(row),
        times(fp32, own),
        times(rival, own),
    ]


def times(reference: float | None, own: float | None) -> str:
    return f"{reference / own:.2f}x" if reference and own else ""


def task(row: dict) -> str:
    if "task" not in row:
        return ""
    if "task_fp32" in row:
        return f"{row['task']:.1%} read right (FP32 {row['task_fp32']:.1%})"
    return f"{row['task']:.1%} agree"


def steps_table(rows: list[dict]) -> str:
    rows = [row for row in rows if row.get("steps")]
    if not rows:
        return ""
    names = list(dict.fromkeys(name for row in rows for name in row["steps"]))
    cells = [
        [
            row["model"],
            NAMES[row["tool"]],
            *(f"{row['steps'].get(name, 0):.2f}" for name in names),
            f"{row['quantize_s']:.2f}",
        ]
        for row in rows
    ]
    return "Where time went, in seconds:\n\n" + markdown(
        [["model", "tool", *names, "whole call"], *cells]
    )


def memory_table(rows: list[dict]) -> str:
    if not rows:
        return ""
    counts = sorted({row["samples"] for row in rows})
    cells = []
    for model, tool in dict.fromkeys((row["model"], row["tool"]) for row in rows):
        peaks = {
            row["samples"]: row["peak_mb"]
            for row in rows
            if (row["model"], row["tool"]) == (model, tool)
        }
        cells.append([model, NAMES[tool], *(str(peaks.get(count, "")) for count in counts)])
    head = ["model", "tool", *(f"{count:,} samples" for count in counts)]
    return "Peak memory of the call above what the process held before, in MB:\n\n" + markdown(
        [head, *cells]
    )


def recipes_table(rows: list[dict]) -> str:
    if not rows:
        return ""
    names = list(rows[0]["seconds"])
    cells = [
        [
            row["model"],
            f"{row['calibrate_s']:.2f} s",
            f"{row['file_mb']:.1f} MB",
            *(f"{row['seconds'][name]:.2f} s" for name in names),
        ]
        for row in rows
    ]
    return "Other recipes from saved statistics, without data:\n\n" + markdown(
        [["model", "calibrate once", "file", *names], *cells]
    )


def report(results: dict) -> str:
    parts = [
        *(main_table(results, engine) for engine in ENGINES),
        steps_table(results["quantize"]),
        memory_table(results["memory"]),
        recipes_table(results["recipes"]),
        f"Measured in one run on {one_line(results['machine'])}.",
    ]
    return "\n\n".join(part for part in parts if part)
