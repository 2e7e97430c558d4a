"""The quantized model is on disk before a runtime tries it, so that a crash or a stop takes nothing away."""

import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import eightbit as eb
import openvino as ov
import pytest
from small_models import delicate_net, delicate_samples, op_types

CRASH = """
import os, signal, sys
import openvino as ov
sys.path.insert(0, {tests!r})
import eightbit as eb
from small_models import delicate_net, delicate_samples

def progress(step, done, total):
    if step == "trial run":
        os.kill(os.getpid(), signal.SIGSEGV)

eb.quantize(delicate_net(), eb.Dataset(delicate_samples()), progress=progress, {options})
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))


def interrupting(step, at=1):
    seen = []

    def progress(name, done, total):
        if name == step:
            seen.append(done)
            if len(seen) == at:
                os.kill(os.getpid(), signal.SIGINT)

    return progress


def crashed(tmp_path, options=""):
    script = CRASH.format(tests=str(Path(__file__).parent), options=options)
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert run.returncode == -signal.SIGSEGV
    return run.stderr


def is_quantized(path):
    return "FakeQuantize" in op_types(ov.Core().read_model(path))


def test_a_crash_of_the_runtime_leaves_the_model_where_it_was_asked_for(tmp_path):
    path = tmp_path / "m.xml"
    said = crashed(tmp_path, f"best_model={str(path)!r}")
    assert (
        f"the runtime crashed in the trial run of the quantized model, which is whole in '{path}'"
        in said
    )
    assert "--no-trial-run" in said
    assert is_quantized(path)


def test_a_crash_leaves_a_temporary_file_otherwise(tmp_path):
    said = crashed(tmp_path)
    (found,) = tmp_path.rglob("*.xml")
    assert str(found) in said and is_quantized(found)


@pytest.mark.parametrize("given", [True, False], ids=["path", "temporary"])
@pytest.mark.parametrize("step", ["trial run", "quality search"])
def test_what_is_stopped_leaves_the_best_so_far(tmp_path, caplog, step, given):
    options = {"best_model": tmp_path / "best.xml"} if given else {}
    with caplog.at_level(logging.WARNING, "eightbit"), pytest.raises(KeyboardInterrupt):
        eb.quantize(
            delicate_net(), eb.Dataset(delicate_samples()), progress=interrupting(step), **options
        )
    (found,) = tmp_path.rglob("best*.xml")
    assert is_quantized(found) and str(found) in caplog.text


def test_nothing_is_left_behind_otherwise(tmp_path):
    eb.quantize(delicate_net(), eb.Dataset(delicate_samples()))
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_can_not_be_written_is_told_before_the_data_is_read(tmp_path):
    def samples():
        raise AssertionError("read")
        yield

    for path, text in (
        (tmp_path / "none" / "m.xml", "none"),
        (tmp_path / "m.onnx", "ends in .xml"),
    ):
        with pytest.raises((eb.FileError, eb.InvalidArgument), match=text):
            eb.quantize(delicate_net(), eb.Dataset(samples()), best_model=path)


def test_a_path_that_nothing_is_written_to_is_told(tmp_path):
    report = eb.Report()
    path = tmp_path / "m.xml"
    data = eb.Dataset(delicate_samples())
    eb.quantize(delicate_net(), data, best_model=path, trial_run=False, report=report)
    assert not path.exists()
    assert any("best_model" in note for note in report.notes)
