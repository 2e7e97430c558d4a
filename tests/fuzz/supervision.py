"""Runs mutations in processes of their own, one a core: after a crash or a hang the next mutation goes on.

A program of mutations calls `main(use)` with a function of a number and a folder that makes the mutation of that number,
and returns True where it was used, False where it was refused with one of eightbit's errors:

    python tests/fuzz/PROGRAM.py [COUNT] [FIRST]     default 10000 from 0

A mutation is made again from its number: `PROGRAM.py 1 NUMBER`. Ends with 1 at a crash, at a bug of ours, at an error that
is not one of eightbit's, and after more than 5 seconds of computing or 2 GB."""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import eightbit as eb

SECONDS, MEGABYTES = 5.0, 2000
HANGING = 60.0  # seconds after which a process is ended

Use = Callable[[int, Path], bool]


def used_or_refused(use: Callable[[], object]) -> bool:
    """Whether `use` went through. An error must say enough; one of our own defects is none."""
    try:
        use()
        return True
    except eb.InternalError:
        raise
    except eb.Error as error:
        if len(str(error)) < 20:
            raise
        return False


def grown_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def work(use: Use, count: int, first: int, folder: Path) -> None:
    """Findings go to standard output, a line each; the number at work and how many were used to a file."""
    used, before = 0, grown_mb()
    for number in range(first, first + count):
        (folder / "progress").write_text(f"{number} {used}")
        begin = time.process_time()
        try:
            used += use(number, folder)
        except Exception as error:  # noqa: BLE001: whatever is not one of eightbit's refusals is a finding
            print(f"mutation {number}: {type(error).__name__}: {error}", flush=True)
        if (seconds := time.process_time() - begin) > SECONDS:
            print(f"mutation {number}: {seconds:.1f} s", flush=True)
        if grown_mb() - before > MEGABYTES:
            print(f"mutation {number}: {grown_mb() - before} MB", flush=True)
            before = grown_mb()
    (folder / "progress").write_text(f"{first + count} {used}")


def ended(process: subprocess.Popen, progress: Path) -> str | None:
    """Waits for the process; says how it went wrong, or nothing. Counts time as it passes here, so that both can be paused."""
    seen, still = None, 0
    while process.poll() is None:
        time.sleep(0.1)
        now = progress.read_text() if progress.exists() else None
        still = still + 1 if now == seen else 0
        seen = now
        if still > 10 * HANGING:
            process.kill()
            process.wait()
            return f"no end within {HANGING:.0f} s"
    return f"ended with {process.returncode}" if process.returncode else None


def supervise(program: str, count: int, first: int) -> tuple[int, list[str]]:
    """A stretch of mutations: how many were used, and what was found."""
    used, bad, at = 0, [], first
    while at < first + count:
        with (
            tempfile.TemporaryDirectory() as name,
            open(Path(name, "out"), "w+") as out,
            open(Path(name, "err"), "w+") as err,
        ):
            folder = Path(name)
            command = [sys.executable, program, str(first + count - at), str(at), name]
            wrong = ended(subprocess.Popen(command, stdout=out, stderr=err), folder / "progress")
            number, used_here = (
                map(int, (folder / "progress").read_text().split())
                if (folder / "progress").exists()
                else (at, 0)
            )
            bad += (folder / "out").read_text().splitlines()
            if wrong:
                bad.append(f"mutation {number}: {wrong}\n{(folder / 'err').read_text()[-6000:]}")
            used += used_here
            at = number + 1 if wrong else first + count
    return used, bad


def main(use: Use) -> None:
    program = sys.argv[0]
    count, first = ([int(a) for a in sys.argv[1:3]] + [10000, 0][len(sys.argv[1:3]) :])[:2]
    if len(sys.argv) > 3:
        return work(use, count, first, Path(sys.argv[3]))
    size = max(1, min(250, count // (os.cpu_count() or 1)))
    stretches = [(min(size, first + count - at), at) for at in range(first, first + count, size)]
    used, bad = 0, []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        done = pool.map(lambda stretch: supervise(program, *stretch), stretches)
        for (_, at), (used_there, bad_there) in zip(stretches, done, strict=True):
            used += used_there
            bad += bad_there
            print(
                *bad_there, f"{at + size - first} of {count}", sep="\n", file=sys.stderr, flush=True
            )
    print("\n".join(bad))
    print(f"{count} mutations, {used} used, {count - used - len(bad)} refused, {len(bad)} findings")
    sys.exit(1 if bad else 0)
