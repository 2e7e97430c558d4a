"""A small classifier, its data, and how it is validated."""

import sys
from pathlib import Path

import numpy as np
import openvino as ov
import pytest

sys.path.append(str(Path(__file__).parents[1] / "python"))

from small_models import conv_net  # noqa: E402


@pytest.fixture(scope="session")
def float_model() -> ov.Model:
    return conv_net()


@pytest.fixture(scope="session")
def images() -> list[np.ndarray]:
    random = np.random.default_rng(5)
    return [random.standard_normal((1, 3, 16, 16)).astype(np.float32) for _ in range(40)]


@pytest.fixture(scope="session")
def items(float_model, images) -> list[tuple[np.ndarray, int]]:
    """Images with what the float model says of them."""
    compiled = ov.compile_model(float_model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return [(image, int(compiled(image)[0].argmax())) for image in images]
