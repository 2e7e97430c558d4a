"""The example of training: a network hurt by 2-bit weights comes back to within a point of the float one."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_training_brings_a_rounded_network_back():
    pytest.importorskip("sklearn", reason="the example's digits are those of scikit-learn")
    script = ROOT / "examples" / "python" / "train_quantized.py"
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    percent = {
        name: float(value)
        for name, value in re.findall(r"^(.+): ([\d.]+) %$", done.stdout, re.MULTILINE)
    }
    assert percent["float"] > 95 and percent["8 bits"] > percent["float"] - 1
    assert percent["2-bit weights"] < percent["float"] - 20
    # 400 digits: what training ends in differs by a few of them with the ranges that it starts from
    assert percent["trained"] >= percent["float"] - 2
    assert percent["stripped"] == pytest.approx(percent["trained"], abs=0.3)
