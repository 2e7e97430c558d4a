"""The log of a run, as scripts set it up."""

from __future__ import annotations

import logging
import sys
from typing import Any, TextIO

from eightbit._logging import logger as _root

_FORM = logging.Formatter("%(levelname)s:%(module)s:%(message)s")


class Logger(logging.LoggerAdapter):
    """Takes `force=True`: the line is shown whatever the level."""

    progress_bar_disabled = True

    def log(
        self, level: int, message: Any, *values: Any, force: bool = False, **keywords: Any
    ) -> None:
        if force and not self.isEnabledFor(level):
            level = logging.WARNING
        super().log(level, message, *values, **keywords)

    def update_progress(self, steps: int) -> None:
        """Progress is shown by eightbit itself."""

    def reset_progress_total(self, total: int, share: float = 1.0) -> None:
        """The same."""


def init_logger(
    level: str = "INFO",
    stream: TextIO | None = None,
    file_name: str | None = None,
    progress_bar: bool = False,
) -> None:
    """The first call decides; later ones change nothing."""
    if getattr(_root, "_set_up_by_pot", False):
        return
    _root._set_up_by_pot = True
    handlers: list[logging.Handler] = [logging.StreamHandler(stream or sys.stdout)]
    if file_name:
        handlers.append(logging.FileHandler(file_name, encoding="utf8"))
    for handler in handlers:
        handler.setFormatter(_FORM)
        _root.addHandler(handler)
    _root.propagate = False
    _root.setLevel(level)


def get_logger(name: str) -> Logger:
    return Logger(_root.getChild(name.rpartition(".")[2]), {})
