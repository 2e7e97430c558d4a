"""Whether the changes of dummy_changes.py work, in a build that has them (tools/count_files.py): the op in models of both
formats, the algorithm in a run, the option in C++, JSON, the command line and Python."""

import json
import os
import subprocess
import tempfile
from pathlib import Path

import eightbit as eb
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

ROOT = Path(__file__).parents[1]
BUILD = Path(os.environ["EIGHTBIT_BUILD_DIR"])

PROGRAM = """#include <eightbit/options.h>
#include <cstdio>
int main() {
  eightbit::QuantizeOptions options = eightbit::options_from_json(R"({"flavour": "Strong"})");
  if (options.flavour != eightbit::Flavour::strong) return 1;
  std::puts(eightbit::to_json(options).c_str());
}
"""


def small_model() -> onnx.ModelProto:
    """A convolution, a softsign and a convolution."""
    rng = np.random.default_rng(0)
    weights = [
        numpy_helper.from_array(rng.normal(0, 0.3, (4, 4, 3, 3)).astype(np.float32), name)
        for name in ("w", "v")
    ]
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], "first", pads=[1] * 4),
        helper.make_node("Softsign", ["a"], ["b"], "softsign"),
        helper.make_node("Conv", ["b", "v"], ["y"], "second", pads=[1] * 4),
    ]
    ports = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4, 8, 8])] for name in "xy"
    ]
    graph = helper.make_graph(nodes, "g", *ports, weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def check_op(model: onnx.ModelProto) -> None:
    """A quantizer in front of it, whichever backend reads the model."""
    for engine in (eb.Engine.ONNXRUNTIME, eb.Engine.OPENVINO):
        quantizers = eb.plan(model, engine=engine).quantizers
        readers = [use.name for quantizer in quantizers for use in quantizer.uses]
        assert "softsign" in readers, (engine, readers)


def check_python(model: onnx.ModelProto, samples: list[np.ndarray], folder: Path) -> None:
    """The algorithm and the option in one run."""
    report = eb.Report()
    eb.quantize(model, eb.Dataset(samples), flavour=eb.Flavour.STRONG, report=report)
    assert "survey" in [step.step for step in report.steps], report.steps
    assert any(note.startswith("survey: ") for note in report.notes), report.notes
    report.recipe.save(folder / "recipe.json")
    assert json.loads((folder / "recipe.json").read_text())["options"]["flavour"] == "strong"
    try:
        eb.quantize(model, eb.Dataset(samples), flavour="weak")
    except eb.InvalidArgument as error:
        assert "Flavour.STRONG" in str(error)
    else:
        raise AssertionError("flavour='weak' was taken")


def check_command_line(model: onnx.ModelProto, samples: list[np.ndarray], folder: Path) -> None:
    onnx.save(model, folder / "m.onnx")
    np.savez(folder / "samples.npz", x=np.concatenate(samples))
    program = BUILD / "python" / "eightbit" / "bin" / "eightbit"
    words = ["quantize", "m.onnx", "--data", "samples.npz", "-o", "q.onnx", "--flavour"]
    subprocess.run([program, *words, "strong"], cwd=folder, check=True, capture_output=True)
    recipe = json.loads((folder / "q.onnx.recipe.json").read_text())
    assert recipe["options"]["flavour"] == "strong", recipe["options"]
    refused = subprocess.run(
        [program, *words, "weak", "--force"], cwd=folder, capture_output=True, text=True
    )
    assert refused.returncode == 2 and "mild, strong" in refused.stderr, refused.stderr


def check_cpp(folder: Path) -> None:
    (folder / "program.cc").write_text(PROGRAM)
    link = (f"-L{BUILD}", "-leightbit", f"-Wl,-rpath,{BUILD}")
    compiler = ("c++", "-std=c++20", f"-I{ROOT / 'include'}")
    subprocess.run(
        [*compiler, "program.cc", "-o", "program", *link], cwd=folder, check=True, timeout=300
    )
    printed = subprocess.run(
        [folder / "program"], check=True, capture_output=True, text=True
    ).stdout
    assert json.loads(printed)["flavour"] == "strong"


def main() -> None:
    model = small_model()
    rng = np.random.default_rng(1)
    samples = [rng.normal(0, 1, (1, 4, 8, 8)).astype(np.float32) for _ in range(8)]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        check_op(model)
        check_python(model, samples, folder)
        check_command_line(model, samples, folder)
        check_cpp(folder)


if __name__ == "__main__":
    main()
