"""quantize() and its like from Python: models in and out, options, errors, interruption."""

import copy
import logging
import os
import pickle
import signal
import subprocess
import sys
import threading
import time

import eightbit as eb
import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops
from small_models import conv_net, delicate_net, delicate_samples, op_types, serialized


@pytest.fixture
def dataset(samples):
    return eb.Dataset(samples)


def run(model, sample):
    return ov.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(sample)[0]


def test_the_result_is_a_model_of_openvino_that_runs_in_8_bits(model, dataset, samples):
    quantized = eb.quantize(model, dataset)
    assert type(quantized) is ov.Model
    assert "FakeQuantize" in op_types(quantized)
    reference, result = run(model, samples[0]), run(quantized, samples[0])
    assert np.linalg.norm(reference - result) < 0.1 * np.linalg.norm(reference)
    assert not np.array_equal(reference, result)


def test_the_result_can_be_changed_saved_and_read(model, dataset, samples, tmp_path):
    quantized = eb.quantize(model, dataset)
    expected = run(quantized, samples[0])
    ov.save_model(quantized, tmp_path / "q.xml", compress_to_fp16=False)
    np.testing.assert_allclose(
        run(ov.Core().read_model(tmp_path / "q.xml"), samples[0]), expected, rtol=1e-4, atol=1e-5
    )
    quantized.add_outputs(("relu_0", 0))
    assert len(ov.compile_model(quantized, "CPU")(samples[0])) == 2
    quantized.reshape([2, 3, 16, 16])
    assert run(quantized, np.concatenate(samples[:2])).shape[0] == 2


def test_names_ports_and_rt_info_are_kept(model, dataset):
    model.set_rt_info("value", ["mine", "key"])
    quantized = eb.quantize(model, dataset)
    assert quantized.friendly_name == model.friendly_name
    assert quantized.inputs[0].names == {"image"} and quantized.outputs[0].names == {"logits"}
    assert quantized.get_rt_info(["mine", "key"]).value == "value"
    assert "eightbit" in quantized.rt_info


def test_the_callers_model_does_not_change(model, dataset, tmp_path):
    before = serialized(model, tmp_path, "before")
    eb.quantize(model, dataset)
    eb.calibrate(model, dataset)
    eb.plan(model)
    eb.inspect(model)
    assert serialized(model, tmp_path, "after") == before


def test_the_callers_options_do_not_change(model, dataset):
    options = eb.AdvancedQuantizationParameters(backend_params={"compress_weights": False})
    scope = eb.IgnoredScope(types=["MatMul"])
    before = copy.deepcopy((options, scope))
    eb.quantize(model, dataset, advanced_parameters=options, ignored_scope=scope)
    assert (options, scope) == before


@pytest.mark.parametrize("as_path", [str, lambda path: path])
def test_a_path_is_a_model_too(model, dataset, samples, tmp_path, as_path):
    path = tmp_path / "m.xml"
    ov.save_model(model, path, compress_to_fp16=False)
    quantized = eb.quantize(as_path(path), dataset)
    assert type(quantized) is ov.Model
    np.testing.assert_array_equal(
        run(quantized, samples[0]), run(eb.quantize(model, dataset), samples[0])
    )


def test_a_model_with_variables_comes_back_whole(samples):
    """State: sinks and variables travel with the model."""
    state = ops.parameter([1, 4], np.float32, name="x")
    zero = ops.constant(np.zeros((1, 4), np.float32))
    read = ops.read_value(zero, "memory")
    weights = ops.constant(np.random.default_rng(1).standard_normal((4, 4)).astype(np.float32))
    total = ops.add(ops.matmul(state, weights, False, False), read)
    model = ov.Model([ops.result(total)], [ops.assign(total, "memory")], [state], "stateful")
    data = [{"x": sample.reshape(-1, 4)[:1].copy()} for sample in samples]
    data[1]["nncf_reset_state"] = False
    quantized = eb.quantize(model, eb.Dataset(data))
    assert len(quantized.get_sinks()) == 1 and len(quantized.get_variables()) == 1
    assert len(ov.compile_model(quantized, "CPU").create_infer_request().query_state()) == 1


