"""The wheel in empty virtual environments: without OpenVINO, with each release that it has a part
for, and with one that none fits, where what the refusal says to do is done."""

import os
import re
import shutil
import tarfile
import tempfile
import tomllib
import zipfile

import pytest
from wheels import RELEASES, ROOT, Environment

MODELS = """
import eightbit as eb
import numpy as np


def decibels(wanted, got):
    noise = [np.square(a - b).sum() for a, b in zip(wanted, got, strict=True)]
    return 10 * np.log10(sum(np.square(a).sum() for a in wanted) / sum(noise))


def run(model):
    import openvino as ov
    compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return [compiled(sample)[0] for sample in np.split(np.load("unseen.npy"), 8)]
"""
IR = f"""{MODELS}
import openvino as ov
from openvino import opset13 as op

random = np.random.default_rng(0)
x = op.parameter([1, 3, 12, 12], np.float32, "x")
y = x
for channels, out in ((3, 8), (8, 8)):
    weight = random.normal(0, 0.3, (out, channels, 3, 3)).astype(np.float32)
    y = op.relu(op.convolution(y, weight, [1, 1], [1, 1], [1, 1], [1, 1]))
model = ov.Model([y], [x], "net")
samples = random.normal(0, 1, (16, 1, 3, 12, 12)).astype(np.float32)
np.save("samples.npy", np.concatenate(samples[:8]))
np.save("unseen.npy", np.concatenate(samples[8:]))
ov.save_model(model, "model.xml", compress_to_fp16=False)
print(ov.get_version())
"""
QUANTIZE = f"""{IR}
report = eb.Report()
quantized = eb.quantize(model, eb.Dataset(samples[:8]), report=report)
assert sum(node.get_type_name() == "FakeQuantize" for node in quantized.get_ops()) >= 2
assert report.trial is not None and report.trial.sqnr_db > 20, report.trial
assert 20 < decibels(run(model), run(quantized)) < 80
"""
JUDGE = f"""{MODELS}
print(decibels(run("model.xml"), run("q.xml")))
"""
ONNX = """
import numpy as np
import eightbit as eb
import onnx
import onnxruntime

random = np.random.default_rng(0)
values = random.normal(0, 0.3, (8, 8)).astype(np.float32)
weight = onnx.numpy_helper.from_array(values, "w")
ports = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 8]) for name in "xy"]
product = onnx.helper.make_node("MatMul", ["x", "w"], ["y"], "product")
graph = onnx.helper.make_graph([product], "g", ports[:1], ports[1:], [weight])
opset = [onnx.helper.make_opsetid("", 17)]
model = onnx.helper.make_model(graph, opset_imports=opset, ir_version=8)
samples = random.normal(0, 1, (16, 1, 8)).astype(np.float32)
quantized = eb.quantize(model, eb.Dataset([{"x": sample} for sample in samples[:8]]))
assert any(node.op_type == "QuantizeLinear" for node in quantized.graph.node)
onnx.save(model, "model.onnx")
np.save("samples.npy", np.concatenate(samples[:8]))


def noise(model):
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    rows = [session.run(None, {"x": sample})[0] - sample @ values for sample in samples[8:]]
    return np.square(rows).mean() / np.square(samples[8:] @ values).mean()


assert 0 < noise(quantized.SerializeToString()) < 0.01
"""
REFUSED = """
import eightbit as eb
try:
    eb.quantize("model.xml", eb.Dataset([]))
except eb.Unsupported as error:
    print(error)
"""


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_releases_are_of_four_minor_series_and_the_extra_asks_for_the_oldest():
    numbers = [tuple(map(int, release.split("."))) for release in RELEASES]
    assert numbers == sorted(numbers, reverse=True)
    assert len({release[:2] for release in numbers}) == len(RELEASES) >= 4
    assert project()["optional-dependencies"]["openvino"] == [f"openvino>={RELEASES[-1]}"]


