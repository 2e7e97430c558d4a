"""eightbit where OpenVINO is not installed: everything else works, and what needs it says what to install."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

INSTALL = "pip install openvino=="
PROGRAM = """
import importlib.util, sys
import numpy as np
import onnx
import eightbit as eb

assert importlib.util.find_spec("openvino") is None
model = onnx.load("model.onnx")
quantized = eb.quantize(model, eb.Dataset([{"x": x[None]} for x in np.load("samples.npy")]))
assert any(node.op_type == "QuantizeLinear" for node in quantized.graph.node)
assert [node.node_name for node in eb.build_graph("model.onnx").get_all_nodes()] == ["product"]
for call in (lambda: eb.quantize("model.xml", eb.Dataset([])), lambda: eb.quantize(model, eb.Dataset([]), engine="openvino")):
    try:
        call()
    except (eb.Unsupported, eb.InstallationError) as error:
        print(error)
    else:
        sys.exit("no error")
"""
TORCH = """
import importlib.util
import torch
import eightbit as eb

assert importlib.util.find_spec("openvino") is None
torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU(), torch.nn.Conv2d(8, 8, 3)).eval()
samples = [torch.randn(1, 3, 12, 12) for _ in range(8)]
quantized = eb.quantize(net, eb.Dataset(samples))
noise = (quantized(samples[0]) - net(samples[0])).square().mean() / net(samples[0]).square().mean()
assert 0 < noise < 0.01, noise
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory) -> Path:
    """All packages of this Python but OpenVINO, and NNCF, which asks for it."""
    folder = tmp_path_factory.mktemp("environment") / "site-packages"
    folder.mkdir()
    for entry in Path(np.__file__).parents[1].iterdir():
        if not entry.name.startswith(("openvino", "nncf", "eightbit")):
            (folder / entry.name).symlink_to(entry)
    return folder


@pytest.fixture
def folder(tmp_path) -> Path:
    random = np.random.default_rng(0)
    weight = onnx.numpy_helper.from_array(random.normal(0, 0.3, (8, 8)).astype(np.float32), "w")
    ports = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 8]) for name in "xy"
    ]
    node = onnx.helper.make_node("MatMul", ["x", "w"], ["y"], "product")
    graph = onnx.helper.make_graph([node], "g", ports[:1], ports[1:], [weight])
    opset = [onnx.helper.make_opsetid("", 17)]
    onnx.save(
        onnx.helper.make_model(graph, opset_imports=opset, ir_version=8), tmp_path / "model.onnx"
    )
    (tmp_path / "model.xml").write_text("<net/>")
    np.save(tmp_path / "samples.npy", random.normal(0, 1, (8, 8)).astype(np.float32))
    return tmp_path


def run(command, folder):
    """Where the package is not installed, nor anywhere else on this machine as far as the library looks."""
    environment = {**os.environ, "EIGHTBIT_OPENVINO": str(folder / "none")}
    return subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )


def run_python(program, folder, packages, build_dir):
    path = f"import sys; sys.path[:0] = [{str(packages)!r}, {str(build_dir / 'python')!r}]\n"
    return run([sys.executable, "-S", "-E", "-c", path + program], folder)


def test_onnx_models_are_quantized_and_others_say_what_to_install(folder, packages, build_dir):
    done = run_python(PROGRAM, folder, packages, build_dir)
    assert done.returncode == 0, done.stdout + done.stderr
    assert INSTALL in done.stdout.splitlines()[0]


def test_modules_of_pytorch_are_quantized(folder, packages, build_dir):
    pytest.importorskip("torch")
    done = run_python(TORCH, folder, packages, build_dir)
    assert done.returncode == 0, done.stdout + done.stderr


def test_so_does_the_command_line(folder, cli):
    done = run([cli, "quantize", "model.onnx", "--data", "samples.npy", "-o", "q.onnx"], folder)
    assert done.returncode == 0, done.stderr
    assert (folder / "q.onnx").exists()
    done = run([cli, "inspect", "model.xml"], folder)
    assert done.returncode != 0
    assert INSTALL in done.stderr


def test_a_release_without_a_part_is_named(folder, cli):
    """What lies there cannot even be loaded: the name of its file tells its release."""
    (folder / "none").mkdir()
    (folder / "none" / "libopenvino.so.2391").write_bytes(b"no library")
    done = run([cli, "inspect", "model.xml"], folder)
    assert done.returncode != 0
    assert "OpenVINO 2023.9.1 is installed" in done.stderr
    assert "pip install --no-binary eightbit eightbit" in done.stderr


def test_nothing_but_the_part_links_openvino(build_dir):
    libraries = [build_dir / "libeightbit.so", *(build_dir / "python" / "eightbit").glob("*.so")]
    programs = [build_dir / "python" / "eightbit" / "bin" / "eightbit"]
    assert len(libraries) == 2
    for file in libraries + programs:
        needed = subprocess.run(
            ["readelf", "-d", str(file)], capture_output=True, text=True, check=True
        )
        assert "NEEDED" in needed.stdout
        assert "openvino" not in needed.stdout.lower(), file
        assert "libtbb" not in needed.stdout, file
