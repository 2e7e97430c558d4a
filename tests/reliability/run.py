#!/usr/bin/env python3
"""Tries the reliability list and prints its table.

    python tests/reliability/run.py [--long] [ROW...]

Short: a few thousand mutations, 20 moments; --long: 10,000 mutations a format, 200 moments, 1,000 runs. Ends with 1 where
something was found. Needs EIGHTBIT_BUILD_DIR, as the tests do."""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from rows import ROWS, Row

ROOT = Path(__file__).parents[2]
LONG = {
    "RELIABILITY_MOMENTS": "200",
    "RELIABILITY_RUNS": "1000",
    "RELIABILITY_ALLOCATIONS": "1000",
    "RELIABILITY_REPEATS": "20",
}


@dataclass
class Outcome:
    tried: int = 0
    findings: int = 0
    skipped: int = 0
    text: str = ""

    def add(self, tried: int, findings: int, skipped: int, output: str) -> None:
        self.tried, self.findings = self.tried + tried, self.findings + findings
        self.skipped += skipped
        if findings:
            self.text += output[-3000:]


def run(command, **environment) -> tuple[int, str]:
    done = subprocess.run(
        list(map(str, command)),
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


def count(word: str, output: str) -> int:
    found = re.findall(rf"(\d+) {word}", output)
    return int(found[-1]) if found else 0


def run_tests(row: Row, outcome: Outcome, long: bool) -> None:
    if not row.tests:
        return
    more = LONG if long else {}
    command = [sys.executable, "-m", "pytest", "-q", "-m", "slow or not slow", *row.tests]
    status, output = run(command, **more)
    bad = count("failed", output) + count("error", output)
    outcome.add(
        count("passed", output) + bad, bad or status not in (0, 5), count("skipped", output), output
    )


def run_units(row: Row, outcome: Outcome) -> None:
    for unit in row.units:
        program, _, names = unit.partition(":")
        run_program(Path(os.environ["EIGHTBIT_BUILD_DIR"], "tests", program), names, outcome)


def run_mutations(row: Row, outcome: Outcome, long: bool) -> None:
    for program, short, whole in row.mutations:
        number = whole if long else short
        _, output = run([sys.executable, ROOT / f"tests/fuzz/{program}.py", number])
        outcome.add(number, count("findings", output), 0, output)


def run_sanitized(row: Row, outcome: Outcome, long: bool) -> None:
    launcher = shutil.which("ccache")
    for preset, (short, more) in row.sanitized.items():
        programs = [f"{module}_test" for module in (short + more if long else short)]
        folder = ROOT / f"build-{preset}"
        configure = ["cmake", "--preset", preset]
        if launcher:
            configure.append(f"-DCMAKE_CXX_COMPILER_LAUNCHER={launcher}")
        for command in (configure, ["cmake", "--build", folder, "-j2", "--target", *programs]):
            status, output = run(command)
            if status != 0:
                outcome.add(1, 1, 0, output)
                break
        else:
            for program in programs:
                run_program(folder / "tests" / program, "*", outcome)


def run_program(path: Path, names: str, outcome: Outcome) -> None:
    # The undefined behaviour sanitizer goes on otherwise, and ends with 0.
    status, output = run(
        [path, f"--gtest_filter={names}", "--gtest_brief=1"],
        UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1",
        TSAN_OPTIONS=f"suppressions={Path(__file__).with_name('threads.supp')}",
    )
    tried = re.search(r"(\d+) tests? from", output)
    outcome.add(int(tried[1]) if tried else 0, int(status != 0 or not tried), 0, output)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("rows", nargs="*", type=int, help="numbers; default: all")
    parser.add_argument("--long", action="store_true")
    arguments = parser.parse_args()
    found = gaps = 0
    print(
        "| # | what was tried | how often | findings | pass mark | seconds |\n| --- | --- | --- | --- | --- | --- |"
    )
    for row in ROWS:
        if arguments.rows and row.number not in arguments.rows:
            continue
        began = time.monotonic()
        outcome = Outcome()
        run_tests(row, outcome, arguments.long)
        run_units(row, outcome)
        run_mutations(row, outcome, arguments.long)
        run_sanitized(row, outcome, arguments.long)
        found += outcome.findings
        gap = outcome.tried == 0
        gaps += gap
        often = (
            "no test yet"
            if gap
            else f"{outcome.tried:,}" + (f", {outcome.skipped} skipped" if outcome.skipped else "")
        )
        result = "-" if gap else outcome.findings
        seconds = time.monotonic() - began
        print(
            f"| R{row.number} | {row.what} | {often} | {result} | {row.mark} | {seconds:.0f} |",
            flush=True,
        )
        if outcome.text:
            print(outcome.text, file=sys.stderr, flush=True)
    print(f"\n{found} findings, {gaps} rows without tests")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
