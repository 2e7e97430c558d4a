"""What CONTRIBUTING.md says of how high one has to climb, against the tree and against three changes that climb."""

import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / "tools"
sys.path.insert(0, str(TOOLS))

from dummy_changes import CHANGES  # noqa: E402

# A path of the tree, as rows write it: with a slash or an ending, behind no other word of a path.
PATH = re.compile(r"^(?:[\w.-]+/)*[\w.*<>-]+(?:\.\w+|\.\*|/)$")
# Short for a neighbour: "`src/kernels/onnxruntime.cc`, `openvino.cc`".
ABBREVIATED = re.compile(r"^[\w.*-]+\.(?:cc|h|py|txt|md|\*)$")


def rows() -> dict[str, list[str]]:
    """The paths that each row names, by its first cell; a short one in the folder of the one in front."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    table = text.partition("## How high do you have to climb?")[2].partition("\n## ")[0]
    found = {}
    for line in table.splitlines():
        if not line.startswith("|") or line.startswith(("|--", "| to add")):
            continue
        cell, cells = line.strip("| ").split(" | ", 1)
        paths, folder = [], Path()
        for name in re.findall(r"`([^`]+)`|\]\(([^)]+)\)", cells):
            path = name[0] or name[1]
            if not PATH.match(path):
                continue
            at_top = "/" in path or (ROOT / path).exists()
            paths.append(path if at_top or not ABBREVIATED.match(path) else str(folder / path))
            folder = Path(paths[-1]).parent if not path.endswith("/") else Path(path)
        found[cell] = list(dict.fromkeys(paths))
    return found


ROWS = rows()


def test_the_table_is_there():
    assert len(ROWS) > 10 and {change.row for change in CHANGES} <= set(ROWS)


@pytest.mark.parametrize("row", ROWS)
def test_what_a_row_names_exists(row):
    missing = [path for path in ROWS[row] if not list(ROOT.glob(path.rstrip("/")))]
    assert ROWS[row] and not missing, missing


def is_named(file: str, paths: list[str]) -> bool:
    return any(
        file.startswith(path) if path.endswith("/") else fnmatch(file, path) for path in paths
    )


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.row)
def test_a_row_names_what_its_change_touches_and_nothing_else(change):
    paths = ROWS[change.row]
    assert not [file for file in change.files if not is_named(file, paths)]
    assert not [path for path in paths if not any(is_named(file, [path]) for file in change.files)]
    assert len(change.files) <= change.target


@pytest.mark.slow
def test_the_changes_build_and_work_in_as_few_files(tmp_path):
    done = subprocess.run(
        [sys.executable, TOOLS / "count_files.py", tmp_path / "copy"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
