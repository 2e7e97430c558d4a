"""An Einsum with a weight is a product like any other, in OpenVINO and in ONNX Runtime: it is quantized, and its bias is
corrected."""

from collections import Counter

import eightbit as eb
import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops
from small_models import by_runtime, quantized_sqnr

onnx = pytest.importorskip("onnx")
from onnx_models import F32, model_of, node, run, weight
from small_models import sqnr

HEADS, WIDTH, SIZE = 2, 8, 16
NOTHING = eb.IgnoredScope(patterns=".*")


def products_of(model, sample) -> Counter:
    """How many layers of each type a runtime computes in integers for the two Einsums."""
    layers = eb.inspect(model, sample).layers
    kinds = ("FullyConnected", "MatMul", "MatMulIntegerToFloat", "QLinearMatMul")
    return Counter(
        each.type for each in layers if each.type in kinds and each.precision in ("i8", "u8")
    )


def samples(count=24, seed=3, rows=5):
    random = np.random.default_rng(seed)
    return [random.standard_normal((1, rows, SIZE)).astype(np.float32) for _ in range(count)]


def parts(order=(0, 1, 2)):
    """A weight that takes heads apart, with its axes in that order, its bias, and a weight that joins them."""
    apart = weight(1, SIZE, HEADS, WIDTH, fan_in=SIZE).transpose(order)
    return apart, weight(2, HEADS, WIDTH), weight(3, HEADS, WIDTH, SIZE, fan_in=SIZE)


def ir(order=(0, 1, 2), stored=np.float32) -> ov.Model:
    apart, bias, join = parts(order)

    def constant(array, name):
        stands = ops.constant(np.ascontiguousarray(array, stored), name=name)
        return stands if stored == np.float32 else ops.convert(stands, np.float32)

    labels = "".join("cde"[axis] for axis in order)
    x = ops.parameter([-1, -1, SIZE], np.float32, "x")
    y = ops.einsum([x, constant(apart, "apart_weight")], f"abc,{labels}->abde")
    y.set_friendly_name("heads")
    y = ops.add(y, ops.constant(bias[None, None]), name="bias")
    y = ops.einsum([constant(join, "join_weight"), ops.relu(y)], "dec,abde->abc")
    y.set_friendly_name("joined")
    y.output(0).get_tensor().set_names({"y"})
    return ov.Model([ops.result(y)], [x], "einsums")


def proto(order=(0, 1, 2)) -> onnx.ModelProto:
    apart, bias, join = parts(order)
    labels = "".join("cde"[axis] for axis in order)
    nodes = [
        node("Einsum", "x apart", "h", "heads", equation=f"abc,{labels}->abde"),
        node("Add", "h bias", "b", "bias"),
        node("Relu", "b", "r"),
        node("Einsum", "r join", "y", "joined", equation="abde,dec->abc"),
    ]
    ports = [[(name, F32, ["batch", "rows", SIZE])] for name in ("x", "y")]
    return model_of(nodes, *ports, {"apart": apart, "bias": bias, "join": join})


@pytest.mark.parametrize("stored", [np.float32, np.float16])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_openvino_computes_them_in_integers(order, stored):
    model, data = ir(order, stored), samples()
    plan = eb.plan(model)
    assert plan.weight_quantizers == 2
    quantized = eb.quantize(model, eb.Dataset(data))
    assert 30 < quantized_sqnr(model, quantized, data) < 60
    assert [port.get_names() for port in quantized.outputs] == [{"y"}]
    assert products_of(quantized, data[0]) == {"FullyConnected": 2}


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_onnx_runtime_computes_them_in_integers(order):
    model, data = proto(order), [{"x": each} for each in samples()]
    quantized = eb.quantize(model, eb.Dataset(data))
    wanted, found = (
        np.concatenate([y.ravel() for (y,) in run(each, data)]) for each in (model, quantized)
    )
    assert 30 < sqnr(wanted, found) < 60
    kinds = [each.op_type for each in quantized.graph.node]
    assert kinds.count("MatMul") == 2 and "Einsum" not in kinds
    assert products_of(quantized, data[0]) == {"MatMulIntegerToFloat": 2}


def test_nothing_is_computed_otherwise():
    """Batches and rows are free, and a sample of another size comes too."""
    data = [*samples(2), *samples(2, rows=3), np.concatenate(samples(3))]
    for order in ((0, 1, 2), (1, 2, 0)):
        floats = eb.quantize(ir(order), eb.Dataset(data), ignored_scope=NOTHING)
        np.testing.assert_allclose(by_runtime(floats, data), by_runtime(ir(order), data), atol=1e-5)
        named = [{"x": each} for each in data]
        made = eb.quantize(proto(order), eb.Dataset(named), ignored_scope=NOTHING)
        for (wanted,), (found,) in zip(run(proto(order), named), run(made, named), strict=True):
            np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_a_bias_that_adds_an_axis_is_added_behind():
    apart, bias, _ = parts()
    x = ops.parameter([1, 5, SIZE], np.float32, "x")
    heads = ops.einsum([x, ops.constant(apart)], "abc,cde->abde")
    model = ov.Model(
        [ops.result(ops.add(heads, ops.constant(bias[None, None, None])))], [x], "axis"
    )
    graph = [
        node("Einsum", "x apart", "h", "heads", equation="abc,cde->abde"),
        node("Add", "h bias", "y", "bias"),
    ]
    constants = {"apart": apart, "bias": bias[None, None, None]}
    ports = [("x", F32, [1, 5, SIZE])], [("y", F32, [1, 1, 5, HEADS, WIDTH])]
    data = samples(3)
    made = eb.quantize(model, eb.Dataset(data), ignored_scope=NOTHING)
    np.testing.assert_allclose(by_runtime(made, data), by_runtime(model, data), atol=1e-5)
    (found,), *_ = run(
        eb.quantize(
            model_of(graph, *ports, constants),
            eb.Dataset([{"x": each} for each in data]),
            ignored_scope=NOTHING,
        ),
        [{"x": data[0]}],
    )
    assert found.shape == (1, 1, 5, HEADS, WIDTH)


def test_other_einsums_stay_what_they_are():
    x = ops.parameter([1, 5, SIZE], np.float32, "x")
    batch = ops.einsum([x, ops.constant(weight(1, 5, SIZE, 8))], "abc,bcd->abd")
    model = ov.Model([ops.result(ops.relu(batch))], [x], "batch")
    assert eb.plan(model).weight_quantizers == 0
    made = eb.quantize(model, eb.Dataset(samples(4)))
    assert "Einsum" in [each.get_type_name() for each in made.get_ops()]
