"""Runs that are killed or stopped at random moments. How many: RELIABILITY_MOMENTS, 20 by default."""

import os
import random
import signal
import subprocess
import time

import numpy as np
import openvino as ov
import pytest
from cli_process import cpu_seconds_of, image_model, let_run

pytestmark = pytest.mark.slow
MOMENTS = int(os.environ.get("RELIABILITY_MOMENTS", "20"))
SAMPLES = 3000
STOP_SECONDS = 2.0


@pytest.fixture(scope="module")
def job(cli, tmp_path_factory):
    """A folder with a model and samples that take a second or so; the command; the CPU time and the bytes of an undisturbed run."""
    folder = tmp_path_factory.mktemp("stopped")
    image_model(folder / "m.xml")
    rng = np.random.default_rng(1)
    np.savez(folder / "d.npz", image=rng.normal(0, 1, (SAMPLES, 3, 16, 16)).astype(np.float32))
    command = [
        str(cli),
        "quantize",
        "m.xml",
        "--data",
        "d.npz",
        "--subset-size",
        str(SAMPLES),
        "--threads",
        "1",
    ]
    status, seconds = cpu_seconds_of([*command, "-o", "whole.xml"], folder)
    assert status == 0
    return folder, command, seconds, (folder / "whole.bin").read_bytes()


def start(command, folder, *flags):
    return subprocess.Popen(
        [*command, *flags], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_killed_at_any_moment_a_run_goes_on_to_the_same_bytes(job):
    folder, command, seconds, whole = job
    rng = random.Random(1)
    flags = ("--checkpoint", "c.stats", "-o", "killed.xml", "--force")
    killed = 0
    for moment in range(MOMENTS):
        for file in folder.glob("killed.*"):
            file.unlink()
        (folder / "c.stats").unlink(missing_ok=True)
        process = start(command, folder, *flags)
        let_run(process, rng.uniform(0.05, seconds))
        process.kill()
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
        if (folder / "killed.xml").exists():  # whole, or not there
            ov.Core().read_model(folder / "killed.xml")
        again = start(command, folder, *flags)
        _, errors = again.communicate()
        assert again.returncode == 0, (moment, errors)
        assert (folder / "killed.bin").read_bytes() == whole, moment
    assert killed > MOMENTS // 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_at_any_moment_a_run_ends_at_once(job, number):
    folder, command, seconds, _ = job
    rng = random.Random(2)
    stopped = 0
    for moment in range(MOMENTS // 2):
        (folder / "stopped.xml").unlink(missing_ok=True)
        process = start(command, folder, "-o", "stopped.xml", "--force")
        let_run(process, rng.uniform(0.3, seconds))
        began = time.monotonic()
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
        if process.returncode == 0:
            continue  # it was done
        stopped += 1
        assert process.returncode == 130, (moment, process.returncode, errors)
        assert time.monotonic() - began < STOP_SECONDS, moment
        assert errors.splitlines()[-1].startswith("eightbit: error: "), errors
    assert stopped


def test_eight_processes_on_one_checkpoint(job):
    """Each ends with the same model, or says that another one works there."""
    folder, command, _, whole = job
    (folder / "shared.stats").unlink(missing_ok=True)
    runs = [
        start(command, folder, "--checkpoint", "shared.stats", "-o", f"shared{i}.xml", "--force")
        for i in range(8)
    ]
    runs[0].kill()
    for i, run in enumerate(runs):
        _, errors = run.communicate()
        if i == 0:
            continue
        assert run.returncode == 0 or "shared.stats" in errors, errors
        if run.returncode == 0:
            assert (folder / f"shared{i}.bin").read_bytes() == whole, i
