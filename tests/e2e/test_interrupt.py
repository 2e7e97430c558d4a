"""Ctrl-C in the middle of a real run: over within two seconds, statistics kept, and the same call goes on from them."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import openvino as ov
import pytest

SAMPLES = 100
SECONDS = 2

SCRIPT = """
import sys, eightbit as eb, numpy as np
model, samples, checkpoint, count = sys.argv[1:]
texts = np.load(samples)
eb.set_log_level("INFO")
data = ({name: texts[name][i:i + 1] for name in texts} for i in range(int(count)))
advance = lambda step, done, total: print(step, done, flush=True)
quantized = eb.quantize(model, eb.Dataset(data), subset_size=int(count), model_type=eb.ModelType.TRANSFORMER,
                        checkpoint=checkpoint, progress=advance)
print("quantized", sum(op.get_type_name() == "FakeQuantize" for op in quantized.get_ops()))
"""


class Run:
    """A process whose output is read while it works."""

    def __init__(self, command, folder, environment):
        self.process = subprocess.Popen(
            [str(part) for part in command], cwd=folder, env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.lines, self.changed = [], threading.Condition()
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line)
                self.changed.notify_all()

    def wait_for(self, text):
        with self.changed:
            said = self.changed.wait_for(
                lambda: any(text in line for line in self.lines), timeout=120
            )
        assert said, self.text()

    def interrupt(self) -> float:
        """Seconds until the process is over."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=60)
        return time.monotonic() - began

    def finish(self) -> int:
        status = self.process.wait(timeout=240)
        self.reader.join()
        return status

    def text(self):
        return "".join(self.lines)


@pytest.fixture
def texts(inputs, tmp_path):
    """minilm and its samples."""
    if not (inputs / "minilm.xml").exists():
        pytest.skip("the reference inputs are missing: make bench")
    with np.load(inputs / "text.npz") as whole:
        np.savez(tmp_path / "text.npz", **{name: whole[name][:SAMPLES] for name in whole})
    return inputs / "minilm.xml"


def test_the_command_line(cli, texts, tmp_path):
    def start(*flags):
        command = (cli, "quantize", texts, "--data", "text.npz", "--model-type", "transformer", "--subset-size",
                   SAMPLES, "-v", "--checkpoint", "c.stats", "-o", "out.xml", *flags)  # fmt: skip
        return Run(command, tmp_path, os.environ)

    for moment, pause in (("calibrate: compiled", 1.0), ("bias correction: compiled", 0.1)):
        run = start()
        run.wait_for(moment)
        time.sleep(pause)
        assert run.interrupt() < SECONDS
        assert run.finish() == 130, run.text()
        assert "goes on from 'c.stats'" in run.text()
        assert (tmp_path / "c.stats").exists() and not (tmp_path / "out.xml").exists()

    again = start()
    assert again.finish() == 0, again.text()
    assert f"resumed from 'c.stats': {SAMPLES} samples are done" in again.text()
    assert not (tmp_path / "c.stats").exists()
    assert any(
        op.get_type_name() == "FakeQuantize"
        for op in ov.Core().read_model(tmp_path / "out.xml").get_ops()
    )


def test_python(build_dir, texts, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(build_dir / "python")}

    def start():
        return Run(
            (sys.executable, "-c", SCRIPT, texts, "text.npz", "c.stats", SAMPLES),
            tmp_path,
            environment,
        )

    for moment in ("calibrate 20", "bias correction 5"):
        run = start()
        run.wait_for(moment)
        assert run.interrupt() < SECONDS
        # What a shell sees as 130.
        assert run.finish() == -signal.SIGINT and "KeyboardInterrupt" in run.text(), run.text()
        assert (tmp_path / "c.stats").exists()

    again = start()
    assert again.finish() == 0, again.text()
    assert f"resumed from 'c.stats': {SAMPLES} samples are done" in again.text()
    assert "quantized" in again.text()
