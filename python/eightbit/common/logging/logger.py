"""The logger under the names of NNCF."""

from eightbit._logging import disable_logging, set_log_level
from eightbit._logging import logger as nncf_logger

__all__ = ["disable_logging", "nncf_logger", "set_log_level"]
