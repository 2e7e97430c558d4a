"""A progress line for people who watch."""

import sys
import time


class ProgressLine:
    """Rewrites one line of a terminal, at most ten times a second."""

    def __init__(self, stream):
        self._stream = stream
        self._step = ""
        self._drawn = 0.0
        self._width = 0

    def __call__(self, step: str, done: int, total: int) -> None:
        finished = total > 0 and done >= total
        if step == self._step and not finished and time.monotonic() - self._drawn < 0.1:
            return
        self._step = step
        self._drawn = time.monotonic()
        self._draw(f"{step}: {done}/{total}" if total > 0 else f"{step}: {done}")

    def close(self) -> None:
        """Removes the line."""
        if self._width:
            self._stream.write("\r" + " " * self._width + "\r")
            self._stream.flush()

    def _draw(self, text: str) -> None:
        self._stream.write("\r" + text.ljust(self._width))
        self._stream.flush()
        self._width = max(self._width, len(text))


def progress_line() -> ProgressLine | None:
    """A line on stderr if that is a terminal, else nothing."""
    return ProgressLine(sys.stderr) if sys.stderr is not None and sys.stderr.isatty() else None
