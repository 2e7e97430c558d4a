"""The installed library as a C++ program sees it."""

import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def run(*command, **options):
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def prefix(build_dir, tmp_path_factory):
    target = tmp_path_factory.mktemp("prefix")
    run("cmake", "--install", build_dir, "--prefix", target)
    return target


def test_a_cmake_project_finds_links_and_runs_it(prefix, tmp_path):
    run("cmake", "-S", HERE / "consumer", "-B", tmp_path, f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", tmp_path)
    assert run(tmp_path / "consumer").startswith("eightbit 0.")


def test_another_minor_version_is_refused(prefix, tmp_path):
    project = tmp_path / "CMakeLists.txt"
    project.write_text(
        "cmake_minimum_required(VERSION 3.25)\nproject(p LANGUAGES NONE)\nfind_package(eightbit 9.9 REQUIRED)\n"
    )
    done = subprocess.run(
        ["cmake", "-S", tmp_path, "-B", tmp_path / "out", f"-DCMAKE_PREFIX_PATH={prefix}"],
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "9.9" in done.stderr


def test_the_installed_program_runs(prefix):
    assert "0." in run(prefix / "bin" / "eightbit", "--version")


def test_public_headers_stand_alone(prefix, tmp_path):
    """Each header of the installation compiles by itself, with the standard library only."""
    for header in sorted((prefix / "include" / "eightbit").glob("*.h")):
        source = tmp_path / f"{header.stem}.cc"
        source.write_text(f"#include <eightbit/{header.name}>\n")
        run("g++", "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", f"-I{prefix}/include", source)


def test_no_names_of_other_libraries_are_shown(prefix):
    library = next(prefix.glob("lib*/**/libeightbit.so"))
    names = run("nm", "-DC", "--defined-only", library).splitlines()
    foreign = [line for line in names if "eightbit" not in line]
    assert len(names) > 50
    assert not foreign, foreign[:5]