def test_handing_over_a_large_model_costs_nothing_to_speak_of():
    """100 MB of weights go in and come out as references."""
    size = 25_000_000
    x = ops.parameter([size], np.float32, name="x")
    weights = ops.constant(np.ones(size, np.float32), shared_memory=True)
    large = ov.Model([ops.result(ops.multiply(x, weights))], [x], "large")
    native = eb._eightbit.Model.from_openvino(large)
    start = time.perf_counter()
    back = eb._models.from_native_model(native)
    assert time.perf_counter() - start < 0.1
    (mine,) = [node for node in large.get_ops() if node.get_type_name() == "Constant"]
    (theirs,) = [node for node in back.get_ops() if node.get_type_name() == "Constant"]
    assert mine.get_data().ctypes.data == theirs.get_data().ctypes.data


def test_statistics_replace_the_data(model, dataset, samples, tmp_path):
    statistics = eb.calibrate(model, dataset)
    assert statistics.samples == len(samples)
    statistics.save(tmp_path / "m.stats")
    loaded = eb.Statistics.load(tmp_path / "m.stats")
    assert loaded.samples == len(samples) and loaded.points == statistics.points > 0
    direct = eb.quantize(model, dataset, fast_bias_correction=True, recipe=eb.Recipe.NNCF)
    later = eb.quantize(model, loaded, fast_bias_correction=True, recipe=eb.Recipe.NNCF)
    np.testing.assert_array_equal(run(direct, samples[0]), run(later, samples[0]))


def test_shards_merge_to_the_whole(model, dataset, samples):
    whole = eb.calibrate(model, dataset)
    parts = [eb.calibrate(model, dataset, shard=(index, 3)) for index in range(3)]
    merged = eb.Statistics.merge(parts[::-1])
    assert merged.samples == whole.samples == len(samples)
    sample = samples[0]
    np.testing.assert_array_equal(
        run(eb.quantize(model, merged), sample), run(eb.quantize(model, whole), sample)
    )


def test_plan_says_what_will_happen(model):
    preview = eb.plan(model)
    assert preview.weight_quantizers == 3 and preview.activation_quantizers > 0
    assert "conv_0" in preview.text and str(preview) == preview.text
    ignored = eb.plan(model, ignored_scope=eb.IgnoredScope(types="Convolution"))
    assert ignored.weight_quantizers == 1


def test_a_plan_with_data_tells_the_time(model, samples):
    assert eb.plan(model).expected.seconds == 0
    many = eb.Dataset([samples[i % len(samples)] for i in range(400)])
    report = eb.Report()
    eb.quantize(model, many, report=report)
    assert report.expected.seconds > 0
    preview = eb.plan(model, many)
    assert preview.text == eb.plan(model).text
    assert 0.02 < preview.expected.seconds < 60
    with pytest.raises(eb.DataError):
        eb.plan(model, eb.Dataset([samples[0][:, :1]] * 20))
    few = eb.plan(model, eb.Dataset([samples[0]] * 5))
    assert few.expected.seconds == 0 and few.expected.peak_bytes > 0


def test_compress_weights_is_honoured(model, dataset):
    def weight_types(**backend_params):
        options = eb.AdvancedQuantizationParameters(backend_params=backend_params)
        quantized = eb.quantize(model, dataset, advanced_parameters=options)
        return {
            str(op.get_element_type().to_string())
            for op in quantized.get_ops()
            if op.get_type_name() == "Constant"
        }

    assert "i8" in weight_types()
    assert "i8" in weight_types(compress_weights=True)
    assert "i8" not in weight_types(compress_weights=False)


def test_compare_inspect_and_benchmark(model, dataset, samples):
    quantized = eb.quantize(model, dataset)
    result = eb.compare(model, quantized, dataset, subset_size=4)
    assert result.samples == 4 and len(result.outputs) == 1
    assert 10 < result.outputs[0].sqnr_db < 80 and result.outputs[0].cosine > 0.9
    assert {layer.name for layer in result.layers} == {"conv_0", "conv_1", "pool", "classifier"}
    inspection = eb.inspect(quantized, samples[0])
    assert inspection.quantizers > 0 and inspection.quantized_weights == 3
    assert dict(inspection.op_counts)["Convolution"] == 2 and inspection.layers
    rows = eb.benchmark([model, quantized], samples[0], seconds=0.1, rounds=2)
    assert len(rows) == 2 and all(row.latency_ms > 0 and row.throughput > 0 for row in rows)


