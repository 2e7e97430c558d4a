"""One command on several processes: mpirun of Open MPI and MPICH, and the environments of srun and torchrun."""

import os
import shutil
import signal
import subprocess
import time

import pytest

pytestmark = pytest.mark.executors

MPIRUN = {
    "openmpi": ["mpirun.openmpi", "--allow-run-as-root", "--oversubscribe"],
    "mpich": ["mpirun.mpich"],
}
ENVIRONMENT = {
    "srun": ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS"),
    "torchrun": ("RANK", "WORLD_SIZE"),
}


@pytest.fixture
def folder(model, tmp_path):
    for name in ("m.xml", "m.bin", "d.npz"):
        shutil.copy(model.with_name(name), tmp_path)
    return tmp_path


def ran(command, folder, **environment):
    done = subprocess.run(
        [str(part) for part in command], cwd=folder, capture_output=True, text=True, timeout=300,
        env={**os.environ, **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done


def start(cli, folder, launcher, rank, ranks, *command):
    index, count = ENVIRONMENT[launcher]
    environment = {**os.environ, index: str(rank), count: str(ranks)}
    return subprocess.Popen([str(cli), *command], cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)  # fmt: skip


def all_ranks(cli, folder, command, ranks):
    runs = [start(cli, folder, "torchrun", rank, ranks, *command) for rank in range(ranks)]
    for run in runs:
        _, errors = run.communicate(timeout=120)
        assert run.returncode == 0, errors


CALIBRATE = ("calibrate", "m.xml", "--data", "d.npz", "--force", "-o")
QUANTIZE = ("quantize", "m.xml", "--data", "d.npz", "--force", "-o")


@pytest.mark.parametrize("ranks", [2, 4])
@pytest.mark.parametrize("mpi", MPIRUN)
def test_mpirun(cli, folder, mpi, ranks):
    launch = [*MPIRUN[mpi], "-n", ranks, cli]
    ran([cli, *CALIBRATE, "one.stats"], folder)
    ran([*launch, *CALIBRATE, "all.stats"], folder)
    assert (folder / "all.stats").read_bytes() == (folder / "one.stats").read_bytes()
    for flags in ([], ["--no-fast-bias-correction"]):
        ran([cli, *QUANTIZE, "one.xml", *flags], folder)
        ran([*launch, *QUANTIZE, "all.xml", *flags], folder)
        for kind in ("xml", "bin", "recipe.json"):
            one, several = (next(folder.glob(f"{name}*.{kind}")) for name in ("one", "all"))
            assert one.read_bytes() == several.read_bytes(), kind
    assert not list(folder.glob("*.shares"))


@pytest.mark.parametrize("launcher", ENVIRONMENT)
def test_ranks_of_other_launchers(cli, folder, launcher):
    ran([cli, *CALIBRATE, "one.stats"], folder)
    runs = [start(cli, folder, launcher, rank, 3, *CALIBRATE, "all.stats") for rank in (2, 0, 1)]
    for run in runs:
        _, errors = run.communicate(timeout=120)
        assert run.returncode == 0, errors
    assert (folder / "all.stats").read_bytes() == (folder / "one.stats").read_bytes()


def test_a_rank_that_dies_is_named_and_a_second_start_goes_on(cli, folder):
    ran([cli, *CALIBRATE, "one.stats"], folder)
    command = (*CALIBRATE, "all.stats", "--rank-patience", "3")
    first, last = (start(cli, folder, "torchrun", rank, 3, *command) for rank in (0, 2))
    dying = start(cli, folder, "torchrun", 1, 3, *command)
    time.sleep(0.15)
    dying.send_signal(signal.SIGKILL)
    dying.communicate()
    _, errors = first.communicate(timeout=120)
    last.communicate(timeout=120)
    assert last.returncode == 0
    shares = list(folder.glob("all.stats.shares/share-1-*.stats"))
    if not shares:  # it died in time
        assert first.returncode == 2, errors
        error = errors.splitlines()[-1]
        assert "rank 1 of 3" in error and "are kept in 'all.stats.shares'" in error
        assert len(list(folder.glob("all.stats.shares/share-*.stats"))) == 2
    all_ranks(cli, folder, command, 3)
    assert (folder / "all.stats").read_bytes() == (folder / "one.stats").read_bytes()


def elsewhere(cli, folder, rank, ranks, setup, *command):
    """A rank on what looks like another machine: a host name of its own, no network, and `setup` done to its view of files."""
    unshare = ["unshare", "--mount", "--uts", "--net"]
    if not shutil.which("unshare") or subprocess.run([*unshare, "true"]).returncode != 0:
        pytest.skip("namespaces need root, or more rights than there are")
    index, count = ENVIRONMENT["torchrun"]
    return subprocess.Popen(
        [*unshare, "sh", "-c", f'hostname elsewhere; {setup}; exec "$@"', "sh", str(cli), *command],
        cwd=folder, env={**os.environ, index: str(rank), count: str(ranks)}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_ranks_need_no_network(cli, folder):
    """They meet in the folder."""
    ran([cli, *CALIBRATE, "one.stats"], folder)
    other = elsewhere(cli, folder, 1, 2, ":", *CALIBRATE, "all.stats")
    first = start(cli, folder, "torchrun", 0, 2, *CALIBRATE, "all.stats")
    for run in (first, other):
        _, errors = run.communicate(timeout=120)
        assert run.returncode == 0, errors
    assert (folder / "all.stats").read_bytes() == (folder / "one.stats").read_bytes()


@pytest.mark.parametrize("how", ["its folder is another one", "it is frozen"])
def test_a_rank_that_is_cut_off_is_named(cli, folder, how):
    """Without the shared folder, or without time: nobody can tell whether its process lives."""
    ran([cli, *CALIBRATE, "one.stats"], folder)
    (folder / "all.stats.shares").mkdir()
    command = (*CALIBRATE, "all.stats", "--rank-patience", "3")
    frozen = how == "it is frozen"
    setup = "kill -STOP $$" if frozen else "mount -t tmpfs none all.stats.shares"
    other = elsewhere(cli, folder, 1, 2, setup, *command)
    try:
        first = start(cli, folder, "torchrun", 0, 2, *command)
        _, errors = first.communicate(timeout=120)
        assert first.returncode == 2, errors
        assert "rank 1 of 2: no sign of life" in errors and "the same command goes on" in errors
        assert len(list(folder.glob("all.stats.shares/share-*.stats"))) == 1
    finally:
        other.kill()
        other.communicate()
    all_ranks(cli, folder, command, 2)
    assert (folder / "all.stats").read_bytes() == (folder / "one.stats").read_bytes()


def test_a_rank_that_never_comes_is_named(cli, folder):
    command = (*CALIBRATE, "all.stats", "--rank-patience", "2")
    began = time.monotonic()
    only = start(cli, folder, "torchrun", 0, 2, *command)
    _, errors = only.communicate(timeout=60)
    assert only.returncode == 2 and "rank 1 of 2: no sign of life" in errors, errors
    assert time.monotonic() - began < 30


def test_a_rank_that_fails_tells_why(cli, folder):
    """Its data is another file of the same name, with a sample that the model cannot take."""
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    for name in ("m.xml", "m.bin"):
        shutil.copy(folder / name, elsewhere)
    (elsewhere / "d.npz").write_bytes(b"no archive")
    (elsewhere / "all.stats.shares").symlink_to(folder / "all.stats.shares")
    (folder / "all.stats.shares").mkdir()
    first = start(cli, folder, "torchrun", 0, 2, *CALIBRATE, "all.stats")
    second = start(cli, elsewhere, "torchrun", 1, 2, *CALIBRATE, "all.stats")
    second.communicate(timeout=60)
    _, errors = first.communicate(timeout=60)
    assert second.returncode == first.returncode == 2
    assert "rank 1 of 2: it failed with: [" in errors and "d.npz" in errors.splitlines()[-1]


def test_what_one_process_must_do_is_refused(cli, folder):
    run = start(cli, folder, "torchrun", 0, 2, *QUANTIZE, "all.xml", "--max-drop", "0.01")
    _, errors = run.communicate(timeout=60)
    assert run.returncode == 2 and "--alone" in errors
    ran([cli, *QUANTIZE, "one.xml", "--alone"], folder, RANK="1", WORLD_SIZE="2")
    assert (folder / "one.xml").exists()


def test_four_ranks_cost_little(cli, folder):
    """Beyond the start of four processes, which load the runtime each."""

    def seconds(command):
        began = time.monotonic()
        ran(command, folder)
        return time.monotonic() - began

    launch = [*MPIRUN["openmpi"], "-n", 4, cli]
    nothing = min(seconds([*launch, "inspect", "m.xml"]) for _ in range(2))
    one = min(seconds([cli, *CALIBRATE, "one.stats"]) for _ in range(2))
    four = min(seconds([*launch, *CALIBRATE, "all.stats"]) for _ in range(2))
    print(f"launcher {nothing:.2f} s, one process {one:.2f} s, four ranks {four:.2f} s")
    assert four < one + nothing + 1
