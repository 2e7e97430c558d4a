"""Running the command line in tests, and small models for it."""

import os
import subprocess
import time
from pathlib import Path

import numpy as np
import openvino as ov
from openvino import opset13 as ops

CLI_SECONDS = 120


class CommandLine:
    def __init__(self, program: Path, folder: Path):
        self.program = Path(os.environ.get("EIGHTBIT_CLI", program))
        self.folder = folder

    def __call__(self, *args) -> subprocess.CompletedProcess:
        return subprocess.run(
            [str(self.program), *map(str, args)],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=CLI_SECONDS,
        )

    def start(self, *args) -> subprocess.Popen:
        return subprocess.Popen(
            [str(self.program), *map(str, args)],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def fails(self, *args, saying: tuple[str, ...] = (), status: int = 2) -> str:
        """Runs, and demands the status, one line of error with all of `saying`, and that nothing was written."""
        before = snapshot(self.folder)
        done = self(*args)
        assert done.returncode == status, done.stderr
        assert done.stdout == ""
        errors = [line for line in done.stderr.splitlines() if line.startswith("eightbit: error: ")]
        assert len(errors) == 1, done.stderr
        assert done.stderr.splitlines()[-1] == errors[0], done.stderr
        for text in saying:
            assert text in errors[0]
        assert snapshot(self.folder) == before
        return errors[0]


def cpu_seconds_of(command: list[str], folder: Path) -> tuple[int, float]:
    """Runs it; returns its exit status and the CPU time that it took."""
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, used.ru_utime + used.ru_stime


def let_run(process: subprocess.Popen, cpu_seconds: float) -> None:
    """Until it has used that much CPU time, which tells how far it is beside other work too, or has ended."""
    ticks = cpu_seconds * os.sysconf("SC_CLK_TCK")
    while process.poll() is None:
        state = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        if int(state[11]) + int(state[12]) >= ticks:
            return
        time.sleep(0.002)


def snapshot(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def weights(*shape) -> ov.Node:
    random = np.random.default_rng(sum(shape))
    return ops.constant((random.standard_normal(shape) * 0.2).astype(np.float32))


def image_model(path: Path, channels: int = 3) -> Path:
    """Input `image` [1,channels,16,16]; nodes conv_0, conv_1, classifier; output `logits` [1,5]."""
    image = ops.parameter([1, channels, 16, 16], np.float32, name="image")
    image.output(0).get_tensor().set_names({"image"})
    node = image
    for index, depth in enumerate((channels, 8)):
        node = ops.convolution(
            node, weights(8, depth, 3, 3), [1, 1], [1, 1], [1, 1], [1, 1], name=f"conv_{index}"
        )
        node = ops.relu(
            ops.add(node, weights(1, 8, 1, 1), name=f"bias_{index}"), name=f"relu_{index}"
        )
    node = ops.reduce_mean(node, ops.constant(np.array([2, 3])), keep_dims=False, name="pool")
    node = ops.matmul(node, weights(8, 5), False, False, name="classifier")
    node.output(0).get_tensor().set_names({"logits"})
    ov.save_model(
        ov.Model([ops.result(node)], [image], "image_model"), path, compress_to_fp16=False
    )
    return path


def token_model(path: Path) -> Path:
    """Input `ids` [1,4] of i64; output [1,4,5]."""
    ids = ops.parameter([1, 4], np.int64, name="ids")
    ids.output(0).get_tensor().set_names({"ids"})
    node = ops.gather(weights(10, 6), ids, ops.constant(np.int64(0)))
    node = ops.matmul(node, weights(6, 5), False, False, name="classifier")
    ov.save_model(ov.Model([ops.result(node)], [ids], "token_model"), path, compress_to_fp16=False)
    return path


def image_samples(count: int = 12, seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, 3, 16, 16)).astype(np.float32)


def write_ppm(path: Path, seed: int = 0) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (20, 24, 3), np.uint8)
    path.write_bytes(b"P6 24 20 255\n" + pixels.tobytes())


def ok(done):
    assert done.returncode == 0, done.stderr
    return done
