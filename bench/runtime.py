"""OpenVINO, ONNX Runtime, PyTorch and TensorFlow on the CPU in f32, as every measurement here uses them; and what a call costs in time
and memory."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

THREADS = os.cpu_count() or 1


class Runtime:
    """What all have in common: a model is prepared once, then run with one sample at a time."""

    runs_integers = True

    def runner(self, model) -> Callable[[dict], np.ndarray]:
        """Runs one sample with all cores; returns the first output."""
        raise NotImplementedError

    def outputs(self, model, samples: list) -> list:
        run = self.runner(model)
        return [np.array(run(sample)) for sample in samples]

    def seconds_for(self, model, samples: list, rounds: int = 3) -> float:
        """All samples, one at a time with all cores; the best of some rounds."""
        run = self.runner(model)
        run(samples[0])
        times = []
        for _ in range(rounds):
            begin = time.perf_counter()
            for sample in samples:
                run(sample)
            times.append(time.perf_counter() - begin)
        return min(times)

    def latencies(self, models: dict[str, Any], samples: list, rounds: int = 5) -> dict[str, float]:
        """Median milliseconds of one inference. The models take turns, so that all meet the same load."""
        runners = {name: self.runner(model) for name, model in models.items()}
        for run in runners.values():
            run(samples[0])
        times = {name: [] for name in runners}
        share = max(1, len(samples) // rounds)
        for first in range(0, len(samples), share):
            for name, run in runners.items():
                for sample in samples[first : first + share]:
                    begin = time.perf_counter()
                    run(sample)
                    times[name].append(time.perf_counter() - begin)
        return {name: 1000 * float(np.median(values)) for name, values in times.items()}


class OnnxRuntime(Runtime):
    suffix = ".onnx"

    def runner(self, model):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = THREADS
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(str(model), options, ["CPUExecutionProvider"])
        return lambda sample: session.run(None, sample)[0]

    def load(self, path: Path):
        return path

    def save(self, model, path: Path, sample: dict) -> None:
        import onnx

        onnx.save(model, path)


class OpenVino(Runtime):
    suffix = ".xml"

    def __init__(self):
        import openvino as ov

        self._ov, self.core = ov, ov.Core()
        self.core.set_property(
            "CPU", {"INFERENCE_NUM_THREADS": THREADS, "INFERENCE_PRECISION_HINT": "f32"}
        )

    def runner(self, model):
        options = {"PERFORMANCE_HINT": "LATENCY"}
        request = self.core.compile_model(model, "CPU", options).create_infer_request()
        return lambda sample: request.infer(sample)[0]

    def load(self, path: Path):
        return self.core.read_model(path)

    def save(self, model, path: Path, sample: dict) -> None:
        self._ov.save_model(model, path, compress_to_fp16=False)

    def seconds_for(self, model, samples: list, rounds: int = 3) -> float:
        """All samples with all streams busy; the best of some rounds."""
        compiled = self.core.compile_model(model, "CPU", {"PERFORMANCE_HINT": "THROUGHPUT"})
        queue = self._ov.AsyncInferQueue(compiled)
        self._feed(queue, samples[:1])
        return min(self._feed(queue, samples) for _ in range(rounds))

    @staticmethod
    def _feed(queue, samples: list) -> float:
        begin = time.perf_counter()
        for sample in samples:
            queue.start_async(sample)
        queue.wait_all()
        return time.perf_counter() - begin


class Torch(Runtime):
    """PyTorch as it comes, which simulates integers in float. Models are saved as exported programs."""

    suffix = ".pt2"
    runs_integers = False

    def __init__(self):
        import torch
        import torch.ao.quantization.fx._decomposed  # noqa: F401  (ops that saved models hold)

        torch.set_num_threads(THREADS)
        self._torch = torch

    def runner(self, model):
        def run(sample):
            with self._torch.inference_mode():
                return model(*tensors(sample)).numpy()

        return run

    def load(self, path: Path):
        return self._torch.export.load(path).module()

    def save(self, model, path: Path, sample: dict) -> None:
        self._torch.export.save(self._torch.export.export(model, tensors(sample)), path)


class TorchCompile(Torch):
    """Graphs that OpenVINO runs behind eightbit.torch.compile, whoever made them. FP32 time is that of PyTorch as it comes."""

    runs_integers = True
    _options = {
        "config": {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": str(THREADS)}
    }

    def runner(self, model):
        import eightbit.torch

        return super().runner(eightbit.torch.compile(model, options=self._options))

    def seconds_for(self, model, samples: list, rounds: int = 3) -> float:
        return Torch().seconds_for(model, samples, rounds)


class Keras(OpenVino):
    """Keras models, which OpenVINO converts and runs, whoever quantized them. FP32 time is that of TensorFlow itself."""

    def runner(self, model):
        run = super().runner(self._converted(model))
        return lambda sample: run(channels_last(sample))

    def save(self, model, path: Path, sample: dict) -> None:
        super().save(self._converted(model), path, sample)

    def seconds_for(self, model, samples: list, rounds: int = 3) -> float:
        import tensorflow as tf

        function = tf.function(lambda inputs: model(inputs, training=False))
        given = [
            {name: tf.constant(array) for name, array in channels_last(sample).items()}
            for sample in samples
        ]
        function(given[0])
        return min(self._seconds(function, given) for _ in range(rounds))

    def _converted(self, model):
        return model if isinstance(model, self._ov.Model) else self._ov.convert_model(model)

    @staticmethod
    def _seconds(function, given: list) -> float:
        begin = time.perf_counter()
        for inputs in given:
            function(inputs)
        return time.perf_counter() - begin


def channels_last(sample: dict) -> dict:
    """Images as TensorFlow has them; everything else as it is."""
    return {
        name: array.transpose(0, 2, 3, 1).copy() if array.ndim == 4 else array
        for name, array in sample.items()
    }


def tensors(sample: dict) -> tuple:
    import torch

    return tuple(torch.from_numpy(array) for array in sample.values())


RUNTIMES = {
    "openvino": OpenVino,
    "onnxruntime": OnnxRuntime,
    "torch": Torch,
    "torch.compile": TorchCompile,
    "tensorflow": Keras,
}


def measured(call: Callable[[], Any]) -> tuple[Any, float, int]:
    """The result of call(), its seconds, and how many MB this process grew by at most.

    The kernel keeps the high-water mark, so that a call that never lets go of Python's lock is seen too.
    """
    give_back_freed_memory()
    Path("/proc/self/clear_refs").write_text("5")  # the mark starts again at what is resident now
    before = high_water_mb("self")
    begin = time.perf_counter()
    result = call()
    seconds = time.perf_counter() - begin
    return result, seconds, high_water_mb("self") - before


def give_back_freed_memory() -> None:
    """What earlier work has freed must not hide what the call takes."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def high_water_mb(process: int | str) -> int:
    """The most that was ever resident of a process; 0 when it has ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) >> 10
    return 0


def run_program(command: list) -> tuple[str, int]:
    """What a program prints, and its peak memory in MB."""
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen([str(part) for part in command], stdout=output)
        time.sleep(0.05)  # until then it may still be a copy of this process
        peak = 0
        while process.poll() is None:
            peak = max(peak, high_water_mb(process.pid))
            time.sleep(0.01)
        if process.returncode != 0:
            raise RuntimeError(f"{command} ended with {process.returncode}")
        output.seek(0)
        return output.read(), peak
