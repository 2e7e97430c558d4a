"""The operating system."""

import sys


def is_windows() -> bool:
    """Whether this is Windows."""
    return sys.platform == "win32"


def is_linux() -> bool:
    """Whether this is Linux."""
    return sys.platform == "linux"


def is_macos() -> bool:
    """Whether this is macOS."""
    return sys.platform == "darwin"
