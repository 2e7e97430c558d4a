"""Models of Keras and TensorFlow in, models of the same kind out, which compute in integers in OpenVINO."""

import eightbit as eb
import numpy as np
import pytest
import tensorflow as tf
from small_networks import (
    LAYERS,
    attention,
    convolutions,
    images,
    in_openvino,
    in_tflite,
    layers_of,
    outputs,
    run_tflite,
    sqnr,
    token_rows,
)

QUICK = {"trial_run": False}


def integer_layers(model, sample) -> list[str]:
    layers = [layer for layer in eb.inspect(model, sample).layers if layer.type in LAYERS]
    return [layer.precision for layer in layers]


def all_in_integers(model, sample) -> bool:
    """AMX takes signed ones, too."""
    found = set(integer_layers(model, sample))
    return bool(found) and found <= {"i8", "u8"}


def test_a_keras_model_comes_back_as_one_and_runs_in_integers(kit):
    model, samples, unseen = convolutions(kit), images(40), images(8, 7)
    before = [weight.copy() for weight in model.get_weights()]
    quantized = eb.quantize(model, eb.Dataset(samples))
    assert isinstance(quantized, kit.Model)
    assert [each.name.partition(":")[0] for each in quantized.inputs] == ["image"]
    wanted, found = outputs(model, unseen), outputs(quantized, unseen)
    assert 25 < sqnr(wanted, found) < 60
    runs, converted = in_openvino(quantized, unseen)
    assert sqnr(found, runs) > 40
    assert all_in_integers(converted, unseen[0])
    assert len(integer_layers(converted, unseen[0])) == 4
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_batch_norms_are_part_of_the_layers_in_front(kit):
    """In both spellings: an op of its own, or a product and a sum."""
    plan = eb.plan(convolutions(kit))
    assert plan.weight_quantizers == 4
    nodes = {node.node_type for node in eb.build_graph(convolutions(kit)).get_all_nodes()}
    assert nodes.isdisjoint({"FusedBatchNormV3", "Rsqrt", "Mul", "Identity"})
    per_channel = [each for each in plan.quantizers if each.channel_axes and not each.weight]
    assert [each.channel_axes for each in per_channel] == [[3]], "in front of the depthwise layer"


def test_weights_are_rounded_together_in_all_convolutions(kit):
    """Also in the one that reads the input, whose channels are last too."""
    report = eb.Report()
    eb.quantize(convolutions(kit), eb.Dataset(images(10)), report=report, **QUICK)
    assert any(note.startswith("weight rounding: 3 layers") for note in report.notes)


def test_attention_is_recognized_and_each_dense_layer_is_one_product(kit):
    model, samples = attention(kit), token_rows(40)
    plan = eb.plan(model)
    weights = [each for each in plan.quantizers if each.weight]
    assert len(weights) == 7, "table, query, key, value, output, wide, narrow"
    quantized = eb.quantize(model, eb.Dataset(samples))
    assert sqnr(outputs(model, samples), outputs(quantized, samples)) > 25
    runs, converted = in_openvino(quantized, samples)
    assert sqnr(outputs(quantized, samples), runs) > 40
    precisions = integer_layers(converted, samples[0])
    assert sum(each in ("i8", "u8") for each in precisions) >= 6


def test_nested_and_subclassed_models_get_the_plan_of_the_flat_one(kit):
    flat = convolutions(kit)

    class Around(kit.Model):
        def __init__(self):
            super().__init__()
            self.inside = flat

        def call(self, x):
            return self.inside(x)

    image = kit.layers.Input((16, 16, 3), name="image")
    nested = kit.Model(image, flat(image))
    models = (flat, nested, Around())
    outputs(models[2], images(1))  # which tells it the shape of its input
    samples, unseen = images(10), images(4, 9)
    found = [
        outputs(eb.quantize(model, eb.Dataset(samples), **QUICK), unseen)
        for model in (flat, nested, Around())
    ]
    assert np.array_equal(found[0], found[1]) and np.array_equal(found[0], found[2])


