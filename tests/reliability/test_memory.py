"""max_memory: what is resident above the loaded model stays within 10 % of it, and the result is the same."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from cli_process import CommandLine, image_model, ok

pytestmark = pytest.mark.slow

# Peak above what is resident once the model is loaded; the runtime is loaded with it.
PROGRAM = """
import sys, numpy as np, eightbit as eb, openvino as ov
from eightbit._models import to_native_model

def status(name):
    return next(int(line.split()[1]) / 1000 for line in open("/proc/self/status") if line.startswith(name))

path, data, name, limit, target = sys.argv[1:]
items = np.load(data, mmap_mode=None)
names = [port.name for port in to_native_model(path).inputs()]
held = {key: items[key][:100] for key in items.files if key in names}
del items
dataset = eb.Dataset(range(100), lambda i: {key: value[i:i + 1] for key, value in held.items()})
report = eb.Report()
eb.set_log_level("WARNING")
open("/proc/self/clear_refs", "w").write("5")
before = status("VmRSS")
options = {"max_memory": int(float(limit) * 1e6)} if float(limit) else {}
eb.quantize(path, dataset, subset_size=100, report=report, **options)
print(status("VmHWM") - before, report.expected.peak_bytes / 1e6)
open(target, "w").write(report.recipe.to_json())
"""

MODELS = {"efflite0": "images", "minilm": "text", "ocr_rec": "ocr"}


def peak(inputs, name, extension, limit, target):
    model, data = inputs / f"{name}.{extension}", inputs / f"{MODELS[name]}.npz"
    done = subprocess.run([sys.executable, "-c", PROGRAM, model, data, name, str(limit), target], capture_output=True, text=True, env=os.environ)  # fmt: skip
    return done, [float(word) for word in done.stdout.split()]


@pytest.mark.parametrize("extension", ["xml", "onnx"])
@pytest.mark.parametrize("name", MODELS)
def test_a_limit_is_kept_and_changes_nothing(inputs, tmp_path, name, extension):
    if not (inputs / f"{name}.{extension}").exists():
        pytest.skip("bench/make_inputs.py makes the models")
    done, (free, expected) = peak(inputs, name, extension, 0, tmp_path / "free")
    assert done.returncode == 0, done.stderr
    refused, _ = peak(inputs, name, extension, 10, tmp_path / "none")
    assert refused.returncode != 0 and "this takes" in refused.stderr
    least = float(refused.stderr.split("this takes ")[1].split(" MB")[0])
    kept, (limited, _) = peak(inputs, name, extension, least + 1, tmp_path / "limited")
    assert kept.returncode == 0, kept.stderr
    print(
        f"{name}.{extension}: {free:.0f} MB free ({expected:.0f} expected), {limited:.0f} MB of {least:.0f} MB"
    )
    assert limited <= 1.1 * least
    if "max_memory leaves no room" not in kept.stderr:  # said where a choice may be another one
        assert (tmp_path / "limited").read_text() == (tmp_path / "free").read_text()


@pytest.fixture
def eightbit(cli, tmp_path):
    image_model(tmp_path / "m.xml")
    np.savez(tmp_path / "d.npz", image=np.random.default_rng(1).normal(0, 1, (40, 3, 16, 16)).astype(np.float32))  # fmt: skip
    return CommandLine(cli, tmp_path)


def test_too_little_is_refused_before_data_is_read(eightbit):
    command = ("quantize", "m.xml", "--data", "d.npz", "-o", "q.xml")
    error = eightbit.fails(*command, "--max-memory", "20MB", saying=("max_memory is 20 MB", "at least"))  # fmt: skip
    assert error
    (eightbit.folder / "config.json").write_text('{"max_memory": "20MB"}')
    eightbit.fails(*command, "--config", "config.json", saying=("max_memory is 20 MB",))
    eightbit.fails(*command, "--max-memory", "twenty", saying=("'twenty' is no number of bytes",))
    eightbit.fails("calibrate", "m.xml", "--data", "d.npz", "-o", "s", "--max-memory", "20MB", saying=("max_memory",))  # fmt: skip
    (eightbit.folder / "config.json").unlink()


def test_a_limit_changes_no_byte_and_is_told(eightbit):
    command = ("quantize", "m.xml", "--data", "d.npz")
    ok(eightbit(*command, "-o", "a.xml"))
    done = ok(eightbit(*command, "-o", "b.xml", "--max-memory", "1GB"))
    assert "max_memory 1000 MB" in done.stderr and "expected: up to" in done.stderr
    for kind in ("bin", "xml"):
        a, b = (Path(eightbit.folder / f"{name}.{kind}").read_bytes() for name in "ab")
        assert a == b
    assert "expected: up to" in ok(eightbit("plan", "m.xml")).stdout
