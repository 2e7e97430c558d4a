import os
import sys
from pathlib import Path

import pytest
from wheels import ROOT, run


@pytest.fixture(scope="session")
def wheel(tmp_path_factory) -> Path:
    """$EIGHTBIT_WHEEL, or one that is made now."""
    if given := os.environ.get("EIGHTBIT_WHEEL"):
        return Path(given)
    dist = tmp_path_factory.mktemp("dist")
    run(ROOT / "tools" / "make_wheel.sh", sys.executable, dist)
    return next(dist.glob("eightbit-*.whl"))


@pytest.fixture(scope="session")
def sdist(tmp_path_factory) -> Path:
    """The source distribution."""
    dist = tmp_path_factory.mktemp("sdist")
    run(ROOT / "tools" / "make_sdist.sh", sys.executable, dist)
    return next(dist.glob("eightbit-*.tar.gz"))
