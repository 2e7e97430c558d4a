"""What tests of the wheel share."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
RELEASES = [
    line
    for line in (ROOT / "requirements" / "openvino.txt").read_text().split("\n")
    if line and not line.startswith("#")
]


def run(*command, **options) -> str:
    """What the program writes. Fails with what it said."""
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, **options
    )
    assert done.returncode == 0, f"{done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


class Environment:
    """An empty virtual environment with what `pip install` brings, as if it were the only Python
    of its user: nothing of the build folder is in it."""

    def __init__(self, folder: Path, *packages):
        self.programs = folder / "venv" / "bin"
        self.folder = folder  # what its programs run in
        own = {
            name: value for name, value in os.environ.items() if not name.startswith("EIGHTBIT_")
        }
        own.pop("PYTHONPATH", None)
        self.variables = {
            **own,
            "VIRTUAL_ENV": str(folder / "venv"),
            "PATH": f"{self.programs}:{os.defpath}",
        }
        run(sys.executable, "-m", "venv", folder / "venv")
        self.run("pip", "install", "--quiet", *packages)

    def run(self, program, *words, **variables) -> str:
        return run(
            *(self.programs / program, *words),
            cwd=self.folder,
            env={**self.variables, **variables},
        )

    def python(self, text: str) -> str:
        """What the program writes, which runs with this environment's eightbit."""
        said = self.run("python", "-c", f"{text}\nprint(eb.__file__)").splitlines()
        assert said[-1].startswith(str(self.folder)), said[-1]
        return "\n".join(said[:-1])

    def refused(self, program, *words) -> str:
        """What it says to the terminal as it fails."""
        done = subprocess.run(
            [str(self.programs / program), *words],
            cwd=self.folder,
            env=self.variables,
            capture_output=True,
            text=True,
        )
        assert done.returncode not in (0, -6, -11), done.stdout + done.stderr
        return done.stderr

    def parts(self) -> list[str]:
        """Releases of OpenVINO that its eightbit has a part for, the newest first."""
        start = "libeightbit_openvino_"
        files = (self.folder / "venv").glob(f"lib/python*/site-packages/eightbit/{start}*.so")
        found = [file.name.removeprefix(start).removesuffix(".so") for file in files]
        return sorted(found, reverse=True)
