"""What scripts written for NNCF import and pass beside quantize(): taken, and where it has no meaning, with a word."""

import importlib
import logging

import eightbit as eb
import numpy as np
import openvino as ov
import pytest


@pytest.fixture
def dataset(samples):
    return eb.Dataset(samples)


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("", ["StripFormat", "build_graph", "nncf_logger", "disable_logging", "errors"]),
        ("common.logging", ["nncf_logger"]),
        ("common.logging.logger", ["nncf_logger", "disable_logging", "set_log_level"]),
        ("common.logging.track_progress", ["track"]),
        ("common.utils.helpers", ["create_table"]),
        ("common.utils.os", ["is_windows", "is_linux"]),
        ("common.utils.timer", ["timer"]),
    ],
)
def test_names_that_scripts_import(module, names):
    found = importlib.import_module(f"eightbit.{module}".rstrip("."))
    assert all(hasattr(found, name) for name in names)


def test_names_of_pytorch():
    pytest.importorskip("torch")
    from eightbit.experimental.torch.fx import quantize_pt2e
    from eightbit.torch.fx import quantize_pt2e as ours

    assert quantize_pt2e is ours
    torch = eb.torch.torch if hasattr(eb.torch, "torch") else importlib.import_module("torch")
    model = torch.nn.Linear(2, 2)
    assert not eb.torch.is_wrapped_model(model)
    assert eb.torch.is_wrapped_model(eb.torch.wrap_model(model, torch.zeros(1, 2)))


def test_tracing_is_disabled_with_a_word(caplog):
    pytest.importorskip("torch")
    with caplog.at_level(logging.WARNING, "eightbit"):
        eb.torch.disable_tracing(test_names_of_pytorch)
    assert "disable_tracing(test_names_of_pytorch) has no effect" in caplog.text


def test_every_error_of_nncf_has_a_class():
    nncf = pytest.importorskip("nncf")
    names = [name for name in dir(nncf.errors) if isinstance(getattr(nncf.errors, name), type)]
    assert len(names) > 10
    for name in names:
        assert issubclass(getattr(eb.errors, name), Exception) and hasattr(eb, name), name


def test_errors_are_caught_by_the_names_of_nncf():
    with pytest.raises(eb.UnsupportedModelError):
        raise eb.ModelError("x")
    with pytest.raises(eb.InvalidPathError):
        eb.plan("/no/such/model.xml")
    assert issubclass(eb.UnsupportedBackendError, eb.errors.ModuleNotFoundError)


def test_formats_of_strip_have_the_values_of_nncf():
    nncf = pytest.importorskip("nncf")
    assert {m.name: m.value for m in nncf.StripFormat} == {m.name: m.value for m in eb.StripFormat}


def test_build_graph_lists_the_nodes_that_scopes_can_name(model, tmp_path):
    ov.save_model(model, tmp_path / "m.xml")
    for source in (model, tmp_path / "m.xml"):
        graph = eb.build_graph(source)
        assert graph.get_node_by_name("conv_0").node_type == "Convolution"
        assert len(graph.get_nodes_by_types(["Convolution"])) == 2
    with pytest.raises(eb.InvalidArgument, match="get_all_nodes"):
        graph.get_node_by_name("conv_9")


def test_build_graph_of_a_module():
    torch = pytest.importorskip("torch")
    graph = eb.build_graph(
        torch.nn.Sequential(torch.nn.Linear(2, 2)).eval(), example_input=torch.zeros(1, 2)
    )
    assert graph.get_node_by_name("0").node_type == "Linear"


def test_tables_and_loops(capsys):
    from eightbit.common.logging.track_progress import track
    from eightbit.common.utils.helpers import create_table

    lines = create_table(["Name", "ms"], [["FP32", 1.5], ["a longer name", 12]]).splitlines()
    assert len({len(line) for line in lines}) == 1 and "| a longer name | 12  |" in lines
    assert list(track(range(3), description="Validation:", total=3)) == [0, 1, 2]


def test_logging_can_be_switched_off(caplog):
    level = eb.nncf_logger.level
    try:
        eb.disable_logging()
        eb.nncf_logger.error("not this")
    finally:
        eb.nncf_logger.setLevel(level)
    assert "not this" not in caplog.text


def test_a_constant_in_a_scope_does_nothing_and_says_so(model, dataset, caplog):
    constant = next(op for op in model.get_ordered_ops() if op.get_type_name() == "Constant")
    name = constant.get_friendly_name()
    plain, report = eb.Report(), eb.Report()
    eb.quantize(model, dataset, report=plain)
    eb.quantize(model, dataset, ignored_scope=eb.IgnoredScope(names=[name]), report=report)
    assert report.weight_quantizers == plain.weight_quantizers
    assert any(
        f"'{name}' has no effect: it is a constant, read by" in note for note in report.notes
    )
    assert f"'{name}' has no effect" in caplog.text


def test_an_alpha_without_a_transformer_does_nothing_and_says_so(model, dataset):
    report = eb.Report()
    alphas = eb.AdvancedSmoothQuantParameters(matmul=0.95)
    advanced = eb.AdvancedQuantizationParameters(smooth_quant_alphas=alphas)
    eb.quantize(model, dataset, advanced_parameters=advanced, report=report)
    assert any("smooth_quant_alphas.matmul has no effect" in note for note in report.notes)


def test_external_data_of_a_model_proto(tmp_path, caplog, model, dataset):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    helper = onnx.helper
    weight = np.random.default_rng(1).standard_normal((64, 64)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"], "product")],
        "g",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 64])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 64])],
        [onnx.numpy_helper.from_array(weight, "w")],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(proto, tmp_path / "m.onnx", save_as_external_data=True, size_threshold=0)
    apart = onnx.load(tmp_path / "m.onnx", load_external_data=False)
    data = eb.Dataset(
        [np.random.default_rng(k).standard_normal((1, 64)).astype(np.float32) for k in range(8)]
    )
    there = eb.AdvancedQuantizationParameters(backend_params={"external_data_dir": str(tmp_path)})
    quantized = eb.quantize(apart, data, advanced_parameters=there)
    assert any(node.op_type == "DequantizeLinear" for node in quantized.graph.node)
    nowhere = eb.AdvancedQuantizationParameters(
        backend_params={"external_data_dir": str(tmp_path / "no")}
    )
    with pytest.raises(eb.FileError, match="external_data_dir"):
        eb.quantize(apart, data, advanced_parameters=nowhere)
    eb.quantize(model, dataset, advanced_parameters=there)
    assert "external_data_dir'] has no effect" in caplog.text
