"""The parts of the benchmark and the demo that turn measurements into figures."""

import sys
from pathlib import Path

import numpy as np
import pytest

BENCH = Path(__file__).parents[2] / "bench"


@pytest.fixture(autouse=True)
def bench_modules(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCH))
    yield
    for name in (
        "cases",
        "contenders",
        "machine",
        "make_inputs",
        "marked_block",
        "runtime",
        "tables",
    ):
        sys.modules.pop(name, None)


def scores(*classes: int) -> np.ndarray:
    return np.eye(4)[list(classes)]


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        ((1, 1, 2), "ab"),
        ((1, 0, 1), "aa"),
        ((0, 0), ""),
        ((0, 2, 2, 0, 3, 3), "bc"),
        ((3, 2, 3), "cbc"),
    ],
)
def test_repeats_count_once_and_blanks_separate(steps, text):
    from make_inputs import read_line

    assert read_line(scores(*steps), ["", "a", "b", "c"]) == text


def test_sqnr_is_that_of_all_outputs_together():
    from cases import sqnr

    reference = [np.array([3.0, 4.0]), np.array([5.0, 0.0])]
    assert sqnr(reference, [np.array([3.0, 4.5]), np.array([5.0, 0.5])]) == pytest.approx(
        10 * np.log10(50 / 0.5)
    )
    assert sqnr(reference, reference) == float("inf")


def result() -> dict:
    machine = {
        "cpu": "Z80",
        "cores": 2,
        "isa": ["AVX2"],
        "openvino": "1",
        "nncf": "2",
        "python": "3",
    }
    shared = {"model": "minilm", "peak_mb": 7, "sqnr_db": 20.04, "samples": 300}
    rows = [
        {
            **shared,
            "tool": "eightbit",
            "ratio": 1.5,
            "quantize_s": 3.0,
            "steps": {"calibrate": 2.5},
        },
        {**shared, "tool": "nncf", "ratio": 5.0, "quantize_s": 10.0, "steps": {}},
        {**shared, "tool": "eightbit-onnx", "ratio": 1.4, "quantize_s": 2.0, "steps": {}},
        {"model": "minilm", "tool": "ort", "failed": "out of memory"},
    ]
    latency = {
        "openvino": {"minilm": {"fp32": 8.0, "eightbit": 2.0, "nncf": 4.0}},
        "onnxruntime": {"minilm": {"fp32": 9.0, "eightbit-onnx": 3.0}},
    }
    return {
        "machine": machine,
        "quantize": rows,
        "latency_ms": latency,
        "memory": [],
        "recipes": [],
    }


def test_the_table_sets_ratios_beside_targets_and_speeds_beside_both_references():
    from tables import report

    lines = report(result()).splitlines()
    assert "| minilm | eightbit | 1.50 | 1.45 | 3.0 | 7 | 20.0 |  | 4.00x | 2.00x |" in lines
    assert "| minilm | NNCF 3.4 | 5.00 |  | 10.0 | 7 | 20.0 |  | 2.00x | 1.00x |" in lines
    assert "| minilm | eightbit | 2.50 | 3.00 |" in lines
    assert "| minilm | eightbit, ONNX | 1.40 | 1.50 | 2.0 | 7 | 20.0 |  | 3.00x |  |" in lines
    assert "| minilm | ONNX Runtime's own | fails |  |  |  |  |  |  |  |" in lines
    assert lines[-1] == "Measured in one run on 2 cores of Z80 (AVX2), OpenVINO 1 in f32, NNCF 2."


def test_only_the_marked_block_of_a_page_changes(tmp_path):
    from marked_block import marks, rewrite_block

    page = tmp_path / "README.md"
    begin, end = marks("bench")
    page.write_text(f"before\n{begin}\nold\n{end}\nafter\n")
    rewrite_block(page, "bench", "new")
    assert page.read_text() == f"before\n{begin}\nnew\n{end}\nafter\n"
    for broken in ("no block", f"{begin} {begin} {end}"):
        page.write_text(broken)
        with pytest.raises(SystemExit):
            rewrite_block(page, "bench", "new")
        assert page.read_text() == broken


@pytest.mark.parametrize(
    ("page", "name"),
    [("README.md", "bench"), ("README.md", "reliability"), ("docs/reliability.md", "reliability")],
)
def test_the_pages_have_the_blocks(page, name):
    from marked_block import marks

    text = (BENCH.parent / page).read_text(encoding="utf8")
    assert [text.count(mark) for mark in marks(name)] == [1, 1]


def test_memory_is_the_high_water_mark_of_the_call_alone():
    from runtime import measured, run_program

    np.ones(60 << 17)  # 60 MB, gone before the call
    held, _, peak = measured(lambda: np.ones(20 << 17).sum())
    assert held == 20 << 17 and 18 <= peak <= 40
    grow = "import time; x = b'1' * (50 << 20); time.sleep(0.3); print('grown')"
    printed, peak = run_program([sys.executable, "-c", grow])
    assert printed == "grown\n" and 50 <= peak <= 90
    with pytest.raises(RuntimeError):
        run_program([sys.executable, "-c", "raise SystemExit(3)"])
