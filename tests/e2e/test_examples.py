"""The examples with models that packages ship, each on a small share of its data."""

import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(script: str, *arguments, package: str = "") -> dict:
    """The figures that an example prints with --json. package: of requirements/examples.txt, whose model it takes."""
    if package:
        try:
            importlib.metadata.distribution(package)
        except importlib.metadata.PackageNotFoundError:
            pytest.skip(f"the model is out of the package {package} (requirements/examples.txt)")
    command = [sys.executable, EXAMPLES / script, *arguments, "--json"]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("by", ["observers", "pot"])
def test_faces_of_a_cascade_are_found_again(by, tmp_path):
    figures = run(
        "face_cascade/quantize.py",
        tmp_path,
        "--by",
        by,
        "--pictures",
        16,
        package="facenet-pytorch",
    )
    assert figures["faces"] >= 16
    assert figures["found_again"] >= 0.95 and figures["none_new"] >= 0.95
    assert {path.name for path in tmp_path.glob("?net.xml")} == {"pnet.xml", "rnet.xml", "onet.xml"}