def test_the_report_tells_what_was_done(model, dataset, samples):
    report = eb.Report()
    eb.quantize(model, dataset, report=report)
    assert report.samples == len(samples) and report.weight_quantizers == 3
    assert report.steps and sum(step.seconds for step in report.steps) <= report.seconds * 1.01
    assert report.plan_text


# Options


@pytest.mark.parametrize("value", [0, -1, 1.5, "300", True])
def test_wrong_subset_sizes(model, dataset, value):
    with pytest.raises(eb.ValidationError, match="subset_size"):
        eb.quantize(model, dataset, subset_size=value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mode", "int4"), ("preset", "fast"), ("target_device", "TPU"), ("target_device", None),
        ("model_type", "cnn"), ("recipe", "best"), ("ignored_scope", ["a"]),
        ("advanced_parameters", {"quantize_outputs": True}), ("fast_bias_correction", 1), ("threads", -1),
    ],
)  # fmt: skip
def test_wrong_options_are_named(model, dataset, name, value):
    with pytest.raises(eb.InvalidArgument, match=name):
        eb.quantize(model, dataset, **{name: value})


def test_values_of_members_work_in_any_case(model):
    assert (
        eb.plan(
            model, preset="Mixed", target_device="cpu", model_type="TRANSFORMER"
        ).weight_quantizers
        == 3
    )


@pytest.mark.parametrize(
    "options",
    [
        {"backend_params": {"stat_requests_number": 2}},
        {"backend_params": {"compress_weights": "no"}},
        {"weights_quantization_params": 8},
        {"weights_quantization_params": eb.QuantizationParameters(num_bits="8")},
        {"quantize_outputs": "yes"},
        {"overflow_fix": "enable"},
        {"activations_range_estimator_params": 3},
        {"smooth_quant_alphas": eb.AdvancedSmoothQuantParameters(matmul="0.5")},
    ],
)
def test_wrong_advanced_options_are_errors(model, options):
    with pytest.raises(eb.InvalidArgument):
        eb.plan(model, advanced_parameters=eb.AdvancedQuantizationParameters(**options))


def test_raw_statistics_go_with_the_histogram_only(model, dataset):
    raw = eb.StatisticsCollectorParameters(
        statistics_type=eb.StatisticsType.RAW, aggregator_type=eb.AggregatorType.MEAN
    )
    options = eb.AdvancedQuantizationParameters(
        activations_range_estimator_params=eb.RangeEstimatorParameters(raw, raw)
    )
    with pytest.raises(eb.Unsupported, match="RAW"):
        eb.quantize(model, dataset, advanced_parameters=options)


def test_every_advanced_option_reaches_the_library():
    """As JSON of the C++ options, which says what was understood."""
    import json

    from eightbit._native import to_native

    options = eb.AdvancedQuantizationParameters(
        overflow_fix=eb.OverflowFix.ENABLE,
        quantize_outputs=True,
        inplace_statistics=False,
        disable_channel_alignment=False,
        disable_bias_correction=True,
        batchwise_statistics=True,
        activations_quantization_params=eb.QuantizationParameters(num_bits=8, per_channel=False),
        weights_quantization_params=eb.QuantizationParameters(
            mode=eb.QuantizationScheme.ASYMMETRIC
        ),
        quantizer_propagation_rule=eb.QuantizerPropagationRule.DO_NOT_MERGE_BRANCHES,
        activations_range_estimator_params=eb.RangeEstimatorParametersSet.MEAN_QUANTILE,
        bias_correction_params=eb.AdvancedBiasCorrectionParameters(threshold=3.0),
        smooth_quant_alphas=eb.AdvancedSmoothQuantParameters(convolution=0.5, matmul=0.25),
        backend_params={"compress_weights": False},
    )
    native = eb._eightbit.QuantizeOptions()
    native.advanced_parameters = to_native(options)
    seen = json.loads(native.to_json())["advanced_parameters"]
    assert seen["overflow_fix"] == "enable" and seen["quantize_outputs"] is True
    assert seen["disable_bias_correction"] is True and seen["disable_channel_alignment"] is False
    assert seen["inplace_statistics"] is False and seen["batchwise_statistics"] is True
    assert seen["activations_quantization_params"]["num_bits"] == 8
    assert seen["weights_quantization_params"]["mode"] == "asymmetric"
    assert seen["quantizer_propagation_rule"] == "do_not_merge_branches"
    assert seen["activations_range_estimator_params"]["min"]["statistics_type"] == "quantile"
    assert seen["bias_correction_params"]["threshold"] == 3
    assert seen["smooth_quant_alphas"] == {"convolution": 0.5, "matmul": 0.25}
    assert seen["compress_weights"] is False


