"""`eightbit report` and what `eightbit compare` tells of single layers."""

import json

import numpy as np
import pytest
from cli_process import CommandLine, image_model, image_samples


@pytest.fixture
def eightbit(cli, tmp_path) -> CommandLine:
    image_model(tmp_path / "m.xml")
    np.savez(tmp_path / "d.npz", image=image_samples())
    run = CommandLine(cli, tmp_path)
    assert run("quantize", "m.xml", "--data", "d.npz", "-o", "q.xml").returncode == 0
    return run


def test_report_writes_a_page_and_json(eightbit):
    both = ("report", "m.xml", "q.xml", "--data", "d.npz")
    done = eightbit(*both, "-o", "r.html")
    assert done.returncode == 0, done.stderr
    for word in ("worst layers", "conv_0", "alone dB", "classifier", "Saved to r.html"):
        assert word in done.stdout
    assert 'id="report"' in (eightbit.folder / "r.html").read_text()
    done = eightbit(*both, "-o", "r.json", "--json", "--subset-size", "5")
    assert json.loads(done.stdout)["samples"] == 5
    assert json.loads((eightbit.folder / "r.json").read_text())["layers"]
    eightbit.fails(*both, "-o", "r.html", saying=("r.html", "exists", "--force"))
    eightbit.fails(*both, "-o", "r.txt", saying=("r.txt", ".html"))
    eightbit.fails(*both, "-o", "n.html", "--subset-size", "0", saying=("--subset-size is 0",))


def test_compare_tells_layers_alone(eightbit):
    done = eightbit("compare", "m.xml", "q.xml", "--data", "d.npz")
    assert done.returncode == 0 and "alone dB" in done.stdout
    layers = json.loads(eightbit("compare", "m.xml", "q.xml", "--data", "d.npz", "--json").stdout)[
        "layers"
    ]
    alone = {layer["name"]: layer["alone_db"] for layer in layers if "alone_db" in layer}
    assert alone["conv_1"] > 15 and "relu_0" not in alone
