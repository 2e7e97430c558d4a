"""`eightbit quantize --max-drop`: its flags, its metrics and what it writes."""

import json
import sys

import numpy as np
import openvino as ov
import pytest

sys.path.append(str(__import__("pathlib").Path(__file__).parents[1]))

from cli_process import CommandLine, image_model, image_samples


@pytest.fixture
def folder(tmp_path):
    image_model(tmp_path / "model.xml")
    samples = np.concatenate([image_samples(), -image_samples(), 2 * image_samples()])
    np.savez(tmp_path / "samples.npz", image=samples)
    compiled = ov.compile_model(tmp_path / "model.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    labels = np.array([int(compiled(sample[None])[0].argmax()) for sample in samples])
    np.savez(tmp_path / "labelled.npz", image=samples, labels=labels)
    np.savez(tmp_path / "mislabelled.npz", image=samples, labels=(labels + 1) % 5)
    return tmp_path


@pytest.fixture
def eightbit(cli, folder):
    return CommandLine(cli, folder)


def controlled(eightbit, *flags):
    """Runs with --json and returns the report's part on accuracy."""
    done = eightbit(
        "quantize",
        "model.xml",
        "--data",
        "samples.npz",
        "-o",
        "out.xml",
        "--force",
        "--json",
        *flags,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["accuracy"]


@pytest.mark.parametrize(
    ("metric", "best"), [("top1", 1), ("top5", 1), ("mse", 0), ("cosine", 1), ("exact-text", 1)]
)
def test_metrics_against_the_float_model(eightbit, folder, metric, best):
    report = controlled(
        eightbit, "--max-drop", 0.5, "--metric", metric, "--validation-data", "samples.npz"
    )
    assert report["float_metric"] == pytest.approx(best)
    assert report["reached"] and report["quantizers"] == report["all_quantizers"]
    assert json.loads((folder / "out.json").read_text())["metric"] == report["metric"]
    assert ov.Core().read_model(folder / "out.xml")


def test_labels_come_with_the_data_or_from_a_file(eightbit, folder):
    flags = ["--max-drop", 0.5, "--metric", "top1", "--validation-data"]
    assert controlled(eightbit, *flags, "mislabelled.npz")["float_metric"] == 0
    assert (
        controlled(eightbit, *flags, "mislabelled.npz", "--labels", "labelled.npz")["float_metric"]
        == 1
    )
    labels = np.load(folder / "labelled.npz")["labels"]
    (folder / "labels.txt").write_text("".join(f"{label}\n" for label in labels))
    assert (
        controlled(eightbit, *flags, "samples.npz", "--labels", "labels.txt")["float_metric"] == 1
    )


def test_layers_go_back_until_the_goal_is_met(eightbit):
    flags = ["--metric", "mse", "--validation-data", "samples.npz"]
    plain = controlled(eightbit, "--max-drop", 1e9, *flags)
    report = controlled(eightbit, "--max-drop", plain["drop"] / 4, *flags)
    assert report["reached"] and 0 < report["quantizers"] < report["all_quantizers"]


def test_a_command_is_asked_for_the_metric(eightbit, folder):
    script = folder / "metric.py"
    script.write_text("import sys\nprint('looking at', sys.argv[1])\nprint('accuracy:', 0.75)\n")
    report = controlled(
        eightbit, "--max-drop", 0.1, "--metric", f"command:{sys.executable} {script}"
    )
    assert report["float_metric"] == 0.75 and report["reached"]


def test_what_a_person_sees(eightbit):
    done = eightbit(
        "quantize", "model.xml", "--data", "samples.npz", "-o", "out.xml", "--max-drop", 0.5, "--metric", "cosine",
        "--validation-data", "samples.npz",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for text in ("metric", "drop", "0.5 allowed", "quantizers kept", "models validated"):
        assert text in done.stdout


def test_a_missed_goal_writes_the_best_model_and_says_so(eightbit, folder):
    flags = [
        "quantize", "model.xml", "--data", "samples.npz", "--max-drop", 0, "--metric", "mse", "--validation-data",
        "samples.npz", "--max-num-iterations", 0,
    ]  # fmt: skip
    done = eightbit(*flags, "-o", "out.xml")
    assert done.returncode == 2
    assert "max_drop is 0" in done.stderr and "The best model is 'out.xml'" in done.stderr
    assert not json.loads((folder / "out.json").read_text())["reached"]
    assert ov.Core().read_model(folder / "out.xml")
    assert eightbit(*flags, "-o", "other.xml", "--on-failure", "return").returncode == 0


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (["--metric", "top1"], "--metric has no effect without --max-drop"),
        (["--max-drop", "0.1"], "--validation-data is missing"),
        (["--max-drop", "0.1", "--validation-data", "samples.npz"], "--metric is missing"),
        (["--max-drop", "-1", "--metric", "mse", "--validation-data", "samples.npz"], "max_drop is -1"),
        (["--max-drop", "0.1", "--metric", "top2", "--validation-data", "samples.npz"], "metric cannot be 'top2'"),
        (["--max-drop", "0.1", "--metric", "mse", "--validation-data", "samples.npz", "--labels", "labelled.npz"], "labels have no effect on mse"),
        (["--max-drop", "0.1", "--metric", "top1", "--validation-data", "samples.npz", "--labels", "samples.npz"], "no array 'labels'"),
        (["--max-drop", "0.1", "--metric", "exact-text", "--validation-data", "samples.npz", "--labels", "l.txt"], "no alphabet"),
        (["--max-drop", "0.1", "--metric", "command:false"], "ended with status 1"),
        (["--max-drop", "0.1", "--metric", "command:echo"], "model.xml"),
        (["--max-drop", "0.1", "--metric", "command:"], "names no program"),
        (["--max-drop", "0.1", "--metric", "mse", "--validation-data", "none.npz"], "none.npz"),
    ],
)  # fmt: skip
def test_errors_say_what_to_do(eightbit, flags, text):
    eightbit.fails(
        "quantize", "model.xml", "--data", "samples.npz", "-o", "out.xml", *flags, saying=(text,)
    )


def test_statistics_do_not_do(eightbit):
    eightbit.fails(
        "quantize", "model.xml", "--statistics", "s.stats", "-o", "out.xml", "--max-drop", 1, saying=("Give --data",)
    )  # fmt: skip


def test_options_are_tuned(eightbit, folder):
    tuned = ["quantize", "model.xml", "--tune-hyperparams", "-o", "tuned.xml"]
    done = eightbit(*tuned, "--data", "samples.npz", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)["report"]
    assert any(note.startswith("tuned: ") for note in report["notes"])
    assert any(step["step"] == "tune" for step in report["steps"])
    recipe = json.loads((folder / "tuned.recipe.json").read_text())
    assert recipe["plan"]["quantizers"]
    eightbit.fails(
        *tuned, "--statistics", "s.stats", saying=("--tune-hyperparams goes with --data alone",)
    )
    eightbit.fails(
        *tuned, "--recipe", "tuned.recipe.json", saying=("--tune-hyperparams has no effect",)
    )
