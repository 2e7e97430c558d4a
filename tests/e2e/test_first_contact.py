"""What a new user is told on the command line."""

import numpy as np
import pytest
from cli_process import ok, write_ppm


def onnx_model(path, name="image"):
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    weights = np.random.default_rng(1).normal(0, 0.2, (4, 3, 3, 3)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Conv", [name, "w"], ["y"], "conv")], "g",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 16, 16])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4, 14, 14])],
        [numpy_helper.from_array(weights, "w")],
    )  # fmt: skip
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path
    )


def test_the_range_of_pictures_is_told(eightbit):
    (eightbit.folder / "images").mkdir()
    for index in range(2):
        write_ppm(eightbit.folder / "images" / f"{index}.ppm", index)
    done = ok(eightbit("quantize", "m.xml", "--data", "images", "-o", "a.xml"))
    assert done.stderr.count("images hold values from 0 to 255") == 1
    done = ok(eightbit("quantize", "m.xml", "--data", "images", "--scale", "255", "-o", "b.xml"))
    assert "0 to 255" not in done.stderr


def test_a_model_that_is_quantized_already(eightbit):
    assert (
        "quantized already"
        not in ok(eightbit("quantize", "m.xml", "--data", "d.npz", "-o", "q.xml")).stderr
    )
    done = ok(eightbit("quantize", "q.xml", "--data", "d.npz", "-o", "qq.xml"))
    assert "the model is quantized already" in done.stderr and "FakeQuantize" in done.stderr


def test_recipes_of_both_formats_lie_side_by_side(eightbit):
    onnx_model(eightbit.folder / "f.onnx")
    ok(eightbit("quantize", "f.onnx", "--data", "d.npz", "-o", "q.onnx"))
    done = ok(
        eightbit("quantize", "f.onnx", "--data", "d.npz", "-o", "q.xml", "--engine", "openvino")
    )
    assert "its recipe to q.recipe.json" in done.stdout
    assert (eightbit.folder / "q.onnx.recipe.json").exists()
    ok(eightbit("quantize", "f.onnx", "--recipe", "q.onnx.recipe.json", "-o", "again.onnx"))


def test_a_benchmark_across_runtimes_says_so(eightbit):
    onnx_model(eightbit.folder / "f.onnx")
    quick = ("--seconds", "0.1", "--rounds", "1")
    assert "compares runtimes" in ok(eightbit("benchmark", "f.onnx", "m.xml", *quick)).stdout
    assert "compares runtimes" not in ok(eightbit("benchmark", "m.xml", "m.xml", *quick)).stdout
    both = ok(eightbit("benchmark", "f.onnx", "m.xml", *quick, "--engine", "openvino"))
    assert "compares runtimes" not in both.stdout


def test_notes_of_one_kind_are_told_once(eightbit):
    names = ("conv_0", "conv_1", "relu_0", "relu_1", "bias_0", "bias_1")
    flags = [flag for name in names for flag in ("--ignored-names", name)]
    text = ok(eightbit("quantize", "m.xml", "--data", "d.npz", "-o", "q.xml", *flags)).stdout
    assert "more of this kind" in text
    assert sum("ignored_scope" in line and "matched" in line for line in text.splitlines()) == 1


def test_help_says_what_goes_in_and_what_comes_out(eightbit):
    text = ok(eightbit("quantize", "--help")).stdout
    for word in (".tflite", "SavedModel", ".pdmodel", ".onnx for an ONNX model"):
        assert word in " ".join(text.split()), word
