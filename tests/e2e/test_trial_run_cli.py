"""The trial run and the floor from the command line: the last lines, --json, exit status, JSON options."""

import json
import sys
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from cli_process import CommandLine, ok

sys.path.insert(0, str(Path(__file__).parents[1] / "python"))
from small_models import delicate_net, delicate_samples  # noqa: E402


@pytest.fixture
def delicate(cli, tmp_path) -> CommandLine:
    """A model in which `ruined` must not be quantized."""
    ov.save_model(delicate_net(), tmp_path / "m.xml", compress_to_fp16=False)
    np.savez(tmp_path / "d.npz", x=np.concatenate(delicate_samples()))
    return CommandLine(cli, tmp_path)


QUANTIZE = ("quantize", "m.xml", "--data", "d.npz", "-o", "q.xml")


def test_the_last_lines_tell_what_users_get(eightbit):
    lines = ok(eightbit(*QUANTIZE)).stdout.splitlines()
    [line] = [line for line in lines if line.startswith("Trial run: ")]
    assert "dB on 4 samples" in line and "times as fast as the float model by default" in line
    assert lines.index(line) > lines.index(next(x for x in lines if x.strip().startswith("size")))


def test_json_and_the_recipe_have_it(eightbit):
    report = json.loads(ok(eightbit(*QUANTIZE, "--json")).stdout)["report"]
    assert report["trial"]["samples"] == 4 and report["trial"]["outputs"][0]["name"] == "logits"
    recipe = json.loads((eightbit.folder / "q.recipe.json").read_text())
    assert recipe["trial"]["sqnr_f32_db"] == report["trial"]["sqnr_f32_db"]
    replayed = ok(
        eightbit("quantize", "m.xml", "--recipe", "q.recipe.json", "-o", "again.xml")
    ).stdout
    assert "Trial run: " not in replayed
    assert (eightbit.folder / "again.bin").read_bytes() == (eightbit.folder / "q.bin").read_bytes()


def test_off(eightbit):
    assert "rial run" not in ok(eightbit(*QUANTIZE, "--no-trial-run")).stdout
    (eightbit.folder / "options.json").write_text('{"trial_run": false}')
    assert "rial run" not in ok(eightbit(*QUANTIZE, "--force", "--config", "options.json")).stdout
    eightbit.fails(
        *QUANTIZE,
        "--force",
        "--no-trial-run",
        "--min-sqnr-db",
        "20",
        saying=("min_sqnr_db", "trial_run"),
    )


def test_layers_that_ruin_it_stay_in_float(delicate):
    report = json.loads(ok(delicate(*QUANTIZE, "--json")).stdout)["report"]
    assert (
        report["trial"]["sqnr_f32_db"] >= 20 and abs(report["trial"]["float_share"] - 0.25) < 0.01
    )
    left = json.loads((delicate.folder / "q.recipe.json").read_text())["plan"]["left_float"]
    assert {"node": "ruined", "reason": "min_sqnr_db 20"} in left


def test_a_missed_floor_is_a_warning(delicate):
    done = ok(delicate(*QUANTIZE, "--max-float-share", "0.1"))
    assert "below min_sqnr_db 20" in done.stderr and "ruined" in done.stderr
    assert "below min_sqnr_db 20" in done.stdout


def test_strict_writes_nothing_and_ends_with_2(delicate):
    delicate.fails(
        *QUANTIZE, "--max-float-share", "0.1", "--strict", saying=("below min_sqnr_db 20", "ruined")
    )
    ok(delicate(*QUANTIZE, "--strict"))


def test_compare_has_a_column_for_what_was_measured(eightbit):
    ok(eightbit(*QUANTIZE))
    text = ok(eightbit("compare", "m.xml", "q.xml", "--data", "d.npz")).stdout
    head, row = text.splitlines()[:2]
    assert head.endswith("measured dB") and row.split()[0] == "classifier"
    assert abs(float(row.split()[-1]) - float(row.split()[2])) < 1
