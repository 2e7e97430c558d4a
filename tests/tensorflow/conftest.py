"""TensorFlow is quiet, and its tests are left out where its packages are missing: make test installs them."""

import importlib.util
import os

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
PACKAGES = ("tensorflow", "keras", "tf_keras")
if not all(importlib.util.find_spec(name) for name in PACKAGES):
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(params=["keras", "tf_keras"])
def kit(request):
    """Keras 3, then Keras 2."""
    package = importlib.import_module(request.param)
    package.utils.set_random_seed(1)
    return package
