"""Every python, bash and cpp block of the documentation runs, in the order of its page, beside small models and data:
model.xml, samples.npz, photos/, and for transformers encoder.xml and tokens.npz. Blocks marked `text` are not run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from cli_process import image_model, image_samples, token_model, write_ppm

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(python|bash|cpp)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECONDS = 120


def blocks(page: Path) -> list[tuple[str, str, int]]:
    """Language, text and first line of every block that runs."""
    text = page.read_text(encoding="utf8")
    return [
        (match[1], match[2], text.count("\n", 0, match.start(2)) + 1)
        for match in FENCE.finditer(text)
    ]


class Runner:
    def __init__(self, folder: Path, build: Path, cli: Path):
        self.folder, self.build = folder, build
        self.names = {"__name__": "__main__"}
        programs = folder / ".bin"
        programs.mkdir()
        (programs / "eightbit").symlink_to(os.environ.get("EIGHTBIT_CLI", cli))
        self.environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}

    def python(self, text: str, place: str) -> None:
        exec(compile(text, place, "exec"), self.names)

    def bash(self, text: str, place: str) -> None:
        self._check(["bash", "-euo", "pipefail", "-c", text], place)

    def cpp(self, text: str, place: str) -> None:
        self._check([self.compile(as_program(text), place)], place)

    def compile(self, text: str, place: str) -> Path:
        source, program = self.folder / ".snippet.cc", self.folder / ".snippet"
        source.write_text(text)
        compiler = [os.environ.get("CXX", "g++"), "-std=c++20", f"-I{ROOT / 'include'}"]
        linked = [f"-L{self.build}", "-leightbit", f"-Wl,-rpath,{self.build}"]
        self._check([*compiler, source, "-o", program, *linked], place)
        return program

    def _check(self, command: list, place: str) -> None:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        assert done.returncode == 0, f"{place}:\n{done.stdout}{done.stderr}"


def as_program(text: str) -> str:
    """Statements without a main() get one."""
    if "int main(" in text:
        return text
    lines = text.splitlines()
    head = [line for line in lines if line.startswith("#include")]
    body = [line for line in lines if not line.startswith("#include")]
    return "\n".join([*head, "int main() {", *body, "}", ""])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    image_model(tmp_path / "model.xml")
    token_model(tmp_path / "encoder.xml")
    np.savez(tmp_path / "samples.npz", image=image_samples())
    np.savez(tmp_path / "tokens.npz", ids=np.random.default_rng(0).integers(0, 10, (12, 4)))
    (tmp_path / "photos").mkdir()
    for seed in range(6):
        write_ppm(tmp_path / "photos" / f"{seed}.ppm", seed)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks(page)], ids=lambda page: page.name
)
def test_snippets_run(page, folder, build_dir, cli):
    if page.name == "pytorch.md":
        pytest.importorskip("torch", reason="the page is about torch")
    if page.name == "tensorflow.md":
        pytest.importorskip("tensorflow", reason="the page is about TensorFlow")
    runner = Runner(folder, build_dir.resolve(), cli.resolve())
    for language, text, line in blocks(page):
        getattr(runner, language)(text, f"{page.relative_to(ROOT)}:{line}")


def test_the_python_example_runs(folder):
    pytest.importorskip("PIL", reason="the example reads pictures with pillow")
    script = ROOT / "examples" / "python" / "quantize_images.py"
    command = [sys.executable, script, "model.xml", "photos", "example.xml"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr
    assert "classifier: " in done.stdout and "calibrate: " in done.stdout
    assert (folder / "example.bin").exists()


def test_the_example_for_keras_runs(folder):
    pytest.importorskip("PIL", reason="the example reads pictures with pillow")
    pytest.importorskip("keras", reason="the example is about Keras")
    script = ROOT / "examples" / "python" / "quantize_keras.py"
    done = subprocess.run(
        [sys.executable, script, "photos"], capture_output=True, text=True, timeout=2 * SECONDS
    )
    assert done.returncode == 0, done.stderr
    assert "53 of 53 layers in integers" in done.stdout


def test_the_cpp_example_runs(folder, build_dir, cli):
    runner = Runner(folder, build_dir.resolve(), cli.resolve())
    program = runner.compile((ROOT / "examples" / "cpp" / "quantize.cc").read_text(), "quantize.cc")
    done = subprocess.run([program, "model.xml", "example.xml"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "calibrate 64/64" in done.stderr and "bias correction" in done.stdout
    assert (folder / "example.bin").exists()
    assert subprocess.run([program, "missing.xml", "x.xml"], capture_output=True).returncode == 1


def test_the_pages_for_users_have_snippets():
    for name in ("README.md", "docs/use.md", "docs/migration.md"):
        assert {language for language, _, _ in blocks(ROOT / name)} >= {"python"}, name


@pytest.mark.parametrize("page", [*PAGES, ROOT / "ARCHITECTURE.md"], ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    targets = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text(encoding="utf8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []
