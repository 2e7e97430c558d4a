import os
import sys
from pathlib import Path

import pytest
from wheels import RELEASES, ROOT, run


@pytest.fixture(scope="session")
def wheel(tmp_path_factory) -> Path:
    """$EIGHTBIT_WHEEL, or one that is made now, with the oldest and the newest part."""
    if given := os.environ.get("EIGHTBIT_WHEEL"):
        return Path(given)
    dist = tmp_path_factory.mktemp("dist")
    run(ROOT / "tools" / "make_wheel.sh", sys.executable, dist, RELEASES[0], RELEASES[-1])
    return next(dist.glob("eightbit-*.whl"))
