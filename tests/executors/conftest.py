"""What spreads work over processes, and a model and data for it. Needs requirements/executors.txt: `make executors`."""

import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from cli_process import image_model

SAMPLES = 150


def samples(count=SAMPLES):
    return np.random.default_rng(1).normal(0, 1, (count, 3, 16, 16)).astype(np.float32)


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("executors")
    np.savez(folder / "d.npz", image=samples())
    return image_model(folder / "m.xml")


@pytest.fixture(scope="session")
def data():
    return [sample[None] for sample in samples()]


@pytest.fixture(scope="session", params=[2, 4])
def processes(request):
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(request.param, mp_context=context) as executor:
        yield executor
