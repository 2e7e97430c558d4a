"""How long a block takes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from eightbit._logging import logger


@contextmanager
def timer() -> Iterator[None]:
    """Logs how long the block took."""
    begin = time.perf_counter()
    yield
    logger.info("Elapsed time: %.1f s", time.perf_counter() - begin)
