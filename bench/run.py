#!/usr/bin/env python3
"""Speed and accuracy of quantization beside NNCF and plain FP32 inference, all in one run.

    python bench/run.py [INPUTS]              INPUTS: what make_inputs.py wrote; default bench/inputs

Every measurement is a process of its own. In each, FP32 inference of the same 300 samples (throughput mode, f32) is timed
right before quantization, because on a shared machine only ratios taken together mean anything. Then all quantized
models of a network take turns with the FP32 model, one sample at a time.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import tables
from cases import MODELS
from contenders import CONTENDERS, engine_of, is_ours, target_of
from machine import describe
from make_inputs import CALIBRATION
from marked_block import rewrite_block
from runtime import RUNTIMES

HERE = Path(__file__).parent


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = Path(os.environ.get("EIGHTBIT_INPUTS", HERE / "inputs"))
    parser.add_argument("inputs", nargs="?", type=Path, default=default)
    parser.add_argument(
        "--models", type=names_of(MODELS), default=list(MODELS), help=",".join(MODELS)
    )
    parser.add_argument(
        "--tools", type=names_of(CONTENDERS), default=list(CONTENDERS), help=",".join(CONTENDERS)
    )
    parser.add_argument("--quick", action="store_true", help="fewer samples for accuracy and speed")
    parser.add_argument(
        "--memory", action="store_true", help="memory with 300 and with 3,000 samples too"
    )
    parser.add_argument(
        "--statistics", action="store_true", help="other recipes from saved statistics too"
    )
    parser.add_argument("--json", type=Path, help="write all figures there")
    parser.add_argument(
        "--beside",
        type=Path,
        action="append",
        default=[],
        help="--json of an earlier run, whose tables stand below",
    )
    parser.add_argument("--readme", action="store_true", help="put the tables into README.md")
    return parser.parse_args()


def names_of(allowed):
    def parse_names(text: str) -> list[str]:
        wanted = text.split(",")
        if unknown := [name for name in wanted if name not in allowed]:
            raise argparse.ArgumentTypeError(
                f"{', '.join(unknown)}: choose from {', '.join(allowed)}"
            )
        return wanted

    return parse_names


def work(*arguments) -> dict:
    """Runs worker.py and returns what it prints."""
    command = [sys.executable, HERE / "worker.py", *map(str, arguments)]
    # Threads that spin at barriers would measure whatever else the machine does.
    environment = {"OMP_WAIT_POLICY": "passive", **os.environ, "TQDM_DISABLE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        raise SystemExit(
            f"{' '.join(map(str, arguments))} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        )
    return json.loads(done.stdout.splitlines()[-1])


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Bench:
    def __init__(self, options: argparse.Namespace, folder: Path):
        self.options, self.folder = options, folder
        self.results = {
            "machine": describe(),
            "quantize": [],
            "latency_ms": {},
            "memory": [],
            "recipes": [],
        }

    def run(self) -> dict:
        for model in self.options.models:
            self.quantize(model)
            if self.options.memory:
                self.memory(model)
            if self.options.statistics:
                say(f"{model}: recipes from statistics")
                self.results["recipes"].append(
                    work("recipes", self.options.inputs, model, self.folder)
                )
            self.keep()
        return self.results

    def keep(self) -> None:
        """At every step, so that a failure at the last does not lose the first."""
        if self.options.json:
            self.options.json.write_text(json.dumps(self.results, indent=1), encoding="utf8")

    def quantize(self, model: str) -> None:
        rows = [
            self.row(model, tool, CALIBRATION, 100 if self.options.quick else 600)
            for tool in self.options.tools
            if target_of(tool, model)
        ]
        self.results["quantize"] += rows
        self.keep()
        say(f"{model}: speed of all models in turns")
        for engine in dict.fromkeys(engine_of(row["tool"]) for row in rows):
            if RUNTIMES[engine].runs_integers:
                self.speed(model, engine, [row for row in rows if engine_of(row["tool"]) == engine])

    def speed(self, model: str, engine: str, rows: list[dict]) -> None:
        named = [f"{row['tool']}={row['path']}" for row in rows if "path" in row]
        samples = 100 if self.options.quick else 300
        speed = work("speed", self.options.inputs, model, samples, engine, *named)
        self.results["latency_ms"].setdefault(engine, {})[model] = speed["latency_ms"]

    def memory(self, model: str) -> None:
        for tool in self.options.tools:
            if tool in ("eightbit", "nncf"):
                self.results["memory"] += [
                    self.row(model, tool, count, 0) for count in (CALIBRATION, 10 * CALIBRATION)
                ]

    def row(self, model: str, tool: str, samples: int, evaluate: int) -> dict:
        say(f"{model}: {tool}, {samples} samples")
        folder = self.folder / f"{model}-{tool}-{samples}"
        folder.mkdir(exist_ok=True)
        try:
            return work("quantize", self.options.inputs, model, tool, folder, samples, evaluate)
        except SystemExit as failure:
            if is_ours(tool):
                raise
            return {"model": model, "tool": tool, "failed": str(failure).splitlines()[-1]}


def main() -> None:
    options = parse()
    if not (options.inputs / "ocr_rec.xml").exists():
        raise SystemExit(
            f"{options.inputs} holds no inputs. Make them: python bench/make_inputs.py {options.inputs}"
        )
    with tempfile.TemporaryDirectory(prefix="eightbit-bench-") as folder:
        results = Bench(options, Path(folder)).run()
    earlier = [json.loads(path.read_text(encoding="utf8")) for path in options.beside]
    text = "\n\n".join(tables.report(each) for each in [results, *earlier])
    print(text)
    if options.readme:
        rewrite_block(HERE.parent / "README.md", "bench", text)


if __name__ == "__main__":
    main()
