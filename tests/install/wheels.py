"""What tests of the wheel share."""

import subprocess
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
