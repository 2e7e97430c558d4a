"""Recipe files on the command line."""

import json

import pytest
from cli_process import CommandLine


@pytest.fixture
def eightbit(eightbit) -> CommandLine:
    done = eightbit("quantize", "m.xml", "--data", "d.npz", "-o", "q.xml", "--preset", "mixed")
    assert done.returncode == 0, done.stderr
    assert "its recipe to q.recipe.json" in done.stdout
    return eightbit


def test_a_recipe_lies_beside_the_model_and_makes_it_again(eightbit):
    recipe = json.loads((eightbit.folder / "q.recipe.json").read_text())
    assert recipe["schema"] == "eightbit.recipe" and recipe["options"]["preset"] == "mixed"
    done = eightbit("quantize", "m.xml", "--recipe", "q.recipe.json", "-o", "again.xml")
    assert done.returncode == 0, done.stderr
    for one, other in (
        ("q.xml", "again.xml"),
        ("q.bin", "again.bin"),
        ("q.recipe.json", "again.recipe.json"),
    ):
        assert (eightbit.folder / one).read_bytes() == (eightbit.folder / other).read_bytes()


def test_defaults_by_name_are_no_file(eightbit):
    done = eightbit("quantize", "m.xml", "--data", "d.npz", "--recipe", "nncf", "-o", "n.xml")
    assert done.returncode == 0, done.stderr
    assert (
        json.loads((eightbit.folder / "n.recipe.json").read_text())["options"]["recipe"] == "nncf"
    )


def test_refusals(eightbit):
    with_recipe = ("quantize", "m.xml", "--recipe", "q.recipe.json", "-o", "again.xml")
    for extra in (
        ("--data", "d.npz"),
        ("--statistics", "s"),
        ("--checkpoint", "c"),
        ("--preset", "mixed"),
        ("--mean", "1"),
    ):
        eightbit.fails(*with_recipe, *extra, saying=(extra[0], "no effect"))
    (eightbit.folder / "again.recipe.json").write_text("mine")
    eightbit.fails(*with_recipe, saying=("again.recipe.json", "exists", "--force"))
    (eightbit.folder / "cut.json").write_bytes(
        (eightbit.folder / "q.recipe.json").read_bytes()[:400]
    )
    eightbit.fails(
        "quantize",
        "m.xml",
        "--recipe",
        "cut.json",
        "-o",
        "x.xml",
        saying=("cut.json", "no valid JSON"),
    )
    eightbit.fails(
        "quantize", "m.xml", "--recipe", "none.json", "-o", "x.xml", saying=("none.json",)
    )
