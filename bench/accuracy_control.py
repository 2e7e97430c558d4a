#!/usr/bin/env python3
"""Quantization with accuracy control beside NNCF's, all in one run.

    python bench/accuracy_control.py [INPUTS] [--goals efflite0:0.08,efflite0:0.02,ocr_rec:0.002] [--tools eightbit,nncf]

efflite0: the labels of images 400 to 599 are the float model's top-1. ocr_rec: the metric is the share of lines 300 to 499 that
are read exactly. Calibrated on 100 samples. Each call is a process of its own; the tools take turns, goal by goal. What is
returned is then compiled and validated once more.
"""

import argparse
import json
import logging
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from cases import Case, same_letters
from make_inputs import characters, read_line
from runtime import OpenVino

GOALS = "efflite0:0.08,efflite0:0.02,efflite0:0.005,ocr_rec:0.002"
CALIBRATION, VALIDATION = 100, 200


class Task:
    """A model, what it is validated on, and a validation function in the form that both tools take."""

    def __init__(self, name: str, inputs: Path):
        self.case = Case(name, inputs)
        self.samples = self.case.evaluation(VALIDATION)
        self.evaluations = 0
        if name == "ocr_rec":
            self.classes = characters(self.case.onnx)
            self.truth = [str(text) for text in np.load(self.case.data_path)["text"][300:500]]
        else:
            runner = OpenVino().runner(self.case.openvino_model())
            self.truth = [int(runner(sample).argmax()) for sample in self.samples]

    def right(self, output: np.ndarray, truth) -> bool:
        if self.case.name == "ocr_rec":
            return same_letters(read_line(output[0], self.classes), truth)
        return int(output.argmax()) == truth

    def items(self) -> list[tuple]:
        return list(zip(self.samples, self.truth, strict=True))

    def validate(self, compiled, items) -> tuple[float, list[float]]:
        request = compiled.create_infer_request()
        values = [float(self.right(request.infer(sample)[0], truth)) for sample, truth in items]
        self.evaluations += len(values) == VALIDATION
        return float(np.mean(values)), values


def control(tool, task: Task, max_drop: float):
    """The call of either tool, whose names are the same."""
    return tool.quantize_with_accuracy_control(
        task.case.openvino_model(),
        tool.Dataset(task.case.calibration(CALIBRATION)),
        tool.Dataset(task.items(), lambda item: item[0]),
        task.validate,
        max_drop=max_drop,
        subset_size=CALIBRATION,
    )


def measure(inputs: Path, tool_name: str, name: str, max_drop: float) -> dict:
    import eightbit

    task = Task(name, inputs)
    if tool_name == "nncf":
        import nncf

        nncf.set_log_level(logging.ERROR)
        tool = nncf
    else:
        tool = eightbit
    begin = time.perf_counter()
    model = control(tool, task, max_drop)
    seconds = time.perf_counter() - begin
    evaluations = task.evaluations
    run = OpenVino().runner
    metrics = [
        np.mean([task.right(runner(sample), truth) for sample, truth in task.items()])
        for runner in (run(task.case.openvino_model()), run(model))
    ]
    kept = eightbit.inspect(model)
    return {
        "model": name,
        "max_drop": max_drop,
        "tool": tool_name,
        "seconds": seconds,
        "evaluations": evaluations,
        "kept": kept.quantizers + kept.quantized_weights,
        "drop": float(metrics[0] - metrics[1]),
    }


def in_a_process(inputs: Path, tool: str, goal: str) -> dict:
    command = [sys.executable, __file__, str(inputs), "--one", f"{tool}:{goal}"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def table(rows: list[dict]) -> str:
    lines = [
        "| model | max_drop | tool | seconds | validations | quantizers kept | drop |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {row['model']} | {row['max_drop']:g} | {row['tool']} | {row['seconds']:.1f} | {row['evaluations']} | {row['kept']} | "
        f"{row['drop']:.3f} |"
        for row in rows
    ]
    return "\n".join(lines)


def main() -> None:
    warnings.filterwarnings("ignore")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = Path(os.environ.get("EIGHTBIT_INPUTS", Path(__file__).parent / "inputs"))
    parser.add_argument("inputs", nargs="?", type=Path, default=default)
    parser.add_argument("--goals", default=GOALS)
    parser.add_argument("--tools", default="eightbit,nncf")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        tool, name, max_drop = arguments.one.split(":")
        print(json.dumps(measure(arguments.inputs, tool, name, float(max_drop))), flush=True)
        return
    rows = []
    for goal in arguments.goals.split(","):
        for tool in arguments.tools.split(","):
            rows.append(in_a_process(arguments.inputs, tool, goal))
            print(rows[-1], file=sys.stderr, flush=True)
    print(table(rows))


if __name__ == "__main__":
    main()
