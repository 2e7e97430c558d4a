"""Inputs that hold strings, and samples that are tensors of OpenVINO."""

import eightbit as eb
import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops
from small_models import conv_net


def labelled(batch: int = -1) -> ov.Model:
    """A product, and beside it the shape of an input of strings."""
    random = np.random.default_rng(3)
    text = ops.parameter([batch], ov.Type.string, name="text")
    x = ops.parameter([batch, 8], np.float32, name="x")
    for node in (text, x):
        node.output(0).get_tensor().set_names({node.get_friendly_name()})
    weight = ops.constant(random.standard_normal((8, 4)).astype(np.float32))
    product = ops.matmul(x, weight, False, False, name="product")
    count = ops.convert(ops.shape_of(text), np.float32)
    return ov.Model([ops.result(product), ops.result(count)], [x, text], "labelled")


def numbers(batch=2):
    return np.random.default_rng(5).standard_normal((batch, 8)).astype(np.float32)


FORMS = {
    "array": lambda: {"text": np.array(["a", "bcd"]), "x": numbers()},
    "objects": lambda: {"text": np.array(["ä", b"bcd"], dtype=object), "x": numbers()},
    "list": lambda: (numbers(), ["", "bcd"]),
    "bytes": lambda: {"text": np.array([b"a", b"bcd"]), "x": numbers()},
    "openvino": lambda: {"text": ov.Tensor(np.array(["a", "bcd"])), "x": ov.Tensor(numbers())},
}


@pytest.mark.parametrize("form", FORMS)
def test_strings_reach_the_model(form):
    report = eb.Report()
    model = labelled()
    quantized = eb.quantize(
        model, eb.Dataset([FORMS[form]() for _ in range(6)]), report=report, trial_run=False
    )
    assert report.weight_quantizers == 1 and report.samples == 12
    result = eb.compare(model, quantized, eb.Dataset([FORMS[form]()]))
    assert result.outputs[0].sqnr_db > 25


def test_strings_survive_in_a_file_of_statistics(tmp_path):
    data = eb.Dataset([FORMS["array"]() for _ in range(6)])
    statistics = eb.calibrate(labelled(), data)
    statistics.save(tmp_path / "s.stats")
    again = eb.quantize(labelled(), eb.Statistics.load(tmp_path / "s.stats"), trial_run=False)
    whole = eb.quantize(labelled(), statistics, trial_run=False)
    x = FORMS["array"]()
    one, other = (
        ov.compile_model(model, "CPU")([x["x"], x["text"]])[0] for model in (again, whole)
    )
    assert np.array_equal(one, other)


def test_what_is_no_string_is_refused_by_name():
    with pytest.raises(eb.DataError, match="'text' takes strings, the tensor is f32"):
        eb.quantize(labelled(), eb.Dataset([(numbers(), numbers())]), trial_run=False)
    with pytest.raises(eb.DataError, match="'text' has shape"):
        eb.quantize(labelled(2), eb.Dataset([(numbers(), np.array([["a", "b"]]))]), trial_run=False)
    with pytest.raises(eb.DataError, match="'x' takes f32, and the sample holds strings"):
        eb.quantize(labelled(), eb.Dataset([(np.array([["a"] * 8]), ["a"])]), trial_run=False)


def test_a_model_with_strings_is_inspected_without_a_sample():
    assert eb.inspect(labelled()).op_counts


def test_onnx_runtime_gets_no_strings():
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["y"]),
            helper.make_node("Identity", ["text"], ["t"]),
        ],
        "g",
        [
            helper.make_tensor_value_info("text", onnx.TensorProto.STRING, [2]),
            helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [2, 8]),
        ],
        [
            helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [2, 4]),
            helper.make_tensor_value_info("t", onnx.TensorProto.STRING, [2]),
        ],
        [onnx.numpy_helper.from_array(np.ones((8, 4), np.float32), "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    with pytest.raises(eb.Unsupported, match="'text' takes strings.*openvino"):
        eb.quantize(model, eb.Dataset([FORMS["array"]()]), trial_run=False)


def test_a_tensor_of_openvino_is_a_sample():
    images = [
        ov.Tensor(np.random.default_rng(k).random((1, 3, 16, 16), np.float32)) for k in range(4)
    ]
    arrays = [tensor.data.copy() for tensor in images]
    reports, model = [], conv_net()
    for data in (images, arrays, [{"image": tensor} for tensor in images]):
        reports.append(eb.Report())
        eb.quantize(model, eb.Dataset(data), report=reports[-1], trial_run=False)
    assert reports[0].plan_text == reports[1].plan_text == reports[2].plan_text
