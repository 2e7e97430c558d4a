"""Configuration files whose engine is a module of the user's own: what runs a cascade, and measures it as a whole."""

import json
import os
import sys
import time
from pathlib import Path

import openvino as ov
import pytest
from cli_process import CommandLine
from eightbit.pot import create_pipeline, load_model
from eightbit.pot.attributes import Attributes
from small_cascade import PARTS, engine_of, finder, judge

HERE = Path(__file__).parent
COUNT = 12


@pytest.fixture
def pot(cli, tmp_path, monkeypatch):
    for name, model in zip(PARTS, (finder(), judge()), strict=True):
        ov.save_model(model, tmp_path / f"{name}.xml", compress_to_fp16=False)
    monkeypatch.setenv("EIGHTBIT_PYTHON", sys.executable)
    monkeypatch.setenv("PYTHONPATH", str(HERE.parent / "python"), prepend=os.pathsep)
    return CommandLine(cli, tmp_path)


def configuration(module="engine_of", name="AccuracyAwareQuantization", **params) -> dict:
    parts = [{"name": n, "model": f"{n}.xml", "weights": f"{n}.bin"} for n in PARTS]
    model = {"model_name": "two", "cascade": parts}
    return {
        "model": model,
        "engine": {
            "module": f"small_cascade.{module}",
            "python_path": str(HERE),
            "module_config": {"model": model, "count": COUNT},
            "device": "CPU",
        },
        "compression": {
            "target_device": "CPU",
            "algorithms": [{"name": name, "params": params}],
        },
    }


def write(config: dict, folder: Path, name="c.json") -> str:
    (folder / name).write_text(json.dumps(config, indent=1))
    return name


def quantizers(path) -> int:
    types = [op.get_type_name() for op in ov.Core().read_model(path).get_ops()]
    return types.count("FakeQuantize")


def run(pot, config: dict, out: str, *flags) -> tuple[list[Path], str]:
    done = pot("pot", "-c", write(config, pot.folder), "-d", "--output-dir", out, *flags)
    assert done.returncode == 0, done.stderr
    return [pot.folder / out / f"optimized/two_{part}.xml" for part in PARTS], done.stdout


def loss_in(stdout: str) -> float:
    """Of the metric, which is 0 for the float cascade."""
    line = next(line for line in stdout.splitlines() if line.startswith("mean "))
    assert line[27] == ":"
    return -float(line[28:])


def test_layers_of_a_cascade_go_back_to_float_until_its_metric_holds(pot, tmp_path):
    whole, told = run(pot, configuration(maximal_drop=10.0), "whole", "-e")
    lost = loss_in(told)
    assert lost > 0 and all(quantizers(path) for path in whole)
    some, told = run(pot, configuration(maximal_drop=lost / 3), "some", "-e")
    assert 0 <= loss_in(told) <= lost / 3
    assert 0 < sum(map(quantizers, some)) < sum(map(quantizers, whole))
    log = (tmp_path / "some/log.txt").read_text()
    assert "baseline" in log and "quantizers are left" in log


def test_a_file_makes_what_a_script_makes(pot, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = configuration(maximal_drop=0.003)
    paths, _ = run(pot, config, "file")
    algorithms = [
        {
            "name": "AccuracyAwareQuantization",
            "params": {"maximal_drop": 0.003, "target_device": "CPU"},
        }
    ]
    model = config["model"]
    engine = engine_of(Attributes({"model": model, "count": COUNT}))
    result = create_pipeline(algorithms, engine).run(load_model(model))
    for path, saved in zip(paths, result.save("script", "two"), strict=True):
        assert path.name == Path(saved["model"]).name
        weights = Path(saved["weights"]).read_bytes()
        assert path.with_suffix(".bin").read_bytes() == weights


def test_folders_of_results_and_ignored_scopes_of_parts(pot, tmp_path):
    ignored = {"ignored": {"judge": {"skip_model": True}}}
    config = configuration(name="DefaultQuantization", preset="mixed", **ignored)
    (tmp_path / "c.yml").write_text(json.dumps(config))  # JSON is YAML
    done = pot("pot", "-c", "c.yml", "--keep-uncompressed-weights")
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "results/two_DefaultQuantization").iterdir()
    assert quantizers(folder / "optimized/two_judge.xml") == 0
    constants = {
        op.get_element_type().get_type_name()
        for op in ov.Core().read_model(folder / "optimized/two_finder.xml").get_ops()
        if op.get_type_name() == "Constant"
    }
    assert "i8" not in constants and "f32" in constants
    assert (folder / "log.txt").read_text().count("inferences") == 1
    assert done.stdout.count("Saved to") == 2


