"""The example that quantizes a chain of models by running it."""

import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import eightbit
import pytest

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]  # the detector alone takes minutes


def test_the_readmes_ten_lines_run(monkeypatch):
    package = pytest.importorskip("rapidocr_onnxruntime", reason="the models are out of it")
    monkeypatch.syspath_prepend(ROOT / "examples" / "text_chain")
    from quantize import page

    block = re.search(
        r"```text\n(  chain = RapidOCR.*?)```", (ROOT / "README.md").read_text(), re.S
    )
    names = {
        "RapidOCR": package.RapidOCR,
        "folder": Path(package.__file__).parent / "models",
        "eb": eightbit,
        "pages": [page(seed)[0] for seed in range(4)],
    }
    exec(textwrap.dedent(block[1]), names)
    assert len(names["quantized"]) == 3
    for model in names["quantized"]:
        assert "QuantizeLinear" in {node.op_type for node in model.graph.node}


def test_a_chain_of_three_models_reads_as_before(tmp_path):
    pytest.importorskip("rapidocr_onnxruntime", reason="the models are out of that package")
    script = ROOT / "examples" / "text_chain" / "quantize.py"
    done = subprocess.run(
        [sys.executable, script, tmp_path, "--pages", "12", "--json"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["watched_over_plain"] < 1.9
    assert figures["read_right_float"] > 0.6
    assert figures["read_right_int8"] > figures["read_right_float"] - 0.05
    assert all(count >= 12 for count in figures["samples"])
    assert len(list(tmp_path.glob("*.onnx"))) == 3
