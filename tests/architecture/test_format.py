"""One formatting: what `make format` would change is an error."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TOOLS = Path(sys.executable).parent
WIDEST = 100  # columns of C++


def files(*patterns: str) -> list[str]:
    return subprocess.run(
        ["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()


def run(*command) -> subprocess.CompletedProcess:
    return subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True)


def test_clang_format_has_nothing_to_do():
    found = run(TOOLS / "clang-format", "--dry-run", "-Werror", *files("*.h", "*.cc"))
    changed = sorted(set(re.findall(r"^(\S+?):\d+:\d+: error", found.stderr, re.MULTILINE)))
    assert found.returncode == 0 and not changed, f"make format: {changed}"


def test_ruff_has_nothing_to_do():
    found = run(TOOLS / "ruff", "check", "--quiet", ".")
    assert found.returncode == 0, found.stdout
    found = run(TOOLS / "ruff", "format", "--check", ".")
    assert found.returncode == 0, f"make format: {found.stdout}"


def test_no_line_is_too_long():
    """The formatter leaves comments as they are."""
    long = [
        f"{file}:{number}"
        for file in files("*.h", "*.cc")
        for number, line in enumerate((ROOT / file).read_text().splitlines(), 1)
        if len(line) > WIDEST
    ]
    assert not long, long
