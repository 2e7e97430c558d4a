#!/usr/bin/env python3
"""Counts the files that a new op, a new algorithm and a new option touch, by adding one of each to a copy of the tree.

    tools/count_files.py [--jobs N] [FOLDER]

Builds the copy in FOLDER (else in a temporary one), runs its tests and what tools/dummy_checks.py asks of all clients, and
prints the counts. Ends with 1 where a change touches more files than it should. The compiler cache, if there is one, makes
of it a build of what the changes reach."""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from dummy_changes import CHANGES

ROOT = Path(__file__).parents[1]
TARGETS = ("eightbit_python", "graph_test", "placement_test", "algorithms_test", "config_test")
TESTS = ("graph", "placement", "algorithms", "config")


def run(*command, cwd: Path, **environment) -> str:
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def git(copy: Path, *words: str) -> str:
    return run("git", "-c", "user.name=count", "-c", "user.email=count@localhost", *words, cwd=copy)


def copy_tree(copy: Path) -> None:
    """What git would commit of the tree as it lies here, in a repository of its own."""
    listed = run("git", "ls-files", "-z", "-c", "-o", "--exclude-standard", cwd=ROOT)
    for file in filter(None, listed.split("\0")):
        if not (ROOT / file).exists():
            continue  # removed, and not yet committed
        (copy / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / file, copy / file)
    (copy / ".venv").symlink_to((ROOT / ".venv").resolve())
    git(copy, "init", "--quiet")
    git(copy, "add", "--all")
    git(copy, "commit", "--quiet", "-m", "as it is")


def touched(copy: Path) -> list[str]:
    """Files that differ from the last commit; commits them."""
    git(copy, "add", "--all")
    files = git(copy, "diff", "--cached", "--name-only").split()
    git(copy, "commit", "--quiet", "-m", "a change")
    return files


def format_sources(copy: Path, files: list[str]) -> None:
    """As `make format` would."""
    formatter = copy / ".venv" / "bin" / "clang-format"
    run(formatter, "-i", *(file for file in files if Path(file).suffix in (".h", ".cc")), cwd=copy)


def build(copy: Path, jobs: int) -> None:
    launcher = ("-DCMAKE_CXX_COMPILER_LAUNCHER=ccache",) if shutil.which("ccache") else ()
    cache = {
        "CCACHE_BASEDIR": str(copy.resolve()),
        "CCACHE_SLOPPINESS": "pch_defines,time_macros",
        "CCACHE_NOHASHDIR": "1",
    }
    run("cmake", "--preset", "release", *launcher, cwd=copy, **cache)
    run("cmake", "--build", "build", f"-j{jobs}", "--target", *TARGETS, cwd=copy, **cache)


def check(copy: Path) -> None:
    """The C++ tests of the rooms that were changed, the rules of the architecture, and all clients."""
    for module in TESTS:
        run(copy / "build" / "tests" / f"{module}_test", cwd=copy)
    python = copy / ".venv" / "bin" / "python"
    paths = {"PYTHONPATH": f"{copy}/build/python", "EIGHTBIT_BUILD_DIR": f"{copy}/build"}
    run(python, "-m", "pytest", "-q", "tests/architecture", cwd=copy, **paths)
    run(python, "tools/dummy_checks.py", cwd=copy, **paths)


def count(copy: Path, jobs: int) -> dict[str, list[str]]:
    """The files that each row of CHANGES touched, after all that was built and tested."""
    copy_tree(copy)
    counted = {}
    for change in CHANGES:
        change.apply(copy)
        format_sources(copy, change.files)
        counted[change.row] = touched(copy)
    build(copy, jobs)
    check(copy)
    return counted


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, help="empty or not there; it is kept")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        copy = arguments.folder or Path(temporary)
        copy.mkdir(parents=True, exist_ok=True)
        counted = count(copy.resolve(), arguments.jobs)
    for change in CHANGES:
        files = counted[change.row]
        print(f"{change.row}: {len(files)} files, at most {change.target}: {', '.join(files)}")
    return int(any(len(counted[change.row]) > change.target for change in CHANGES))


if __name__ == "__main__":
    sys.exit(main())
