"""A short run of each program of mutations, in processes of their own: a crash must not end the other tests."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    "program, needs", [("onnx_mutations", ("onnx", "onnxruntime")), ("file_mutations", ())]
)
def test_mutations_are_used_or_refused(program, needs):
    for package in needs:
        pytest.importorskip(package)
    path = Path(__file__).with_name(f"{program}.py")
    done = subprocess.run(
        [sys.executable, path, "300"], capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-500:]
    used, refused = (int(done.stdout.split(word)[0].split()[-1]) for word in ("used", "refused"))
    assert used > 30 and refused > 30
