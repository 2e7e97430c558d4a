"""The model and the data that most tests of the Python package use."""

import numpy as np
import openvino as ov
import pytest
from small_models import conv_net


@pytest.fixture
def model() -> ov.Model:
    return conv_net()


@pytest.fixture
def samples() -> list[np.ndarray]:
    random = np.random.default_rng(11)
    return [random.standard_normal((1, 3, 16, 16)).astype(np.float32) for _ in range(12)]