def test_a_quantized_keras_model_trains_saves_and_loads(kit, tmp_path):
    quantized = eb.quantize(convolutions(kit), eb.Dataset(images(20)), **QUICK)
    x = np.concatenate(images(32, 5))
    y = x.mean((1, 2)).argmax(-1)
    loss = kit.losses.SparseCategoricalCrossentropy(from_logits=True)
    quantized.compile(kit.optimizers.Adam(0.01), loss)
    before = [weight.copy() for weight in quantized.get_weights()]
    history = quantized.fit(x, y, epochs=20, batch_size=8, verbose=0).history["loss"]
    assert history[-1] < 0.9 * history[0]
    moved = [not np.array_equal(a, b) for a, b in zip(before, quantized.get_weights(), strict=True)]
    assert sum(moved) > 0.6 * len(moved), "kernels, biases, ranges"
    quantized.save(tmp_path / "model.keras")
    loaded = kit.models.load_model(tmp_path / "model.keras")
    assert np.array_equal(loaded.predict(x, verbose=0), quantized.predict(x, verbose=0))


def test_strip_stores_integers_and_computes_the_same(kit, tmp_path):
    model, samples = convolutions(kit), images(20)
    quantized = eb.quantize(model, eb.Dataset(samples), **QUICK)
    wanted = outputs(quantized, samples)
    module = eb.strip(quantized)
    assert isinstance(module, tf.Module) and not isinstance(module, kit.Model)
    np.testing.assert_allclose(outputs(module, samples), wanted, atol=1e-5)
    kinds = [weight.dtype for weight in module.weights]
    assert kinds.count(tf.int8) == 4
    runs, converted = in_openvino(module, samples)
    assert sqnr(wanted, runs) > 40 and all_in_integers(converted, samples[0])
    floats = eb.strip(quantized, strip_format=eb.StripFormat.IN_PLACE)
    assert tf.int8 not in [weight.dtype for weight in floats.weights]
    np.testing.assert_allclose(outputs(floats, samples), wanted, atol=1e-5)
    with pytest.raises(eb.InvalidArgument, match="holds no weights that are rounded"):
        eb.strip(model)


def test_with_one_range_for_each_activation_tflite_computes_in_integers():
    import keras

    keras.utils.set_random_seed(1)
    model, samples = convolutions(keras), images(40)
    one_range = eb.QuantizationParameters(per_channel=False)
    advanced = eb.AdvancedQuantizationParameters(activations_quantization_params=one_range)
    data = eb.Dataset(samples)
    quantized = eb.quantize(model, data, advanced_parameters=advanced, **QUICK)
    module = eb.strip(quantized, strip_format=eb.StripFormat.IN_PLACE)
    interpreter = in_tflite(module)
    layers = layers_of(interpreter, "CONV_2D", "DEPTHWISE_CONV_2D")
    assert layers == [[np.int8, np.int8]] * 3
    assert sqnr(outputs(model, samples), run_tflite(interpreter, samples)) > 20


class Module(tf.Module):
    """Named outputs, and a convolution with groups, a transposed one and one along one axis."""

    def __init__(self):
        super().__init__()
        random = np.random.default_rng(4)

        def weight(*shape):
            fan = np.sqrt(np.prod(shape[:-1]))
            return tf.Variable((random.standard_normal(shape) / fan).astype(np.float32))

        self.first, self.grouped = weight(3, 3, 3, 8), weight(3, 3, 4, 8)
        self.up, self.line = weight(2, 2, 4, 8), weight(1, 3, 4, 6)

    @tf.function(input_signature=[tf.TensorSpec([None, 16, 16, 3], name="image")])
    def __call__(self, image):
        x = tf.nn.relu(tf.nn.conv2d(image, self.first, 2, "SAME"))
        x = tf.nn.relu(tf.nn.conv2d(x, self.grouped, 1, "SAME"))
        up = tf.nn.conv2d_transpose(x, self.up, [tf.shape(x)[0], 16, 16, 4], 2)
        line = tf.nn.conv2d(tf.nn.relu(up), self.line, 1, "VALID")
        return {"up": up, "line": line}


