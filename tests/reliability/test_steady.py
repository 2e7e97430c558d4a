"""Memory and handles over many samples and many runs. How many runs: RELIABILITY_RUNS, 60 by default."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow
RUNS = int(os.environ.get("RELIABILITY_RUNS", "60"))

MEMORY = """
import resource, sys
import eightbit as eb, numpy as np
from cli_process import image_model
model, count = sys.argv[1], int(sys.argv[2])
rng = np.random.default_rng(1)
data = (rng.normal(0, 1, (1, 3, 16, 16)).astype(np.float32) for _ in range(count))
eb.quantize(model, eb.Dataset(data), subset_size=count)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""

SOAK = """
import os, resource, sys
import eightbit as eb, numpy as np
model, runs = sys.argv[1], int(sys.argv[2])
rng = np.random.default_rng(1)
data = [rng.normal(0, 1, (1, 3, 16, 16)).astype(np.float32) for _ in range(24)]

def resident():
    return int(open('/proc/self/statm').read().split()[1]) * 4096 / 2**20

for i in range(runs):
    eb.quantize(model, eb.Dataset(data))
    if i == runs // 3:
        before, handles = resident(), len(os.listdir('/proc/self/fd'))
print(before, resident(), handles, len(os.listdir('/proc/self/fd')))
"""


def numbers(program, *arguments):
    folder = os.path.dirname(os.path.dirname(__file__))
    paths = os.pathsep.join([folder, os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return [float(word) for word in done.stdout.split()[-4:]]


@pytest.fixture
def model(tmp_path):
    from cli_process import image_model

    return image_model(tmp_path / "m.xml")


def test_peak_memory_does_not_grow_with_the_data(model):
    peaks = {count: numbers(MEMORY, model, count)[-1] for count in (30, 300, 3000, 30000)}
    print(peaks)
    assert max(peaks.values()) - min(peaks.values()) < 64, peaks


def test_many_runs_in_one_process_leave_nothing(model):
    before, after, handles, handles_after = numbers(SOAK, model, RUNS)
    print(before, after, handles, handles_after)
    assert handles_after == handles
    assert after - before < max(8, 0.05 * before), (before, after)
