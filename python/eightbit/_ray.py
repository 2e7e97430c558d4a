"""Ray's actors as a concurrent.futures.Executor."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Executor, Future
from typing import Any

from eightbit.errors import UnsupportedBackendError


class RayExecutor(Executor):
    """One call at a time for each actor. A thread of this process waits for each of them."""

    def __init__(self, workers: int | None = None, **options: Any):
        try:
            import ray
        except ImportError:
            raise UnsupportedBackendError(
                "[executor] Ray is missing. Install it with: pip install eightbit[ray]"
            ) from None
        if not ray.is_initialized():
            ray.init(log_to_driver=False)
        self._ray = ray
        self.num_workers = workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
        actor = ray.remote(**{"num_cpus": 1, **options})(_Actor)
        self._calls: queue.SimpleQueue = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._serve, args=(actor.remote(),), daemon=True) for _ in range(self.num_workers)
        ]  # fmt: skip
        for thread in self._threads:
            thread.start()

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future:
        future: Future = Future()
        self._calls.put((future, function, args, kwargs))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        for _ in self._threads:
            self._calls.put(None)
        for thread in self._threads if wait else ():
            thread.join()

    def _serve(self, actor: Any) -> None:
        while (call := self._calls.get()) is not None:
            future, function, args, kwargs = call
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(self._ray.get(actor.call.remote(function, args, kwargs)))
            except self._ray.exceptions.RayTaskError as error:
                future.set_exception(error.cause if isinstance(error.cause, Exception) else error)
            except Exception as error:  # the actor died
                future.set_exception(error)
        self._ray.kill(actor)


class _Actor:
    def call(self, function: Any, args: tuple, kwargs: dict) -> Any:
        return function(*args, **kwargs)
