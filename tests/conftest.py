"""Where things are. `make test` sets the variables; the defaults suit `cmake --preset release`."""

import os
import signal
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell without a terminal starts what runs in its background that way, and children inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def build_dir() -> Path:
    """The folder of the C++ build."""
    return Path(os.environ.get("EIGHTBIT_BUILD_DIR", ROOT / "build"))


@pytest.fixture(scope="session")
def cli(build_dir) -> Path:
    """The command line program."""
    return build_dir / "python" / "eightbit" / "bin" / "eightbit"


@pytest.fixture(scope="session")
def inputs() -> Path:
    """Reference models and data, made by bench/make_inputs.py."""
    return Path(os.environ.get("EIGHTBIT_INPUTS", ROOT / "bench" / "inputs"))
