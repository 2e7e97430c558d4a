#!/usr/bin/env python3
"""What a calibration costs on 1, 2, 4 and 8 processes of one machine, for the cost model of docs/many_machines.md.

    EIGHTBIT_BUILD_DIR=build python bench/processes.py [--model efflite0] [--repeats 3]

Each process measures its share with one thread (--shard I/N), then the shares are merged, and the bytes compared with those of one
process. Of the repeats, which go through all numbers of processes in turn, the one with the least CPU time counts: on a shared machine
only that says something. Then the line that fits these CPU times: what a process takes by itself, and what a sample takes."""

import argparse
import os
import resource
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from cases import MODELS, Case
from make_inputs import CALIBRATION

HERE = Path(__file__).parent
COUNTS = (1, 2, 4, 8)


def measured(commands) -> tuple[float, float]:
    """Seconds by the clock and of CPU time until all are done."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    running = [subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for command in commands]  # fmt: skip
    failed = [process.args for process in running if process.wait() != 0]
    clock, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if failed:
        raise SystemExit(f"failed: {failed[0]}")
    return clock, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def run(case, count, folder) -> dict:
    cli = Path(os.environ["EIGHTBIT_BUILD_DIR"], "cli", "eightbit")
    parts = [folder / f"{index}.stats" for index in range(count)]
    calibrate = [cli, "calibrate", case.ir, "--data", case.data_path, "--subset-size", CALIBRATION,
                 "--threads", 1, "--alone"]  # fmt: skip
    shares = [[*calibrate, "--shard", f"{index}/{count}", "-o", part] for index, part in enumerate(parts)]  # fmt: skip
    clock, cpu = measured(shares)
    merge_clock, merge_cpu = measured([[cli, "merge", *parts, "-o", folder / "all.stats"]])
    size = sum(part.stat().st_size for part in parts)
    merged = (folder / "all.stats").read_bytes()
    for path in [*parts, folder / "all.stats"]:
        path.unlink()
    return {"cpu": cpu, "clock": clock, "merge": merge_cpu, "merge clock": merge_clock, "size": size, "bytes": merged}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    default = Path(os.environ.get("EIGHTBIT_INPUTS", HERE / "inputs"))
    parser.add_argument("inputs", nargs="?", type=Path, default=default)
    parser.add_argument("--model", choices=MODELS, default="efflite0")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    case = Case(arguments.model, arguments.inputs)
    best = {}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(arguments.repeats):
            for count in COUNTS:
                found = run(case, count, Path(folder))
                if best and found["bytes"] != best[COUNTS[0]]["bytes"]:
                    raise SystemExit(f"{count} processes came to other bytes than {COUNTS[0]}")
                if count not in best or found["cpu"] < best[count]["cpu"]:
                    best[count] = found
    print("| processes | CPU s | clock s | statistics MB | merge CPU s | merge clock s |\n|---|---|---|---|---|---|")  # fmt: skip
    for count, of in best.items():
        print(f"| {count} | {of['cpu']:.1f} | {of['clock']:.1f} | {of['size'] / 1e6:.1f} | {of['merge']:.2f} | {of['merge clock']:.2f} |")  # fmt: skip
    slope, rest = np.polyfit(list(best), [of["cpu"] for of in best.values()], 1)
    print(f"{slope:.2f} s a process, {1000 * rest / CALIBRATION:.1f} ms a sample")


if __name__ == "__main__":
    main()
