"""A short run of the mutations, in a process of its own: a crash must not end the other tests."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


def test_mutations_are_used_or_refused():
    program = Path(__file__).with_name("onnx_mutations.py")
    done = subprocess.run(
        [sys.executable, program, "300"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-500:]
    used, refused = (int(done.stdout.split(word)[0].split()[-1]) for word in ("used", "refused"))
    assert used > 30 and refused > 30
