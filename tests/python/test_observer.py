"""Models that are watched while the caller's own code runs them."""

import json
import threading

import eightbit as eb
import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops
from small_models import sqnr

onnx = pytest.importorskip("onnx")


def weights(*shape, seed=0):
    random = np.random.default_rng(seed)
    return ops.constant(
        (random.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)
    )


def network(shape=(1, 3, -1, -1)) -> ov.Model:
    x = ops.parameter(list(shape), np.float32, name="x")
    x.output(0).set_names({"pixels"})
    h = ops.relu(ops.convolution(x, weights(8, 3, 3, 3), [1, 1], [1, 1], [1, 1], [1, 1]))
    h = ops.relu(ops.convolution(h, weights(8, 8, 3, 3, seed=1), [1, 1], [1, 1], [1, 1], [1, 1]))
    mean = ops.reduce_mean(h, ops.constant(np.array([2, 3])), False)
    scores = ops.matmul(mean, weights(8, 5, seed=2), False, False)
    scores.output(0).set_names({"scores"})
    largest = ops.topk(scores, ops.constant(1), 1, "max", "value")
    largest.output(1).set_names({"class"})
    return ov.Model([ops.result(scores), ops.result(largest.output(1))], [x], "watched")


def pictures(count, size=(12, 12), seed=3, batch=1):
    random = np.random.default_rng(seed)
    return [random.standard_normal((batch, 3, *size)).astype(np.float32) for _ in range(count)]


def same_file(a: eb.Statistics, b: eb.Statistics, folder) -> bool:
    a.save(folder / "a.stats"), b.save(folder / "b.stats")
    return (folder / "a.stats").read_bytes() == (folder / "b.stats").read_bytes()


@pytest.mark.parametrize("count", [5, 40, 150])
def test_the_statistics_are_those_of_calibrate(count, tmp_path):
    data, model = pictures(count), network()
    observer = eb.Observer(model, threads=1)
    for picture in data:
        observer(picture)
    expected = eb.calibrate(model, eb.Dataset(data))
    assert observer.calls == observer.samples == expected.samples == count
    assert same_file(observer.statistics(), expected, tmp_path)


def test_of_batches_too(tmp_path):
    data = pictures(30, batch=7)
    model = network((-1, 3, 12, 12))
    observer = eb.Observer(model, threads=1)
    for batch in data:
        assert observer(batch)[0].shape == (7, 5)
    assert observer.samples == 210
    assert same_file(observer.statistics(), eb.calibrate(model, eb.Dataset(data)), tmp_path)


def test_outputs_are_the_models_own_whether_a_sample_is_measured_kept_or_neither():
    model = network()
    compiled = ov.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    observer = eb.Observer(model, subset_size=70)
    for i, picture in enumerate(pictures(100)):
        given = [picture, [picture], {"pixels": picture}, {0: picture}, {model.input(0): picture}][
            i % 5
        ]
        expected, found = compiled(picture), observer(given)
        assert list(found.to_dict()) == list(model.outputs)
        for i, name in enumerate(("scores", "class")):
            assert found[i].dtype == expected[i].dtype
            np.testing.assert_allclose(found[name], expected[name], atol=1e-5)
            assert found[model.output(i)] is found[i]
    assert observer.samples == 70 and observer.calls == 100


def test_each_call_may_have_another_size(tmp_path):
    data = [pictures(1, (8 + 2 * i, 9 + i), seed=i)[0] for i in range(40)]
    model = network()
    observer = eb.Observer(model, threads=1)
    for picture in data:
        observer(picture)
    assert same_file(observer.statistics(), eb.calibrate(model, eb.Dataset(data)), tmp_path)


def test_a_chain_is_quantized_by_running_it():
    first, second = network(), network((1, 3, 12, 12))

    def chain(picture, find, read):
        scores = find(picture)["scores"]
        return read(picture * np.float32(1 + scores.mean()))["scores"]

    with eb.observe(first, second) as (find, read):
        expected = [chain(picture, find, read) for picture in pictures(40)]
    quantized = eb.Observation([find, read]).quantize()
    found = [
        chain(picture, *(ov.compile_model(q, "CPU") for q in quantized)) for picture in pictures(40)
    ]
    assert sqnr(np.concatenate(expected), np.concatenate(found)) > 20
    assert all(any(op.get_type_name() == "FakeQuantize" for op in q.get_ops()) for q in quantized)