def test_options_without_effect_are_refused_or_reported(model, dataset, samples, caplog):
    alphas = eb.AdvancedQuantizationParameters(
        smooth_quant_alphas=eb.AdvancedSmoothQuantParameters(convolution=0.5)
    )
    with pytest.raises(
        eb.InvalidArgument, match=r"smooth_quant_alphas\.convolution has no effect: .*transformer"
    ):
        eb.quantize(model, dataset, recipe=eb.Recipe.NNCF, advanced_parameters=alphas)

    report = eb.Report()
    moot = eb.AdvancedQuantizationParameters(inplace_statistics=False)
    with caplog.at_level(logging.WARNING, "eightbit"):
        eb.quantize(model, eb.Dataset(samples), advanced_parameters=moot, report=report)
    assert "inplace_statistics has no effect" in caplog.text
    assert any(note.startswith("inplace_statistics has no effect") for note in report.notes)


def test_ranges_of_weights_are_estimated_as_asked(model, samples):
    """The largest integer of each weight's channel stands for the range's end."""

    def weights(recipe=eb.Recipe.EIGHTBIT, **params):
        end = eb.StatisticsCollectorParameters(**params)
        advanced = eb.AdvancedQuantizationParameters(
            overflow_fix=eb.OverflowFix.DISABLE,
            disable_bias_correction=True,
            backend_params={"compress_weights": False},
            weights_range_estimator_params=eb.RangeEstimatorParameters(min=end, max=end),
        )
        rounding = eb.WeightRounding.NEAREST if recipe is eb.Recipe.EIGHTBIT else None
        quantized = eb.quantize(
            model,
            eb.Dataset(samples),
            recipe=recipe,
            advanced_parameters=advanced,
            weight_rounding=rounding,
            trial_run=False,  # layers whose ranges are asked to be poor would stay in float
        )
        found = {}
        for node in quantized.get_ordered_ops():
            if node.get_type_name() == "FakeQuantize" and "weights" in node.friendly_name:
                source = node.input_value(0).get_node()
                found[node.friendly_name] = (source.data, node.input_value(2).get_node().data)
        assert len(found) == 3
        return found.values()

    def magnitudes(weight, high):
        axes = [axis for axis, extent in enumerate(high.shape) if extent > 1]
        return np.moveaxis(np.abs(weight), axes[0], 0).reshape(high.size, -1)

    for weight, high in weights(eb.Recipe.NNCF):
        np.testing.assert_allclose(high.ravel(), magnitudes(weight, high).max(1), rtol=1e-6)
    for weight, high in weights(
        statistics_type=eb.StatisticsType.QUANTILE, quantile_outlier_prob=0.1
    ):
        expected = np.quantile(magnitudes(weight, high).astype(np.float64), 0.9, axis=1)
        np.testing.assert_allclose(high.ravel(), expected, rtol=1e-6)
    for _, high in weights(clipping_value=0.05):
        np.testing.assert_allclose(high.ravel(), 0.05, rtol=1e-6)
    for weight, high in weights(aggregator_type=eb.AggregatorType.HISTOGRAM):
        largest = magnitudes(weight, high).max(1)
        assert (high.ravel() <= largest * (1 + 1e-6)).all() and (high.ravel() > largest / 8).all()


@pytest.mark.parametrize(("alpha", "expected"), [(-1.0, (-1.0, -1.0)), (0.5, (None, 0.5))])
def test_the_deprecated_alpha_still_works_and_warns(alpha, expected):
    from eightbit._native import to_native

    with pytest.warns(DeprecationWarning, match="smooth_quant_alphas"):
        native = to_native(eb.AdvancedQuantizationParameters(smooth_quant_alpha=alpha))
    assert (native.smooth_quant_alphas.convolution, native.smooth_quant_alphas.matmul) == expected


# Errors


