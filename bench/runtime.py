"""OpenVINO on the CPU in f32, as every measurement here uses it; and what a call costs in time and memory."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import threading
import time
from collections.abc import Callable
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
    """The result of call(), its seconds, and the growth in MB of the memory of this process and its children."""
    done, peak = threading.Event(), [0]

    def watch():
        while not done.wait(0.01):
            peak[0] = max(peak[0], resident())

    give_back_freed_memory()
    before = resident()
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    begin = time.perf_counter()
    try:
        result = call()
    finally:
        seconds = time.perf_counter() - begin
        done.set()
        watcher.join()
    return result, seconds, max(0, peak[0] - before) >> 20


def give_back_freed_memory() -> None:
    """What earlier work has freed must not hide what the call takes."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def resident() -> int:
    import psutil

    total = 0
    process = psutil.Process()
    for each in [process, *process.children(recursive=True)]:
        try:
            total += each.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total
