"""Runs that are killed in any phase go on to the same bytes. How often each: RELIABILITY_MOMENTS, 20 by default, over phases."""

import os
import random
import signal
import subprocess
import time

import eightbit as eb
import numpy as np
import openvino as ov
import pytest
from cli_process import cpu_seconds_of, image_model, let_run
from eightbit import _eightbit
from eightbit.quantization.options import QuantizeOptions

pytestmark = pytest.mark.slow
MOMENTS = max(3, int(os.environ.get("RELIABILITY_MOMENTS", "20")) // 4)
SAMPLES = 400

# What makes each phase the long one.
PHASES = {
    "rounding and correction": ["--no-fast-bias-correction", "--no-trial-run"],
    "tuning": ["--tune-hyperparams"],
    "quality search": ["--min-sqnr-db", "45", "--max-float-share", "0.6"],
    "accuracy control": [
        "--max-drop",
        "0.00002",
        "--metric",
        "mse",
        "--validation-data",
        "d.npz",
        "--max-num-iterations",
        "6",
    ],
    "until settled": ["--subset-size", "0"],
}


def samples(count):
    return np.random.default_rng(1).normal(0, 1, (count, 3, 16, 16)).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("resumed")
    image_model(folder / "m.xml")
    np.savez(folder / "d.npz", image=samples(SAMPLES))
    return folder


def content(folder, name):
    return [(folder / f"{name}.{kind}").read_bytes() for kind in ("bin", "xml")]


def start(command, folder):
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # fmt: skip


@pytest.mark.parametrize("phase", PHASES)
def test_killed_again_and_again_a_run_ends_in_the_same_bytes(cli, folder, phase):
    """Each run is killed a little later than the one before, until one is done."""
    command = [str(cli), "quantize", "m.xml", "--data", "d.npz", "--threads", "1", *PHASES[phase]]
    status, seconds = cpu_seconds_of([*command, "-o", "whole.xml", "--force"], folder)
    assert status in (0, 2)  # a goal that is missed is a result too: the best model
    whole = content(folder, "whole")
    flags = ["--checkpoint", "c.stats", "-o", "killed.xml", "--force"]
    rng, killed = random.Random(phase), 0
    for moment in range(MOMENTS):
        for file in (*folder.glob("killed.*"), *folder.glob("c.stats*")):
            file.unlink()
        for attempt in range(100):
            process = start([*command, *flags], folder)
            let_run(process, rng.uniform(0.2, seconds) * (1 + attempt / 4))
            process.kill()
            _, errors = process.communicate()
            if process.returncode != -signal.SIGKILL:
                break
            killed += 1
            if (folder / "killed.xml").exists():
                ov.Core().read_model(folder / "killed.xml")
        assert process.returncode == status, (moment, errors)
        assert content(folder, "killed") == whole, (phase, moment)
        if status == 0:
            assert not (folder / "c.stats").exists() and not (folder / "c.stats.steps").exists()
    assert killed >= MOMENTS // 2


def validations(folder, max_drop, **options):
    """Accuracy control whose validation counts its calls; stops at `stop_at`."""
    calls = []

    def validate(compiled, items):
        calls.append(1)
        if len(calls) == options.get("stop_at"):
            raise KeyboardInterrupt
        outputs = [compiled(item)[0] for item in items]
        return -float(np.mean([np.abs(o - w).mean() for o, w in zip(outputs, wanted, strict=True)]))

    data = [sample[None] for sample in samples(20)]
    compiled = ov.Core().compile_model(folder / "m.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    wanted = [compiled(item)[0].copy() for item in data]
    dataset = eb.Dataset(data)
    result = eb.AccuracyResult()
    eb.quantize_with_accuracy_control(
        str(folder / "m.xml"), dataset, dataset, validate, max_drop=max_drop, on_failure=eb.OnFailure.RETURN,
        checkpoint=folder / "ac.stats", result=result,
    )  # fmt: skip
    return len(calls), [(trial.what, trial.metric) for trial in result.trials]


def test_no_model_is_validated_twice(folder):
    """What was validated before a run was stopped is not validated again, and the trials are the same."""
    all_calls, trials = validations(folder, 1e-9)
    assert all_calls > 4 and not list(folder.glob("ac.stats*"))
    with pytest.raises(BaseException):  # noqa: B017
        validations(folder, 1e-9, stop_at=4)
    calls, resumed = validations(folder, 1e-9)
    assert calls == all_calls - 3
    assert resumed == trials


def test_what_times_have_decided_is_not_measured_again(folder, tmp_path):
    """Times come out in another way each time: a run that is resumed goes on from those of the first."""
    model = _eightbit.Model.read(str(folder / "m.xml"))
    options = QuantizeOptions(placement=eb.PlacementMode.MEASURED).native("quantize")
    dataset = eb.open_files(str(folder / "d.npz"))

    def run():
        tried = []
        advance = lambda step, done, total: tried.append(step == "measured placement")  # noqa: E731
        # kept, as in a run that is killed when it writes the result
        how = _eightbit.RunOptions(
            threads=0, checkpoint=str(tmp_path / "c.stats"), best_model="", progress=advance
        )
        quantized = _eightbit.quantize(model, dataset, options, how)
        quantized.save(str(tmp_path / "q.xml"), True)
        return content(tmp_path, "q"), sum(tried)

    first, tried = run()
    assert tried and b"placement " in (tmp_path / "c.stats.steps").read_bytes()
    for _ in range(3):
        assert run() == (first, 0)


@pytest.mark.parametrize("change", ["model", "data", "options"])
def test_a_checkpoint_of_something_else_is_refused(cli, folder, tmp_path, change):
    command = [str(cli), "quantize", "m.xml", "--data", "d.npz", "--checkpoint", "other.stats", "--force"]  # fmt: skip
    image_model(tmp_path / "m.xml")
    np.savez(tmp_path / "d.npz", image=samples(SAMPLES))
    process = start([*command, "-o", "a.xml", "--no-fast-bias-correction"], tmp_path)
    while not (tmp_path / "other.stats.steps").exists() and process.poll() is None:
        time.sleep(0.01)
    process.kill()
    process.communicate()
    if not (tmp_path / "other.stats").exists() or not (tmp_path / "other.stats.steps").exists():
        pytest.skip("it was done before it could be stopped")
    flags = ["--no-fast-bias-correction"]
    if change == "options":
        flags.append("--min-sqnr-db=10")
    elif change == "data":
        changed = samples(SAMPLES)
        changed[7] += 1
        np.savez(tmp_path / "d.npz", image=changed)
        (
            tmp_path / "other.stats"
        ).unlink()  # what was measured; the results of later steps are left
    else:
        weights = np.fromfile(tmp_path / "m.bin", np.float32)
        weights[:8] *= 2
        weights.tofile(tmp_path / "m.bin")
    done = subprocess.run([*command, *flags, "-o", "b.xml"], cwd=tmp_path, capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 2 and "other.stats" in done.stderr, done.stderr
    assert not (tmp_path / "b.xml").exists()
