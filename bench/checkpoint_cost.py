#!/usr/bin/env python3
"""What a checkpoint costs: quantizations with and without one take turns, in one process.

    python bench/checkpoint_cost.py [--model efflite0] [--pairs 8]

Prints the CPU seconds of each pair, the second of which goes first every other time, and the median of their ratios. The first
pair warms up and does not count."""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

import eightbit as eb
from cases import MODELS, Case

HERE = Path(__file__).parent


def seconds_of(case, samples, checkpoint) -> tuple[float, float]:
    """In CPU time, and by the clock."""
    data = eb.Dataset(samples)
    cpu, began = time.process_time(), time.perf_counter()
    eb.quantize(case.ir, data, subset_size=len(samples), checkpoint=checkpoint)
    return time.process_time() - cpu, time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    default = Path(os.environ.get("EIGHTBIT_INPUTS", HERE / "inputs"))
    parser.add_argument("inputs", nargs="?", type=Path, default=default)
    parser.add_argument("--model", choices=MODELS, default="efflite0")
    parser.add_argument("--pairs", type=int, default=8)
    arguments = parser.parse_args()
    case = Case(arguments.model, arguments.inputs)
    samples = case.calibration()
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        for pair in range(arguments.pairs + 1):
            found = {}
            for kept in (False, True) if pair % 2 else (True, False):
                checkpoint = Path(folder, f"{pair}.checkpoint") if kept else None
                found[kept] = seconds_of(case, samples, checkpoint)
            for path in Path(folder).iterdir():
                path.unlink()
            (with_it, clock_with), (without, clock) = found[True], found[False]
            print(f"{without:.2f} s without, {with_it:.2f} s with; {clock:.2f}, {clock_with:.2f} s by the clock", flush=True)  # fmt: skip
            if pair > 0:
                ratios.append(with_it / without)
    print(f"with a checkpoint {statistics.median(ratios):.3f} times as long ({min(ratios):.3f} to {max(ratios):.3f})")  # fmt: skip


if __name__ == "__main__":
    main()
