#!/usr/bin/env python3
"""Tries the reliability list and prints its table.

    python tests/reliability/run.py [--long] [--write] [ROW...]

Short: a few thousand mutations, 20 moments; --long: 10,000 mutations a format, 200 moments, 1,000 runs. Ends with 1 where
something was found. --write puts the table of all rows into README.md and docs/reliability.md. Needs EIGHTBIT_BUILD_DIR, as
the tests do."""

import argparse
import datetime
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
sys.path.append(str(ROOT / "bench"))
from machine import cpu_name, isa, package_version  # noqa: E402
from marked_block import rewrite_block  # noqa: E402

HEAD = ["#", "what was tried", "how often", "findings", "pass mark", "CPU s", "clock s"]
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


class Clock:
    """Seconds since it was made: of CPU time of all that was started and has ended, and by the clock."""

    def __init__(self) -> None:
        self.cpu, self.began = self._cpu(), time.monotonic()

    @staticmethod
    def _cpu() -> float:
        times = os.times()
        return times.children_user + times.children_system

    def seconds(self) -> tuple[float, float]:
        return self._cpu() - self.cpu, time.monotonic() - self.began


def tried(row: Row, long: bool) -> Outcome:
    outcome = Outcome()
    run_tests(row, outcome, long)
    run_units(row, outcome)
    run_mutations(row, outcome, long)
    run_sanitized(row, outcome, long)
    return outcome


def cells(row: Row, outcome: Outcome, clock: Clock) -> list[str]:
    often = f"{outcome.tried:,}" if outcome.tried else "no test yet"
    if outcome.skipped:
        often += f", {outcome.skipped} skipped"
    findings = str(outcome.findings) if outcome.tried else "-"
    seconds = [f"{value:,.0f}" for value in clock.seconds()]
    return [f"R{row.number}", row.what, often, findings, row.mark, *seconds]


def line(words: list[str]) -> str:
    return f"| {' | '.join(words)} |"


def table(lines: list[list[str]], columns: int) -> str:
    return "\n".join(line(words[:columns]) for words in [HEAD, ["---"] * len(HEAD), *lines])


def write(lines: list[list[str]], summary: str) -> None:
    """Into README.md without the times, into docs/reliability.md with all."""
    rewrite_block(ROOT / "README.md", "reliability", table(lines, HEAD.index("CPU s")))
    command = f"`python tests/reliability/run.py {' '.join(sys.argv[1:])}`"
    machine = f"{os.cpu_count()} cores of {cpu_name()} ({', '.join(isa())})"
    told = f"{command}, {datetime.date.today()}, {machine}, OpenVINO {package_version('openvino')}:\n{summary}."
    rewrite_block(
        ROOT / "docs/reliability.md", "reliability", f"{told}\n\n{table(lines, len(HEAD))}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("rows", nargs="*", type=int, help="numbers; default: all")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--write", action="store_true", help="put the table into the pages")
    arguments = parser.parse_args()
    if arguments.write and arguments.rows:
        parser.error("--write takes all rows")
    lines, found, gaps, whole = [], 0, 0, Clock()
    print(table([], len(HEAD)), flush=True)
    for row in ROWS:
        if arguments.rows and row.number not in arguments.rows:
            continue
        clock = Clock()
        outcome = tried(row, arguments.long)
        found += outcome.findings
        gaps += outcome.tried == 0
        lines.append(cells(row, outcome, clock))
        print(line(lines[-1]), flush=True)
        if outcome.text:
            print(outcome.text, file=sys.stderr, flush=True)
    cpu, seconds = whole.seconds()
    summary = f"{found} findings, {gaps} rows without tests, in {cpu:,.0f} s of CPU time and {seconds:,.0f} s"
    print(f"\n{summary}")
    if arguments.write:
        write(lines, summary)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