def test_a_model_that_was_never_called_stays_as_it_is(caplog):
    first, second = network(), network()
    observation = eb.observe(first, second)
    for picture in pictures(8):
        observation[0](picture)
    quantized = observation.quantize(min_sqnr_db=0)
    assert quantized[1] is second and "'watched' was never called" in caplog.text
    with pytest.raises(eb.DataError, match="was never called"):
        observation.quantize(every=True)
    with pytest.raises(eb.DataError, match="was never called"):
        observation[1].statistics()


@pytest.mark.parametrize(
    "wrong", [np.zeros((1, 4, 12, 12), np.float32), np.full((1, 3, 12, 12), np.nan, np.float32)]
)
def test_what_does_not_fit_is_not_measured(wrong, tmp_path):
    data, model = pictures(40), network()
    observer = eb.Observer(model, threads=1)
    for i, picture in enumerate(data):
        if i in (0, 20, 39):
            with pytest.raises(eb.DataError, match="sample"):
                observer(wrong)
        observer(picture)
    assert observer.calls == 40
    assert same_file(observer.statistics(), eb.calibrate(model, eb.Dataset(data)), tmp_path)


def test_what_the_callers_code_raises_leaves_what_was_measured():
    with pytest.raises(ZeroDivisionError), eb.observe(network()) as observer:
        for i, picture in enumerate(pictures(40)):
            observer(picture)
            1 / (i - 20)
    assert observer.statistics().samples == 21


def test_calls_of_threads_wait_for_each_other():
    observer = eb.Observer(network())
    data = pictures(64)
    threads = [
        threading.Thread(target=lambda part: [observer(x) for x in part], args=(data[i::4],))
        for i in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert observer.calls == 64 and observer.statistics().samples == 64


def running_sum() -> ov.Model:
    x = ops.parameter([1, 4], np.float32, name="x")
    state = ops.read_value(ops.constant(np.zeros((1, 4), np.float32)), "sum")
    total = ops.add(ops.matmul(x, weights(4, 4), False, False), state)
    keep = ops.assign(total, "sum")
    return ov.Model([ops.result(ops.relu(total))], [keep], [x], "sums")


def test_states_go_on_until_they_are_reset():
    model = running_sum()
    request = ov.compile_model(
        model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    ).create_infer_request()
    observer = eb.Observer(model, subset_size=12)
    random = np.random.default_rng(1)
    for i in range(30):
        x = random.standard_normal((1, 4)).astype(np.float32)
        if i in (7, 20):
            request.reset_state(), observer.reset_state()
        np.testing.assert_allclose(observer(x)[0], request.infer(x)[0], atol=1e-5)
    assert observer.statistics().samples == 12


def test_of_onnx_runtime():
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    random = np.random.default_rng(5)
    weight = (random.standard_normal((6, 3, 3, 3)) / 5).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", ["c"], ["r"]),
            helper.make_node("GlobalAveragePool", ["r"], ["y"]),
            helper.make_node("Shape", ["r"], ["shape"]),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, None, None])],
        [
            helper.make_tensor_value_info("y", TensorProto.FLOAT, None),
            helper.make_tensor_value_info("shape", TensorProto.INT64, None),
        ],
        [numpy_helper.from_array(weight, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    observer = eb.Observer(model, threads=1)
    data = pictures(40)
    for picture in data:
        for found, expected in zip(
            observer.run(None, {"x": picture}), session.run(None, {"x": picture}), strict=True
        ):
            assert found.dtype == expected.dtype
            np.testing.assert_allclose(found, expected, atol=1e-5)
    assert [port.name for port in observer.get_outputs()] == ["y", "shape"]
    # with outputs of its own, ONNX Runtime may fuse other ops: the last bits of sums
    ranges = []
    for statistics in (observer.statistics(), eb.calibrate(model, eb.Dataset(data))):
        report = eb.Report()
        assert isinstance(eb.quantize(model, statistics, report=report), onnx.ModelProto)
        plan = json.loads(report.plan_json)["quantizers"]
        ranges.append([np.ravel([q["low"], q["high"]]) for q in plan])
    for one, other in zip(*ranges, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3)


def test_options_that_make_no_sense():
    with pytest.raises(eb.InvalidArgument, match="no model"):
        eb.observe()
    with pytest.raises(eb.InvalidArgument, match="subset_size is 0"):
        eb.observe(network(), subset_size=0)
    with pytest.raises(eb.UnsupportedBackendError):
        eb.observe(object())