def test_a_module_keeps_signature_and_structure_and_holds_integers(tmp_path):
    module, samples = Module(), images(30)
    quantized = eb.quantize(module, eb.Dataset(samples))
    assert isinstance(quantized, tf.Module)
    for name in ("up", "line"):
        wanted = np.concatenate([module(each)[name] for each in samples])
        found = np.concatenate([quantized(each)[name] for each in samples])
        assert 25 < sqnr(wanted, found) < 60, name
    assert [weight.dtype for weight in quantized.weights].count(tf.int8) == 4
    tf.saved_model.save(quantized, tmp_path / "model")
    loaded = tf.saved_model.load(tmp_path / "model")
    served = loaded.signatures["serving_default"](image=tf.constant(samples[0]))
    assert set(served) == {"up", "line"}
    np.testing.assert_allclose(served["line"], quantized(samples[0])["line"], atol=1e-5)
    again = eb.quantize(
        loaded, eb.Dataset(samples), ignored_scope=eb.IgnoredScope(patterns=".*"), **QUICK
    )
    np.testing.assert_allclose(again(samples[0])["up"], served["up"], atol=1e-5)


def test_a_loaded_saved_model_and_a_function_are_what_the_module_is(tmp_path):
    module, samples = Module(), images(10)
    tf.saved_model.save(module, tmp_path / "float")
    loaded = tf.saved_model.load(tmp_path / "float")
    wanted = eb.quantize(module, eb.Dataset(samples), **QUICK)(samples[0])
    function = tf.function(lambda image: module(image))
    for source in (loaded, loaded.signatures["serving_default"], function):
        found = eb.quantize(source, eb.Dataset(samples), **QUICK)(samples[0])
        for name in ("up", "line"):
            assert np.array_equal(found[name], wanted[name])


def test_files_of_keras(kit, tmp_path):
    model, samples = convolutions(kit), images(10)
    wanted = outputs(eb.quantize(model, eb.Dataset(samples), **QUICK), samples)
    for name in ("model.keras", "model.h5"):
        model.save(tmp_path / name)
        quantized = eb.quantize(tmp_path / name, eb.Dataset(samples), **QUICK)
        assert np.array_equal(outputs(quantized, samples), wanted)


def test_data_of_tensorflow_counts_samples(kit):
    model, samples = convolutions(kit), images(12)
    labels = tf.zeros(12)
    source = tf.data.Dataset.from_tensor_slices((np.concatenate(samples), labels)).batch(4)
    statistics = eb.calibrate(model, eb.Dataset(source, lambda item: item[0]), subset_size=10)
    alone = eb.calibrate(model, eb.Dataset(samples), subset_size=10)
    assert statistics.samples == alone.samples == 10
    one, other = (
        outputs(eb.quantize(model, each, **QUICK), samples) for each in (statistics, alone)
    )
    np.testing.assert_allclose(one, other, atol=1e-4)


def test_openvino_measures_the_same(kit):
    """Ranges and corrections agree but for what rounding does to sums."""
    for model, samples in ((convolutions(kit), images(24)), (attention(kit), token_rows(24))):
        found = [
            outputs(eb.quantize(model, eb.Dataset(samples), engine=engine, **QUICK), samples)
            for engine in (eb.Engine.AUTO, eb.Engine.OPENVINO)
        ]
        wanted = outputs(model, samples)
        assert sqnr(*found) > sqnr(wanted, found[0]) + 6
        assert abs(sqnr(wanted, found[0]) - sqnr(wanted, found[1])) < 1