def test_models_of_other_frameworks_are_refused_with_advice(dataset):
    with pytest.raises(eb.UnsupportedBackendError, match=r"openvino\.Model"):
        eb.quantize(5, dataset)


def test_data_that_is_no_dataset_is_refused(model, samples):
    with pytest.raises(eb.InvalidArgument, match=r"eightbit\.Dataset"):
        eb.quantize(model, samples)


def test_a_missing_file_is_an_oserror(dataset, tmp_path):
    with pytest.raises(OSError, match=r"nothing\.xml") as caught:
        eb.quantize(tmp_path / "nothing.xml", dataset)
    assert isinstance(caught.value, eb.FileError)


@pytest.mark.parametrize("broken", ["loader", "transform"])
def test_an_exception_of_the_loader_names_the_sample_and_is_the_cause(model, samples, broken):
    def loader():
        yield from samples[:3]
        raise KeyError("label")

    def transform(sample):
        if sample is samples[3]:
            raise KeyError("label")
        return sample

    source = eb.Dataset(loader()) if broken == "loader" else eb.Dataset(samples, transform)
    with pytest.raises(eb.DataError, match="sample 3") as caught:
        eb.quantize(model, source)
    assert (
        type(caught.value.__cause__) is KeyError
        and caught.value.__cause__.__traceback__ is not None
    )


@pytest.mark.parametrize(
    "bad",
    [np.zeros((1, 3, 16), np.float32), {"wrong": np.zeros((1, 3, 16, 16), np.float32)},
     np.full((1, 3, 16, 16), np.nan, np.float32), [np.zeros((1, 3, 16, 16), np.float32)] * 2],
    ids=["shape", "name", "nan", "count"],
)  # fmt: skip
def test_samples_that_do_not_fit_the_model_are_named(model, samples, bad):
    with pytest.raises(eb.DataError, match=r"\b1\b"):
        eb.quantize(model, eb.Dataset([samples[0], bad, samples[1]]))


def test_a_name_that_matches_nothing_is_an_error(model, dataset):
    with pytest.raises(eb.ValidationError, match="conv_9"):
        eb.quantize(model, dataset, ignored_scope=eb.IgnoredScope(names=["conv_9"]))
    eb.quantize(model, dataset, ignored_scope=eb.IgnoredScope(names=["conv_9"], validate=False))


def test_errors_survive_pickling():
    error = pickle.loads(pickle.dumps(eb.DataError("[dataset] sample 3")))
    assert type(error) is eb.DataError and str(error) == "[dataset] sample 3"


# Interruption, progress, logging, threads


