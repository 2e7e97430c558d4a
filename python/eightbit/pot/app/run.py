"""The command line tool of POT's name."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from eightbit._cli import command
from eightbit._cli import main as eightbit_main
from eightbit.pot.refused import refuse


def main() -> None:
    """Replaces this process by `eightbit pot` with its arguments."""
    sys.argv.insert(1, "pot")
    eightbit_main()


def app(argv: Sequence[str]) -> int:
    """Runs `eightbit pot` with the arguments; its exit status: 0, or 2 for what must change in the request."""
    program, environment = command()
    return subprocess.run([program, "pot", *map(str, argv)], env=environment).returncode


def __getattr__(name: str) -> Any:
    return refuse("app.run", name)
