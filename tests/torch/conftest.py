"""Small networks of PyTorch and the data for them."""

import importlib.util
import os

import numpy as np
import pytest

# Tests share the cores: threads that spin while they wait for others take the time that those need.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

if importlib.util.find_spec("torch") is None:
    collect_ignore_glob = ["test_*.py"]


def pytest_report_header(config):
    if importlib.util.find_spec("torch") is None:
        return "tests/torch is left out: torch is not installed (pip install torch==2.13.0)"
    return None


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Parameters that a test does not set are the same in every run."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)


@pytest.fixture
def images() -> list[np.ndarray]:
    random = np.random.default_rng(7)
    return [random.standard_normal((1, 3, 16, 16)).astype(np.float32) for _ in range(16)]