def test_a_module_in_the_file_that_the_engine_names(pot, tmp_path):
    """As Accuracy Checker has it: a list of evaluations."""
    config = configuration(name="DefaultQuantization")
    engine = {**config["engine"], "name": "mine", "python_path": "here"}
    (tmp_path / "here").symlink_to(HERE)
    write({"evaluations": [engine]}, tmp_path, "checker.yml")
    config["engine"] = {"config": "checker.yml"}
    paths, _ = run(pot, config, "out", "--log-level", "ERROR")
    assert all(quantizers(path) for path in paths)


@pytest.mark.parametrize(
    "change, words",
    [
        ({"module": "small_cascade.gone"}, ["no function and no class 'gone'", "c.json:18"]),
        ({"module": "large_cascade.engine_of"}, ["no module 'large_cascade'", "python_path", "c.json:18"]),
        ({"module": "small_cascade"}, ["MODULE.NAME", "c.json:18"]),
        ({"module": "small_cascade.no_engine"}, ["makes a Attributes", "IEEngine", "c.json:18"]),
        ({"module": "custom_evaluators.mtcnn_evaluator.MTCNNEvaluator"}, ["pipelines of Accuracy Checker", "c.json:18"]),
        ({"python_path": "nowhere"}, ["python_path", "no folder", "c.json:19"]),
        ({"module_config": [1]}, ["module_config", "an object", "c.json:20"]),
        ({"modul_config": {}}, ["modul_config", "module_config"]),
        ({"module": "small_cascade.unjudged"}, ["needs a metric"]),
    ],
)  # fmt: skip
def test_mistakes_have_their_place(change, words, pot, tmp_path):
    config = configuration()
    config["engine"].update(change)
    name = write(config, tmp_path)
    if change == {"module": "small_cascade.unjudged"}:  # its log and folder are begun by then
        done = pot("pot", "-c", name)
        assert done.returncode == 2 and words[0] in done.stderr.splitlines()[-1]
        return
    pot.fails("pot", "-c", name, saying=words)


def test_what_the_users_code_raises_is_shown(pot, tmp_path):
    done = pot("pot", "-c", write(configuration("stumbles"), tmp_path))
    assert done.returncode == 2
    assert "small_cascade.py" in done.stderr and "Traceback" in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("eightbit: error: ") and f"no such face: {COUNT}" in last
    assert "c.json:18" in last and not (tmp_path / "results").exists()


def is_running(process: int) -> bool:
    stat = Path(f"/proc/{process}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def test_python_ends_with_the_command_line(pot, tmp_path):
    sign = tmp_path / "begun"
    config = configuration("waits")
    config["engine"]["module_config"]["sign"] = str(sign)
    program = pot.start("pot", "-c", write(config, tmp_path))
    until = time.monotonic() + 60
    while not (sign.exists() and sign.read_text()) and time.monotonic() < until:
        time.sleep(0.1)
    process = int(sign.read_text())
    assert is_running(process)
    program.kill()
    program.wait()
    while is_running(process) and time.monotonic() < until:
        time.sleep(0.1)
    assert not is_running(process)


@pytest.mark.parametrize("python", ["/bin/false", "/no/python"])
def test_a_python_that_has_no_eightbit(python, pot, tmp_path, monkeypatch):
    monkeypatch.setenv("EIGHTBIT_PYTHON", python)
    pot.fails(
        "pot",
        "-c",
        write(configuration(), tmp_path),
        saying=["pip install eightbit", f"'{python}'", "EIGHTBIT_PYTHON", "c.json:18"],
    )
