"""Messages go to Python's logger "eightbit"."""

import logging

logger = logging.getLogger("eightbit")


def disable_logging() -> None:
    """Nothing but critical errors is logged from then on."""
    logger.setLevel(logging.CRITICAL)


def set_log_level(level: int | str) -> None:
    """Sets which messages are wanted, for example logging.INFO or "DEBUG".

    Without any logging set-up of the application, messages are also written to stderr from then on.
    """
    logger.setLevel(level)
    if not logger.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(name)s %(levelname)s: %(message)s"))
        logger.addHandler(handler)