def test_nothing_is_pinned():
    wanted = [*project()["dependencies"], *sum(project()["optional-dependencies"].values(), [])]
    assert len(wanted) > 4
    assert not [requirement for requirement in wanted if re.search("==|~=|<", requirement)]


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_the_wheel_has_a_part_for_each_release_and_no_openvino(wheel):
    with zipfile.ZipFile(wheel) as file:
        names = file.namelist()
        metadata = next(name for name in names if name.endswith("dist-info/METADATA"))
        wanted = re.findall("^Requires-Dist: (.*)$", file.read(metadata).decode(), re.M)
    parts = {name for name in names if "libeightbit_openvino_" in name}
    assert parts == {f"eightbit/libeightbit_openvino_{release}.so" for release in RELEASES}
    assert not [name for name in names if "libopenvino" in name or "libtbb" in name]
    assert [requirement for requirement in wanted if "extra ==" not in requirement] == ["numpy"]
    assert wheel.stat().st_size < 30e6  # PyPI takes 100 MB


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_with_numpy_alone(wheel, tmp_path):
    here = Environment(tmp_path, wheel)
    (tmp_path / "model.xml").write_text("<net/>")
    assert "OpenVINO is not installed" in here.python(REFUSED)
    assert "OpenVINO is not installed" in here.refused("eightbit", "inspect", "model.xml")
    assert re.search(r"\d+\.\d+\.\d+", here.run("eightbit", "--version"))


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_without_openvino(wheel, tmp_path):
    here = Environment(tmp_path, wheel, "onnx", "onnxruntime")
    here.python(ONNX)
    here.run("eightbit", *"quantize model.onnx --data samples.npy -o q.onnx".split())
    assert (tmp_path / "q.onnx").exists()
    (tmp_path / "model.xml").write_text("<net/>")
    for said in (here.python(REFUSED), here.refused("eightbit", "inspect", "model.xml")):
        assert "OpenVINO is not installed" in said
        assert f"pip install openvino=={RELEASES[0]}" in said


def quantizes(here: Environment, release: str) -> None:
    """By Python and by the command line; both results are run."""
    assert here.python(QUANTIZE).startswith(release)
    here.run("eightbit", *"quantize model.xml --data samples.npy -o q.xml".split())
    assert 20 < float(here.python(JUDGE)) < 80


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("release", RELEASES)
def test_with(release, wheel, tmp_path):
    quantizes(Environment(tmp_path, wheel, f"openvino=={release}"), release)


def cached() -> dict[str, str]:
    """With a compiler cache, pip's build takes objects of the wheel's: its folder lies as theirs."""
    if not shutil.which("ccache"):
        return {}
    return {
        "CMAKE_CXX_COMPILER_LAUNCHER": "ccache",
        "CCACHE_BASEDIR": tempfile.gettempdir(),
        "CCACHE_NOHASHDIR": "1",
        "CCACHE_INODECACHE": "1",
        "CXX": "c++",
        "PIP_CONFIG_SETTINGS": "build-dir=build-{wheel_tag}",
    }


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_a_release_that_no_part_fits_is_refused_and_the_way_out_works(wheel, sdist, tmp_path):
    """The way out is the command of the message, word by word; pip is told where the sources are."""
    here = Environment(tmp_path, wheel, f"openvino<{RELEASES[-1]}")
    release = here.python(IR).split("-")[0]
    assert release not in RELEASES
    messages = (here.python(REFUSED), here.refused("eightbit", "inspect", "model.xml"))
    for said in messages:
        assert f"OpenVINO {release} is installed" in said
        assert f"pip install openvino=={RELEASES[0]}" in said
    command = re.search("pip install --no-binary [a-z -]+", messages[0])[0].split()
    sources = f"{sdist.parent} {os.environ.get('PIP_FIND_LINKS', '')}".strip()
    here.run(*command, **cached(), PIP_FIND_LINKS=sources)
    assert here.parts() == [release]
    quantizes(here, release)
    here.run("pip", "install", "--quiet", "onnx", "onnxruntime")
    here.python(ONNX)


def test_the_source_distribution_carries_what_pip_cannot_install(sdist):
    with tarfile.open(sdist) as file:
        names = {name.partition("/")[2] for name in file.getnames()}
    assert {"third_party/onnxruntime/onnxruntime_cxx_api.h", "CMakeLists.txt", "LICENSE"} <= names
    assert "third_party/onnxruntime/LICENSE" in names


# What tools/setup.sh installs and pip's build does without: pip brings CMake and Ninja, and the
# others are for development.
NOT_FOR_PIP = set(
    "cmake ninja-build ccache libgtest-dev libgmock-dev libbenchmark-dev python3-venv".split()
)


def test_docs_name_all_packages_that_the_build_takes():
    """Those of setup.sh, with which every build on a fresh machine is made, CI's too."""
    setup = re.search(r"^packages=\((.*?)\)", (ROOT / "tools/setup.sh").read_text(), re.M | re.S)
    text = (ROOT / "docs/use.md").read_text()
    command = re.search(r"apt-get install ((?:.*\\\n)*.*)", text)[1].replace("\\", "").split()
    optional = set(re.findall(r"`([a-z0-9-]+-dev|pkg-config)`", text))
    assert {*command} | optional == {*setup[1].split()} - NOT_FOR_PIP