def test_keyboard_interrupt_in_the_loader_ends_the_run(model, samples):
    def loader():
        yield samples[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        eb.quantize(model, eb.Dataset(loader()))


def test_ctrl_c_ends_a_running_calibration(model, samples):
    def endless():
        while True:
            yield samples[0]

    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        eb.quantize(model, eb.Dataset(endless()), subset_size=10**9)
    assert time.monotonic() - start < 20


def test_ctrl_c_that_python_notices_while_it_logs_ends_the_run(model, dataset):
    class Pressed(logging.Handler):
        def emit(self, record):
            if record.getMessage().startswith("place: "):
                signal.raise_signal(signal.SIGINT)

    logger, handler = logging.getLogger("eightbit"), Pressed()
    level = logger.level
    logger.addHandler(handler)
    eb.set_log_level("DEBUG")
    try:
        with pytest.raises(KeyboardInterrupt):
            eb.quantize(model, dataset)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


LOST_SIGNAL_STACK = """
import ctypes, mmap, os, signal, sys, threading
import numpy as np, eightbit as eb


class Stack(ctypes.Structure):
    _fields_ = [("sp", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t)]


libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + 3 * [ctypes.c_int] + [ctypes.c_long]
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
size = 1 << 20
memory = libc.mmap(None, size, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)


def endless():
    while True:
        yield np.zeros((1, 3, 16, 16), np.float32)


eb.quantize(sys.argv[1], eb.Dataset([np.zeros((1, 3, 16, 16), np.float32)]))
assert libc.sigaltstack(ctypes.byref(Stack(memory, 0, size)), None) == 0
assert libc.mprotect(memory, size, 0) == 0  # as good as gone
threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    eb.quantize(sys.argv[1], eb.Dataset(endless()), subset_size=10**9)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_ctrl_c_where_openvino_left_a_signal_stack_that_is_gone(model, tmp_path):
    ov.save_model(model, tmp_path / "m.xml")
    done = subprocess.run(
        [sys.executable, "-c", LOST_SIGNAL_STACK, str(tmp_path / "m.xml")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "interrupted\n"), done.stderr


def test_progress_is_reported_in_order(model, dataset, samples):
    seen = []
    eb.quantize(model, dataset, progress=lambda step, done, total: seen.append((step, done, total)))
    assert ("calibrate", len(samples), len(samples)) in seen
    for name in {step for step, _, _ in seen}:
        counts = [done for step, done, _ in seen if step == name]
        assert counts == sorted(counts), name
    assert all(0 <= done <= total or total == 0 for _, done, total in seen)


def test_an_exception_of_the_progress_callback_ends_the_run(model, dataset):
    class Enough(Exception):
        pass

    def stop(step, done, total):
        raise Enough

    with pytest.raises(Enough):
        eb.quantize(model, dataset, progress=stop)


def test_nothing_is_printed(model, tmp_path):
    ov.save_model(model, tmp_path / "m.xml")
    code = (
        "import numpy as np, eightbit as eb, sys\n"
        "eb.quantize(sys.argv[1], eb.Dataset([np.zeros((1, 3, 16, 16), np.float32)] * 3))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "m.xml")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "" and "\r" not in done.stderr  # warnings may pass through logging


def test_messages_reach_the_logger(model, dataset, caplog):
    with caplog.at_level(logging.DEBUG, logger="eightbit"):
        eb.quantize(model, dataset, subset_size=1000)
    assert {record.name for record in caplog.records} == {"eightbit"}
    assert any(str(12) in record.getMessage() for record in caplog.records)


def test_set_log_level_takes_names_and_numbers():
    logger = logging.getLogger("eightbit")
    before = logger.level
    try:
        eb.set_log_level("DEBUG")
        assert logger.level == logging.DEBUG
        eb.set_log_level(logging.ERROR)
        assert logger.level == logging.ERROR
    finally:
        logger.setLevel(before)


def test_other_threads_run_meanwhile(model, samples):
    """The library works without the GIL, and two quantizations at once give the same result as one."""
    alone = run(eb.quantize(model, eb.Dataset(samples)), samples[0])
    results = [None, None]

    def work(index):
        results[index] = run(eb.quantize(model, eb.Dataset(samples)), samples[0])

    threads = [threading.Thread(target=work, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    for result in results:
        np.testing.assert_array_equal(result, alone)


def test_the_result_does_not_depend_on_threads_or_batches(samples):
    one = eb.quantize(conv_net(), eb.Dataset(samples), threads=1)
    two = eb.quantize(conv_net(), eb.Dataset(samples), threads=2)
    np.testing.assert_array_equal(run(one, samples[0]), run(two, samples[0]))


def test_each_output_is_told_its_own_noise():
    """Two outputs, of which one is ruined; compare, report and the trial run give each its own figure under its own name."""
    model = delicate_net()
    (x,), (result,) = model.get_parameters(), model.get_results()
    weights = np.random.default_rng(5).standard_normal((64, 64)).astype(np.float32)
    sound = ops.relu(
        ops.matmul(x, ops.constant(weights), False, False, name="product"), name="sound"
    )
    sound.output(0).get_tensor().set_names({"sound"})
    ruined = result.input_value(0)
    ruined.get_tensor().set_names({"ruined"})
    data = eb.Dataset(delicate_samples())
    for order in ([sound.output(0), ruined], [ruined, sound.output(0)]):
        both = ov.Model([ops.result(output) for output in order], [x])
        report = eb.Report()
        quantized = eb.quantize(both, data, min_sqnr_db=0, report=report)
        trial = {output.name: output.sqnr_f32_db for output in report.trial.outputs}
        assert trial["ruined"] < 12 and trial["sound"] > 25
        (of_ruined, of_sound) = sorted(
            eb.compare(both, quantized, data).outputs, key=lambda row: "sound" in row.name
        )
        assert of_ruined.sqnr_db < 12 and of_sound.sqnr_db > 25, (of_ruined, of_sound)
        assert of_ruined.measured_db < 12 and of_sound.measured_db > 25
