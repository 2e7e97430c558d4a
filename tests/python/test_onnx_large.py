"""Memory of large ONNX models: what is anonymous is bounded by the largest tensor, whatever the file holds."""

import re
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper  # noqa: E402

MEGABYTE = 1 << 20


def port(name, extent):
    return [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, extent])]


def products_in_a_file(folder, layers, narrow, wide):
    """A chain of products whose weights, of narrow x wide each, lie in a file beside the model."""
    block = np.random.default_rng(5).standard_normal(narrow * wide, dtype=np.float32) / np.float32(
        narrow**0.5
    )
    nodes, initializers, name = [], [], "x"
    with open(folder / "weights.bin", "wb") as file:
        for i in range(layers):
            weight = TensorProto(
                name=f"w{i}", data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL
            )
            weight.dims.extend((narrow, wide) if i % 2 == 0 else (wide, narrow))
            for key, value in (
                ("location", "weights.bin"),
                ("offset", file.tell()),
                ("length", block.nbytes),
            ):
                weight.external_data.add(key=key, value=str(value))
            np.roll(block, 1000 * i).tofile(file)
            initializers.append(weight)
            nodes.append(helper.make_node("MatMul", [name, f"w{i}"], [f"m{i}"], f"product{i}"))
            nodes.append(helper.make_node("Relu", [f"m{i}"], [f"r{i}"], f"relu{i}"))
            name = f"r{i}"
    graph = helper.make_graph(
        nodes, "chain", port("x", narrow), port(name, wide if layers % 2 else narrow), initializers
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8),
        folder / "m.onnx",
    )
    np.savez(
        folder / "data.npz",
        x=np.random.default_rng(6).standard_normal((8, narrow), dtype=np.float32),
    )
    return block.nbytes


def anonymous_megabytes(process):
    """The peak of RssAnon until the process ends."""
    peak = 0
    ended = threading.Event()

    def watch():
        nonlocal peak
        while not ended.wait(0.01):
            if found := re.search(
                r"RssAnon:\s*(\d+) kB", Path(f"/proc/{process.pid}/status").read_text()
            ):
                peak = max(peak, int(found[1]) >> 10)

    watcher = threading.Thread(target=watch)
    watcher.start()
    # It stays to be asked about until it is waited for.
    output = process.stdout.read().decode()
    ended.set()
    watcher.join()
    assert process.wait() == 0, output
    return peak


def quantized_within(cli, folder, megabytes, *options):
    command = [
        cli,
        "quantize",
        "m.onnx",
        "--data",
        "data.npz",
        "-o",
        "q.onnx",
        "--no-trial-run",
        *options,
    ]
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert anonymous_megabytes(process) <= megabytes
    result = onnx.load(folder / "q.onnx")
    return [
        i for i in result.graph.initializer if i.data_type == TensorProto.INT8 and len(i.dims) == 2
    ]


@pytest.mark.parametrize(
    "options",
    [
        pytest.param([], id="default"),
        pytest.param(["--recipe", "nncf"], id="nncf"),
        pytest.param(["--model-type", "transformer"], id="transformer", marks=pytest.mark.slow),
    ],
)
def test_weights_are_not_held_in_memory(cli, tmp_path, options):
    largest = products_in_a_file(tmp_path, 20, 1536, 2048)  # 240 MB
    assert len(quantized_within(cli, tmp_path, 2 * largest / MEGABYTE + 150, *options)) == 20


@pytest.mark.slow
def test_2500_megabytes_take_twice_the_largest_tensor_and_500_megabytes(cli, tmp_path):
    largest = products_in_a_file(tmp_path, 20, 4096, 8192)
    assert (tmp_path / "weights.bin").stat().st_size > 2.5e9
    assert len(quantized_within(cli, tmp_path, 2 * largest / MEGABYTE + 500)) == 20
