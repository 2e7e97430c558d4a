"""OpenVINO on the CPU in f32, as every measurement here uses it; and what a call costs in time and memory."""

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


class OpenVino:
    def __init__(self):
        import openvino as ov

        self._ov, self.core = ov, ov.Core()
        self.core.set_property(
            "CPU", {"INFERENCE_NUM_THREADS": THREADS, "INFERENCE_PRECISION_HINT": "f32"}
        )

    def request(self, model):
        return self.core.compile_model(
            model, "CPU", {"PERFORMANCE_HINT": "LATENCY"}
        ).create_infer_request()

    def outputs(self, model, samples: list) -> list:
        request = self.request(model)
        return [np.array(request.infer(sample)[0]) for sample in samples]

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

    def latencies(self, models: dict[str, Any], samples: list, rounds: int = 5) -> dict[str, float]:
        """Median milliseconds of one inference. The models take turns, so that all meet the same load."""
        requests = {name: self.request(model) for name, model in models.items()}
        for request in requests.values():
            request.infer(samples[0])
        times = {name: [] for name in requests}
        share = max(1, len(samples) // rounds)
        for first in range(0, len(samples), share):
            for name, request in requests.items():
                for sample in samples[first : first + share]:
                    begin = time.perf_counter()
                    request.infer(sample)
                    times[name].append(time.perf_counter() - begin)
        return {name: 1000 * float(np.median(values)) for name, values in times.items()}


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
