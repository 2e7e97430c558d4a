"""What cannot be quantized, or not as it is, and what is said about it."""

import subprocess
import sys

import eightbit as eb
import numpy as np
import pytest
import tensorflow as tf
from small_networks import convolutions, images, outputs, sqnr

QUICK = {"trial_run": False}
SPEC = tf.TensorSpec([None, 4], name="x")


def linear(x):
    return tf.matmul(x, tf.eye(4))


def rows(count=4, width=4):
    random = np.random.default_rng(0)
    return [random.standard_normal((1, width)).astype(np.float32) for _ in range(count)]


def test_a_dataset_that_yields_labels_too(kit):
    data = [(image, 3) for image in images(4)]
    with pytest.raises(
        eb.DataError, match=r"sample 0 holds 2 values, .* takes image\..* leave labels out"
    ):
        eb.quantize(convolutions(kit), eb.Dataset(data), **QUICK)


def test_a_sample_of_another_shape_is_named(kit):
    data = [*images(3), np.zeros((1, 8, 8, 3), np.float32)]
    with pytest.raises(eb.DataError, match=r"sample 3: input 'image' has shape \[1, 8, 8, 3\]"):
        eb.quantize(convolutions(kit), eb.Dataset(data), subset_size=4, **QUICK)


def test_several_signatures_want_a_choice(tmp_path):
    module = tf.Module()
    one = tf.function(linear, input_signature=[SPEC])
    other = tf.function(lambda x: -linear(x), input_signature=[SPEC])
    signatures = {"one": one, "other": other}
    tf.saved_model.save(module, tmp_path / "model", signatures=signatures)
    loaded = tf.saved_model.load(tmp_path / "model")
    with pytest.raises(
        eb.InvalidArgument, match=r"signatures one, other. Pass one of them: model.signatures"
    ):
        eb.quantize(loaded, eb.Dataset(rows()), **QUICK)
    quantized = eb.quantize(loaded.signatures["other"], eb.Dataset(rows()), **QUICK)
    wanted, found = -rows()[0], tf.nest.flatten(quantized(rows()[0]))[0]
    assert sqnr(wanted, found) > 20


def test_a_function_that_can_not_be_traced():
    def branches(x):
        return x if float(x[0, 0]) > 0 else -x

    with pytest.raises(eb.ModelError, match="cannot be traced: "):
        eb.quantize(tf.function(branches, autograph=False), eb.Dataset(rows()), **QUICK)


def test_a_model_without_shapes_needs_a_sample():
    with pytest.raises(eb.InvalidArgument, match="cannot be traced without a sample"):
        eb.plan(tf.function(linear))
    free = tf.function(linear, input_signature=[tf.TensorSpec([None, None])])
    with pytest.raises(eb.InvalidArgument, match=r"has the shape \(None, None\)"):
        eb.plan(free)


def test_a_model_that_counts_its_calls_is_refused():
    class Counting(tf.Module):
        def __init__(self):
            super().__init__()
            self.calls = tf.Variable(0.0)

        @tf.function(input_signature=[SPEC])
        def __call__(self, x):
            self.calls.assign_add(1.0)
            return linear(x) * self.calls

    with pytest.raises(eb.ModelError, match="writes into a variable"):
        eb.quantize(Counting(), eb.Dataset(rows()), **QUICK)


def test_weights_that_change_later_change_no_result(kit):
    model, samples = convolutions(kit), images(6)
    quantized = eb.quantize(model, eb.Dataset(samples), **QUICK)
    before = outputs(quantized, samples)
    for weight in model.weights:
        weight.assign(np.zeros(weight.shape, np.float32))
    assert np.array_equal(outputs(quantized, samples), before)


def test_mixed_precision_is_rounded_in_floats_and_returned_in_halves(kit):
    kit.mixed_precision.set_global_policy("mixed_float16")
    try:
        model = convolutions(kit)
    finally:
        kit.mixed_precision.set_global_policy("float32")
    samples = images(12)
    quantized = eb.quantize(model, eb.Dataset(samples), **QUICK)
    assert outputs(quantized, samples).dtype == np.float16
    assert sqnr(outputs(model, samples), outputs(quantized, samples)) > 20


@pytest.mark.parametrize("name", ["lambda.keras", "lambda.h5"])
def test_nothing_in_a_file_is_executed_that_safe_mode_refuses(kit, name, tmp_path):
    x = kit.layers.Input((4,))
    kit.Model(x, kit.layers.Lambda(lambda y: y * 2)(x)).save(tmp_path / name)
    with pytest.raises(eb.FileError, match=rf"{name}' cannot be loaded: .*(Lambda|lambda)"):
        eb.quantize(tmp_path / name, eb.Dataset(rows()), **QUICK)


def test_a_file_that_is_none_of_keras(tmp_path):
    (tmp_path / "model.keras").write_bytes(b"PK no zip")
    with pytest.raises(
        eb.FileError, match=r"model.keras' cannot be loaded: keras: .*Load it yourself"
    ):
        eb.quantize(tmp_path / "model.keras", eb.Dataset(rows()), **QUICK)
    with pytest.raises(eb.FileError, match="missing.h5' cannot be loaded"):
        eb.quantize(tmp_path / "missing.h5", eb.Dataset(rows()), **QUICK)


