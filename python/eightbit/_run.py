"""How a call is carried out: threads, checkpoint, progress."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from eightbit import _eightbit
from eightbit._arguments import as_bytes, as_count
from eightbit._progress import progress_line
from eightbit.executors import Workers, remove_shares

ProgressCallback = Callable[[str, int, int], None]


@contextmanager
def run_options(
    where: str,
    threads: int = 0,
    progress: ProgressCallback | None = None,
    checkpoint: str | os.PathLike | None = None,
    report: _eightbit.Report | None = None,
    model: _eightbit.Model | None = None,
    best_model: str | os.PathLike | None = None,
    max_memory: int | str | None = None,
    workers: Workers | None = None,
) -> Iterator[_eightbit.RunOptions]:
    """The library's RunOptions; without `progress`, a progress line that is gone when the call ends. The report also has what
    was done to make `model` before. The checkpoint is gone after success."""
    line = progress_line() if progress is None else None
    try:
        yield _eightbit.RunOptions(
            threads=as_count(where, "threads", threads, 0),
            checkpoint=os.fspath(checkpoint) if checkpoint is not None else "",
            progress=progress or line,
            report=report,
            best_model=os.fspath(best_model) if best_model is not None else "",
            max_memory=as_bytes(where, "max_memory", max_memory),
            spread=workers.spread if workers is not None else None,
        )
        network = _eightbit.network_of(model) if report is not None and model is not None else None
        for step, seconds in (network.steps_before if network is not None else {}).items():
            report._began_with(step, seconds)
        if checkpoint is not None:
            _eightbit.remove_checkpoint(os.fspath(checkpoint))
            if workers is not None:
                remove_shares(checkpoint, workers.count)
    finally:
        if line:
            line.close()
