"""The same through the executors of loky, mpi4py, dask and Ray: the real ones."""

import os
import subprocess
import sys
from pathlib import Path

import eightbit as eb
import pytest
from test_executors import recipe

pytestmark = pytest.mark.executors


@pytest.fixture(scope="module")
def alone(model, data):
    return recipe(model, eb.Dataset(data))


@pytest.mark.parametrize("workers", [2, 4])
def test_loky(model, data, alone, workers):
    loky = pytest.importorskip("loky")
    executor = loky.get_reusable_executor(max_workers=workers)
    assert recipe(model, eb.Dataset(data), executor=executor) == alone
    executor.shutdown(wait=True, kill_workers=True)


@pytest.mark.parametrize("workers", [2, 4])
def test_dask(model, data, alone, workers):
    distributed = pytest.importorskip("distributed")
    cluster = {"n_workers": workers, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**cluster) as local, distributed.Client(local) as client:
        assert recipe(model, eb.Dataset(data), executor=client.get_executor()) == alone


@pytest.mark.parametrize("workers", [2, 4])
def test_ray(model, data, alone, workers):
    ray = pytest.importorskip("ray")
    ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False)
    try:
        with eb.ray_executor(workers) as executor:
            assert recipe(model, eb.Dataset(data), executor=executor) == alone
    finally:
        ray.shutdown()


PROGRAM = """
import sys
sys.path.insert(0, {folder!r})
from mpi4py.futures import MPIPoolExecutor
import eightbit as eb
from factories import all_items
from test_executors import recipe
if __name__ == "__main__":
    with MPIPoolExecutor() as executor:
        text = recipe(sys.argv[1], eb.Dataset(all_items()), executor=executor)
    open(sys.argv[2], "w").write(text)
"""


@pytest.mark.parametrize("workers", [2, 4])
def test_mpi4py(model, alone, tmp_path, workers):
    pytest.importorskip("mpi4py")
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.format(folder=str(Path(__file__).parent)))
    command = ["mpirun.openmpi", "--allow-run-as-root", "--oversubscribe", "-n", str(workers + 1)]
    done = subprocess.run(
        [*command, sys.executable, "-m", "mpi4py.futures", program, model, tmp_path / "recipe"],
        capture_output=True, text=True, timeout=300,
        env={**os.environ, "MPI4PY_MPIABI": "openmpi"},  # which of those that are installed
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "recipe").read_text() == alone
