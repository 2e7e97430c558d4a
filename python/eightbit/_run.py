"""How a call is carried out: threads, checkpoint, progress."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from eightbit import _eightbit
from eightbit._arguments import as_count
from eightbit._progress import progress_line

ProgressCallback = Callable[[str, int, int], None]


@contextmanager
def run_options(
    where: str,
    threads: int = 0,
    progress: ProgressCallback | None = None,
    checkpoint: str | os.PathLike | None = None,
    report: _eightbit.Report | None = None,
) -> Iterator[_eightbit.RunOptions]:
    """The library's RunOptions; without `progress`, a progress line that is gone when the call ends."""
    line = progress_line() if progress is None else None
    try:
        yield _eightbit.RunOptions(
            threads=as_count(where, "threads", threads, 0),
            checkpoint=os.fspath(checkpoint) if checkpoint is not None else "",
            progress=progress or line,
            report=report,
        )
    finally:
        if line:
            line.close()
