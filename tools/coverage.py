#!/usr/bin/env python3
"""How many lines of modules the C++ tests beside them run.

    cmake --preset coverage && cmake --build build-coverage --target pipeline_test backends_onnx_test
    tools/coverage.py [FOLDER]               FOLDER: build-coverage where none is given

Runs the tests of the modules that were built to be counted and prints a line for each file, least covered first, and the sum
of each module."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]


def modules(build: Path) -> list[str]:
    """Those that are counted, as the build was configured."""
    found = re.search(
        r"^EIGHTBIT_COVERAGE:\w+=(.*)$", (build / "CMakeCache.txt").read_text(), re.MULTILINE
    )
    return [name for name in (found[1] if found else "").split(";") if name]


def run_tests(build: Path, module: str) -> list[Path]:
    """The counters that the module's tests leave behind."""
    name = module.replace("/", "_")
    objects = build / "CMakeFiles" / f"eightbit_{name}.dir"
    for old in objects.rglob("*.gcda"):
        old.unlink()
    subprocess.run([build / "tests" / f"{name}_test", "--gtest_brief=1"], check=True)
    return sorted(objects.rglob("*.gcda"))


def lines_of(counters: list[Path], module: str) -> dict[str, dict[int, bool]]:
    """For each source file of the module, whether each of its lines was run."""
    seen: dict[str, dict[int, bool]] = defaultdict(dict)
    with tempfile.TemporaryDirectory() as scratch:
        for counter in counters:
            printed = subprocess.run(
                ["gcov", "--json-format", "--stdout", counter],
                cwd=scratch,
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            found = json.loads(printed)
            for file in found["files"]:
                path = Path(
                    os.path.normpath(Path(found["current_working_directory"], file["file"]))
                )
                if ROOT / "src" / module not in path.parents:
                    continue
                lines = seen[str(path.relative_to(ROOT / "src"))]
                for line in file["lines"]:
                    number = line["line_number"]
                    lines[number] = lines.get(number, False) or line["count"] > 0
    return {name: lines for name, lines in seen.items() if lines}


def main() -> None:
    build = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT / "build-coverage"
    for module in modules(build):
        files = lines_of(run_tests(build, module), module)
        for name in sorted(files, key=lambda name: sum(files[name].values()) / len(files[name])):
            run = sum(files[name].values())
            print(f"{run / len(files[name]):5.0%} of {len(files[name]):4} lines  {name}")
        run = sum(sum(lines.values()) for lines in files.values())
        count = sum(map(len, files.values()))
        print(f"{run / count:5.1%} of {count} lines  {module}\n")


if __name__ == "__main__":
    main()