def test_a_rank_that_no_sample_settles_is_named():
    """Each sample tells another one."""

    def turned(x):
        shape = tf.cond(tf.reduce_sum(x) > 0, lambda: tf.constant([1, 4]), lambda: tf.constant([4]))
        return tf.reshape(x, shape)

    samples = [np.full((1, 4), value, np.float32) for value in (1, -1)]
    with pytest.raises(eb.ModelError, match=r"has 2 axes for one sample and 1 for another"):
        eb.quantize(tf.function(turned), eb.Dataset(samples * 2), **QUICK)


def test_recurrent_layers_stay_float_and_unrolled_ones_do_not(kit, caplog):
    caplog.set_level("INFO", "eightbit")

    def network(unroll):
        x = kit.layers.Input((6, 8))
        y = kit.layers.Dense(12, name="front")(x)
        y = kit.layers.LSTM(16, unroll=unroll, name="cell")(y)
        return kit.Model(x, kit.layers.Dense(3, name="back")(y))

    random = np.random.default_rng(0)
    samples = [random.standard_normal((1, 6, 8)).astype(np.float32) for _ in range(20)]
    for unroll, weights in ((False, 2), (True, 4)):
        model = network(unroll)
        caplog.clear()
        assert eb.plan(model).weight_quantizers == weights
        assert ("while stays in float" in caplog.text) == (not unroll)
        quantized = eb.quantize(model, eb.Dataset(samples), min_sqnr_db=0)
        assert sqnr(outputs(model, samples), outputs(quantized, samples)) > 20


def test_tables_of_strings_are_left_in_place():
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(["a", "b"], tf.constant([0, 1], tf.int64)), -1
    )

    class Words(tf.Module):
        def __init__(self):
            super().__init__()
            self.table = table
            rows = np.random.default_rng(0).standard_normal((2, 16)).astype(np.float32)
            self.rows, self.weight = tf.Variable(rows), tf.Variable(rows.T @ rows)

        @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.string, name="words")])
        def __call__(self, words):
            return tf.matmul(tf.gather(self.rows, self.table.lookup(words)), self.weight)

    module = Words()
    samples = [np.array([["a", "b", "a"]]), np.array([["b", "b", "a"]])]
    quantized = eb.quantize(module, eb.Dataset(samples), **QUICK)
    wanted, found = (
        tf.nest.flatten(each(tf.constant(samples[0])))[0] for each in (module, quantized)
    )
    assert sqnr(wanted, found) > 25


def test_engines_that_can_not_measure_it(kit):
    with pytest.raises(eb.UnsupportedBackendError, match="ONNX Runtime does not measure"):
        eb.quantize(convolutions(kit), eb.Dataset(images(2)), engine="onnxruntime")


@pytest.mark.parametrize("order", ["tensorflow, eightbit", "eightbit, tensorflow"])
def test_onnx_files_in_a_process_with_tensorflow(order, tmp_path):
    """TensorFlow exports its protobuf, which must not take the place of ours."""
    pytest.importorskip("onnx")
    code = f"""
import {order}
import eightbit as eb, numpy as np, onnx
from onnx import TensorProto, helper, numpy_helper
w = numpy_helper.from_array(np.random.default_rng(0).standard_normal((8, 8)).astype("f4"), "w")
graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 8])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8])], [w])
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), r"{tmp_path}/m.onnx")
quantized = eb.quantize(r"{tmp_path}/m.onnx", eb.Dataset([np.ones((1, 8), "f4")] * 4), trial_run=False)
print(len(quantized.graph.node))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout.split()[-1]) > 1


def test_a_size_that_samples_settle_stays_open(kit):
    """The model tells nothing of rows; two samples of other sizes do."""
    x = kit.layers.Input((None, 8), name="rows")
    y = kit.layers.Dense(16, activation="relu", name="wide")(x)
    model = kit.Model(x, kit.layers.Dense(4, name="narrow")(y))
    random = np.random.default_rng(0)
    samples = [random.standard_normal((1, 3 + n % 4, 8)).astype(np.float32) for n in range(12)]
    quantized = eb.quantize(model, eb.Dataset(samples), **QUICK)
    assert quantized(random.standard_normal((2, 9, 8)).astype(np.float32)).shape == (2, 9, 4)
    for sample in samples:
        assert sqnr(model(sample), quantized(sample)) > 20
    with pytest.raises(eb.InvalidArgument, match="cannot be traced without a sample"):
        eb.plan(model)


def test_a_model_that_writes_down_what_it_sees_is_refused(kit):
    class Counting(kit.layers.Layer):
        def build(self, shape):
            self.seen = self.add_weight(name="seen", shape=(), initializer="zeros", trainable=False)

        def call(self, x):
            self.seen.assign(self.seen + 1.0)
            return x * self.seen

    x = kit.layers.Input((4,))
    model = kit.Model(x, Counting()(kit.layers.Dense(4)(x)))
    with pytest.raises(eb.ModelError, match="writes into a variable"):
        eb.quantize(model, eb.Dataset(rows()), **QUICK)


def test_dropout_and_noise_are_out_of_the_way(kit):
    """They are there for training alone."""
    x = kit.layers.Input((16, 16, 3), name="image")
    y = kit.layers.GaussianNoise(0.5)(kit.layers.Dropout(0.5)(x))
    y = kit.layers.Flatten()(kit.layers.Conv2D(4, 3)(y))
    model, samples = kit.Model(x, kit.layers.Dense(3)(y)), images(12)
    quantized = eb.quantize(model, eb.Dataset(samples), **QUICK)
    assert sqnr(outputs(model, samples), outputs(quantized, samples)) > 25


def test_data_that_are_no_dataset_are_named(kit):
    with pytest.raises(eb.Error, match="Dataset"):
        eb.quantize(convolutions(kit), images(4))
