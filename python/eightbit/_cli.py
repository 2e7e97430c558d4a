"""The console script: hands over to the C++ program that the package brings along."""

import os
import sys
from pathlib import Path

from eightbit._openvino import libraries


def main() -> None:
    """Replaces this process by the program, so that signals and exit codes are its own."""
    program, environment = command()
    os.execve(program, ["eightbit", *sys.argv[1:]], environment)


def command() -> tuple[Path, dict[str, str]]:
    """The program, and the environment that it needs. Ends the process where it is missing."""
    program = Path(__file__).with_name("bin") / "eightbit"
    if not program.exists():
        sys.exit(
            f"eightbit: {program} is missing. Reinstall the package: pip install --force-reinstall eightbit"
        )
    return program, _environment()


def _environment() -> dict[str, str]:
    """Finds OpenVINO where this Python finds it, also when it is not the package's neighbour."""
    environment = dict(os.environ)
    environment.setdefault("EIGHTBIT_PYTHON", sys.executable)  # which reads text for it
    folder = libraries()
    if folder is not None:
        environment.setdefault("EIGHTBIT_OPENVINO", str(folder))
    return environment


if __name__ == "__main__":
    main()
