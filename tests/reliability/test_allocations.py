"""The k-th allocation fails: one clear error, nothing half-written. How many k: RELIABILITY_ALLOCATIONS, 60 by default."""

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from cli_process import image_model

pytestmark = pytest.mark.slow
COUNT = int(os.environ.get("RELIABILITY_ALLOCATIONS", "60"))
SOURCE = Path(__file__).with_name("failing_new.cc")

PYTHON = """
import ctypes, sys, numpy as np, eightbit as eb
data = np.load("d.npz")["image"]
objects = [eb.Report() for _ in range(256)]  # the table of nanobind has grown
ctypes.CDLL(None).begin_to_fail()
try:
    statistics = eb.calibrate("m.xml", eb.Dataset(data, lambda x: x[None]), threads=1)
    statistics.save("out.stats")
    eb.quantize("m.xml", eb.Dataset(data, lambda x: x[None]), threads=1)
except (MemoryError, eb.Error) as error:
    print("error:", type(error).__name__, str(error).replace("\\n", " "))
    sys.exit(2)
"""


@pytest.fixture(scope="module")
def failing(tmp_path_factory):
    """The library that is preloaded."""
    compiler = os.environ.get("CXX") or shutil.which("c++")
    library = tmp_path_factory.mktemp("failing") / "failing_new.so"
    subprocess.run([compiler, "-O1", "-std=c++20", "-shared", "-fPIC", SOURCE, "-o", library], check=True)  # fmt: skip
    return library


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("allocations")
    image_model(folder / "m.xml")
    samples = np.random.default_rng(1).normal(0, 1, (40, 3, 16, 16)).astype(np.float32)
    np.savez(folder / "d.npz", image=samples)
    return folder


def run(command, folder, failing, k, count_to=None, **more):
    scratch = folder / "tmp"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    environment = {**os.environ, "LD_PRELOAD": str(failing), "FAIL_AT": str(k), "TMPDIR": str(scratch), **more}  # fmt: skip
    if count_to:
        environment["COUNT_TO"] = str(count_to)
    return subprocess.run(list(map(str, command)), cwd=folder, env=environment, capture_output=True, text=True, timeout=120)  # fmt: skip


def moments(count):
    """Spread over all of them, the first ones among them."""
    rng = random.Random(1)
    edges = np.linspace(1, count, COUNT + 1).astype(int)
    return [rng.randint(low, max(low, high - 1)) for low, high in zip(edges, edges[1:], strict=False)]  # fmt: skip


COMMANDS = {
    "quantize": ["quantize", "m.xml", "--data", "d.npz", "--threads", "1", "-o", "out.xml"],
    "careful": ["quantize", "m.xml", "--data", "d.npz", "--threads", "2", "--no-fast-bias-correction", "-o", "out.xml"],
    "calibrate": ["calibrate", "m.xml", "--data", "d.npz", "-o", "out.stats"],
}  # fmt: skip


@pytest.mark.parametrize("verb", COMMANDS)
def test_the_command_line_ends_with_one_error(cli, folder, failing, verb):
    command = [cli, *COMMANDS[verb], "--force"]
    count_file = folder / "count"
    whole = run(command, folder, failing, 0, count_file)
    assert whole.returncode == 0, whole.stderr
    count = int(count_file.read_text())
    assert count > 1000
    failed, bad = 0, []
    for k in moments(count):
        for file in folder.glob("out.*"):
            file.unlink()
        done = run(command, folder, failing, k)
        lines = done.stderr.splitlines()
        errors = [line for line in lines if line.startswith("eightbit: error: ")]
        failed += done.returncode != 0
        clean = done.returncode == 0 or (
            done.returncode in (1, 2, 130) and len(errors) == 1 and errors[0] == lines[-1]
        )
        left = [path.name for path in folder.iterdir() if ".0" in path.suffix]
        if not clean or left:
            bad.append((k, done.returncode, lines[-3:], left))
        elif done.returncode != 0 and (folder / "out.xml").exists():
            ov.Core().read_model(folder / "out.xml")  # the best model so far, whole
    print(f"{verb}: {count} allocations, {failed} of {COUNT} runs failed, {len(bad)} badly")
    assert not bad, bad[:5]
    assert failed > COUNT // 4


def test_python_raises(folder, failing):
    command = [sys.executable, "-c", PYTHON]
    count_file = folder / "count"
    whole = run(command, folder, failing, 0, count_file, FAIL_LATER="1")
    assert whole.returncode == 0, whole.stderr
    count, bad, failed = int(count_file.read_text()), [], 0
    for k in moments(count):
        for file in folder.glob("out.*"):
            file.unlink()
        done = run(command, folder, failing, k, FAIL_LATER="1")
        failed += done.returncode == 2
        if done.returncode not in (0, 2):
            bad.append((k, done.returncode, done.stderr[-400:]))
    print(f"python: {count} allocations, {failed} of {COUNT} runs failed, {len(bad)} badly")
    assert not bad, bad[:5]