def test_compare_report_and_tune(kit):
    model, samples = convolutions(kit), images(16)
    quantized = eb.quantize(model, eb.Dataset(samples), **QUICK)
    found = eb.compare(model, quantized, eb.Dataset(samples))
    assert len(found.outputs) == 1 and found.outputs[0].sqnr_db > 25
    assert {"Conv2D", "DepthwiseConv2dNative", "MatMul"} <= {each.type for each in found.layers}
    result = eb.TuneResult()
    tuned = eb.tune(model, eb.Dataset(samples), result=result)
    assert isinstance(tuned, kit.Model) and len(result.trials) > 3


def test_a_recipe_makes_the_same_model_again(kit):
    model, samples = convolutions(kit), images(16)
    report = eb.Report()
    quantized = eb.quantize(model, eb.Dataset(samples), report=report, **QUICK)
    again = eb.quantize(model, recipe=report.recipe)
    assert np.array_equal(outputs(again, samples), outputs(quantized, samples))


def test_accuracy_control_hands_out_keras_models(kit):
    model, samples = convolutions(kit), images(16)
    wanted = outputs(model, samples)
    seen = []

    def validate(candidate, items):
        seen.append(candidate)
        return float(-np.abs(outputs(candidate, items) - wanted).mean())

    best = eb.quantize_with_accuracy_control(
        model, eb.Dataset(samples), eb.Dataset(samples), validate, max_drop=1.0
    )
    assert isinstance(best, kit.Model) and all(isinstance(each, kit.Model) for each in seen)


def test_ignored_scopes_by_name_pattern_and_type(kit):
    model = convolutions(kit)
    name = next(
        node.node_name
        for node in eb.build_graph(model).get_all_nodes()
        if node.node_type == "DepthwiseConv2dNative"
    )
    for scope in (
        eb.IgnoredScope(names=name),
        eb.IgnoredScope(patterns=".*depthwise.*/depthwise"),
        eb.IgnoredScope(types="DepthwiseConv2dNative"),
    ):
        plan = eb.plan(model, ignored_scope=scope)
        assert plan.weight_quantizers == 3 and f"float {name} | ignored" in plan.text


def test_what_automatic_padding_comes_to():
    """Ends as TensorFlow pads: the odd one last; a network of the same paddings, written out, computes the same."""
    from eightbit.tensorflow.capture import capture
    from eightbit.tensorflow.op_map import attributes_of

    random = np.random.default_rng(0)
    x = random.standard_normal((1, 15, 16, 3)).astype(np.float32)
    kernel = tf.constant(random.standard_normal((3, 4, 3, 2)).astype(np.float32))
    for stride, dilation in ((1, 1), (2, 1), (3, 1), (1, 2)):
        same = tf.function(
            lambda y, s=stride, d=dilation: tf.nn.conv2d(y, kernel, s, "SAME", dilations=d)
        )
        graph = capture(same, [x]).graph
        node = next(each for each in graph.nodes if each.op == "Conv2D")
        found = attributes_of(node, "convolution")
        assert not found.auto_pad
        pads = [[0, 0], *map(list, zip(found.pads_begin, found.pads_end, strict=True)), [0, 0]]
        written = tf.nn.conv2d(x, kernel, stride, pads, dilations=dilation)
        assert np.array_equal(same(x), written)


def test_values_are_shown_one_at_a_time_and_what_is_raised_comes_out(kit):
    from eightbit.tensorflow.capture import capture
    from eightbit.tensorflow.watching import Watcher

    (sample,) = images(1)
    graph = capture(convolutions(kit), [sample]).graph
    watched = [node.output for node in graph.nodes if node.op in ("Placeholder", "Relu6", "MatMul")]
    watcher, seen = Watcher(graph), {}
    watcher.run([tf.constant(sample)], watched, seen.__setitem__)
    assert list(seen) == watched and np.array_equal(seen[watched[0]], sample)
    assert [array.ndim for array in seen.values()] == [4, 4, 4, 2]

    def refuse(output, array):
        raise eb.DataError(f"'{output.name}' is refused")

    with pytest.raises(eb.DataError, match="'image' is refused"):
        watcher.run([tf.constant(sample)], watched, refuse)
