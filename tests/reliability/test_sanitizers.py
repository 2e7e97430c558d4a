"""The row of the sanitizers can fail: a program with a fault that the build of a preset must find counts as a finding."""

import json
import os
import subprocess

import pytest
from run import ROOT, Outcome, run_program

# What the tests' own program prints and returns, around a fault that does no harm by itself.
PROGRAM = """
#include <climits>
#include <cstdio>
#include <thread>
#include <vector>
int main(int argc, char**) {
  std::vector<int> values(8);
  int number = argc;
  {FAULT}
  std::printf("[==========] 1 test from 1 test suite ran.\\n%c", values[0] + number == -1);
}
"""
NONE = "values[7] = number;"
FAULTS = [
    ("debug", "values.data()[argc + 7] = 1;"),
    ("debug", "number = INT_MAX - 1 + argc, number += argc;"),
    ("debug", "auto* lost = new int[7]; values[0] = lost[0] = argc; lost = nullptr;"),
    ("threads", "std::thread other([&] { number = 3; }); number = 4; other.join();"),
]


def findings(preset, fault, folder):
    presets = json.loads((ROOT / "CMakePresets.json").read_text())["configurePresets"]
    variables = {}
    for name in ("debug", preset):
        variables |= next(p for p in presets if p["name"] == name)["cacheVariables"]
    flags = f"{variables['CMAKE_CXX_FLAGS']} {variables['CMAKE_CXX_FLAGS_DEBUG']}".split()
    (folder / "program.cc").write_text(PROGRAM.replace("{FAULT}", fault))
    compiler = os.environ.get("CXX", "c++")
    subprocess.run([compiler, "-std=c++20", *flags, "-pthread", "program.cc", "-o", "program"], cwd=folder, check=True)  # fmt: skip
    outcome = Outcome()
    run_program(folder / "program", "*", outcome)
    assert outcome.tried == 1 or outcome.findings
    return outcome.findings


@pytest.mark.parametrize(("preset", "fault"), FAULTS)
def test_a_fault_is_a_finding(preset, fault, tmp_path):
    assert findings(preset, fault, tmp_path) == 1


@pytest.mark.parametrize("preset", ["debug", "threads"])
def test_a_clean_program_is_none(preset, tmp_path):
    assert findings(preset, NONE, tmp_path) == 0
