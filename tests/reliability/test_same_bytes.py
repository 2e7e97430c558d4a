"""The same call makes the same bytes: repeats x threads x batches x shards x executors. Repeats: RELIABILITY_REPEATS, 2 by default."""

import os
from concurrent.futures import ThreadPoolExecutor

import eightbit as eb
import numpy as np
import pytest
from cli_process import image_model

pytestmark = pytest.mark.slow
REPEATS = int(os.environ.get("RELIABILITY_REPEATS", "2"))
SAMPLES = 120


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    import openvino as ov

    path = image_model(tmp_path_factory.mktemp("same") / "fixed.xml")
    network = ov.Core().read_model(path)
    network.reshape([-1, 3, 16, 16])
    ov.save_model(network, path.with_name("m.xml"), compress_to_fp16=False)
    return path.with_name("m.xml")


def recipe(model, data, **options):
    report = eb.Report()
    eb.quantize(model, data, report=report, subset_size=SAMPLES, **options)
    return report.recipe.to_json()


def batches(size):
    values = np.random.default_rng(1).normal(0, 1, (SAMPLES, 3, 16, 16)).astype(np.float32)
    return [values[first : first + size] for first in range(0, SAMPLES, size)]


@pytest.fixture(scope="module")
def found():
    """The results of all repeats."""
    return set()


@pytest.mark.parametrize("repeat", range(REPEATS))
def test_repeats_threads_batches_shards_and_executors(model, found, repeat):
    tried = 0
    for threads in (1, 2, 4):
        for batch in (1, 8):
            found.add(recipe(model, eb.Dataset(batches(batch)), threads=threads))
            tried += 1
            for count in (1, 2, 4):
                shares = [
                    eb.calibrate(
                        model, eb.Dataset(batches(batch)), subset_size=SAMPLES, threads=threads, shard=(index, count),
                    )
                    for index in range(count)
                ]  # fmt: skip
                found.add(recipe(model, eb.Statistics.merge(shares), threads=threads))
                tried += 1
            with ThreadPoolExecutor(2) as executor:
                data = eb.Dataset(batches(batch))
                found.add(recipe(model, data, threads=threads, executor=executor))
                tried += 1
    print(f"repeat {repeat}: {tried} runs, {len(found)} results so far")
    assert len(found) == 1
