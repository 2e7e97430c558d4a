"""Scripts written for the Post-training Optimization Tool, with the import changed."""

import copy
import json
import logging
import subprocess
import sys
from pathlib import Path

import cv2 as cv
import eightbit as eb
import numpy as np
import openvino as ov
import pytest
from eightbit.pot import (
    DataLoader,
    IEEngine,
    Metric,
    SimplifiedEngine,
    compress_model_weights,
    create_pipeline,
    load_model,
    save_model,
)
from eightbit.pot.graph.model_utils import get_node_by_name, get_nodes_by_type
from eightbit.pot.samplers.batch_sampler import BatchSampler
from openvino import opset13 as ops
from small_models import sqnr, weights

SIZE, CLASSES = 16, 4


def classifier() -> ov.Model:
    x = ops.parameter([1, 3, SIZE, SIZE], np.float32, name="image")
    x.output(0).set_names({"pixels"})
    h = ops.relu(ops.convolution(x, weights(8, 3, 3, 3), [2, 2], [1, 1], [1, 1], [1, 1]))
    h.set_friendly_name("first")
    h = ops.relu(ops.convolution(h, weights(16, 8, 3, 3, seed=1), [2, 2], [1, 1], [1, 1], [1, 1]))
    scores = ops.matmul(
        ops.reduce_mean(h, ops.constant(np.array([2, 3])), False),
        weights(16, CLASSES, seed=2),
        False,
        False,
    )
    scores.set_friendly_name("scores")
    return ov.Model([ops.result(scores)], [x], "classifier")


def pictures(count: int, seed=5) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.standard_normal((count, 3, SIZE, SIZE)).astype(np.float32)


@pytest.fixture
def model_config(tmp_path):
    ov.save_model(classifier(), tmp_path / "net.xml", compress_to_fp16=False)
    return {
        "model_name": "net",
        "model": str(tmp_path / "net.xml"),
        "weights": tmp_path / "net.bin",
    }


class Pictures(DataLoader):
    """Does not call super().__init__, as many do not."""

    def __init__(self, form, count=40):
        self._form, self._pictures = form, pictures(count)
        compiled = ov.compile_model(classifier(), "CPU")
        self.labels = [int(compiled(x[None])[0].argmax()) for x in self._pictures]

    def __len__(self):
        return len(self._pictures)

    def __getitem__(self, index):
        if index >= len(self):
            raise IndexError("Index out of dataset size")
        return self._form(self._pictures[index], self.labels[index], index)


FORMS = {
    "new": lambda x, label, i: (x[None], label),
    "without batch axis": lambda x, label, i: (x, label),
    "without annotation": lambda x, label, i: (x, None),
    "metadata": lambda x, label, i: (x, label, {"i": i}),
    "by friendly name": lambda x, label, i: ({"image": x}, label),
    "by tensor name": lambda x, label, i: ({"pixels": x}, label),
    "old": lambda x, label, i: ((i, label), x),
    "old, metadata": lambda x, label, i: (("id", label), x, {"i": i}),
    "older": lambda x, label, i: ({i: label}, x),
    "annotation is a tuple": lambda x, label, i: (x, (label, (SIZE, SIZE))),
}


def quantized(model_config, loader, params=None, metric=None, name="DefaultQuantization", **config):
    model = load_model(model_config=model_config)
    engine = IEEngine(config={"device": "CPU", **config}, data_loader=loader, metric=metric)
    pipeline = create_pipeline(
        [{"name": name, "params": {"target_device": "ANY", **(params or {})}}], engine
    )
    return pipeline.run(model=model), pipeline, model


def outputs(model, data):
    compiled = ov.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.concatenate([compiled(x[None])[0] for x in data])


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_item_gives_the_model_that_quantize_gives(form, model_config):
    loader = Pictures(FORMS[form])
    result, _, model = quantized(model_config, loader, {"stat_subset_size": 30})
    expected = eb.quantize(
        model.only_model,
        eb.Dataset([x[None] for x in pictures(40)[:30]]),
        subset_size=30,
    )
    unseen = pictures(20, seed=9)
    np.testing.assert_array_equal(outputs(result.only_model, unseen), outputs(expected, unseen))
    assert sqnr(outputs(model.only_model, unseen), outputs(result.only_model, unseen)) > 25
    assert not get_nodes_by_type(model, ["FakeQuantize"]), (
        "the model that was passed in has changed"
    )


def test_the_page_of_the_manual(tmp_path, monkeypatch):
    """Its loader of pictures and its script, with another size and the import changed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pictures").mkdir()
    for i, picture in enumerate(pictures(12)):
        cv.imwrite(
            str(tmp_path / "pictures" / f"{i}.png"),
            (60 * picture.transpose(1, 2, 0) + 128).clip(0, 255).astype(np.uint8),
        )
    (tmp_path / "pictures" / "readme.txt").write_text("no picture")
    ov.save_model(classifier(), tmp_path / "model.xml")

    class ImageLoader(DataLoader):
        def __init__(self, dataset_path):
            files = [
                Path(dataset_path) / name
                for name in sorted(p.name for p in Path(dataset_path).iterdir())
            ]
            self._files = [str(file) for file in files if cv.haveImageReader(str(file))]
            self._shape = (SIZE, SIZE)

        def __len__(self):
            return len(self._files)

        def __getitem__(self, index):
            if index >= len(self):
                raise IndexError("Index out of dataset size")
            image = cv.resize(cv.imread(self._files[index]), self._shape)
            return np.expand_dims(image, 0).transpose(0, 3, 1, 2), None

    algorithms = [
        {"name": "DefaultQuantization", "params": {"target_device": "ANY", "stat_subset_size": 300}}
    ]
    data_loader = ImageLoader("pictures")
    model = load_model(
        model_config={"model_name": "model", "model": "model.xml", "weights": "model.bin"}
    )
    engine = IEEngine(config={"device": "CPU"}, data_loader=data_loader)
    pipeline = create_pipeline(algorithms, engine)
    compressed_model = pipeline.run(model=model)
    assert compress_model_weights(compressed_model) is None
    paths = save_model(
        model=compressed_model, save_path="optimized_model", model_name="optimized_model"
    )
    assert paths == [
        {
            "model": "optimized_model/optimized_model.xml",
            "weights": "optimized_model/optimized_model.bin",
        }
    ]
    saved = ov.Core().read_model(paths[0]["model"])
    assert sum(op.get_type_name() == "FakeQuantize" for op in saved.get_ops()) >= 3
    assert Path(paths[0]["weights"]).stat().st_size < 0.6 * 4 * sum(
        op.get_output_size() and np.prod(op.shape)
        for op in classifier().get_ops()
        if op.get_type_name() == "Constant"
    )


class Share(Metric):
    """Of labels that are found. Its reset() runs before its fields are there."""

    def __init__(self, direction="higher-better"):
        super().__init__()
        self._direction = direction

    @property
    def value(self):
        return {"share": [self._last]}

    @property
    def avg_value(self):
        return {"share": float(np.mean(self._found))}

    def update(self, output, target):
        assert isinstance(output, list) and isinstance(target, list) and len(target) == 1
        right = float(output[0].argmax() == target[0])
        self._last = right if self._direction == "higher-better" else 1 - right
        self._found.append(self._last)

    def reset(self):
        self._found = []

    def get_attributes(self):
        return {"share": {"direction": self._direction, "type": "accuracy"}}


def test_evaluation():
    loader = Pictures(FORMS["new"])
    loader.labels[0] = (loader.labels[0] + 1) % CLASSES

    class Shouting(IEEngine):
        @staticmethod
        def postprocess_output(outputs, metadata):
            assert list(outputs) == ["scores"]
            return [outputs["scores"]]

    engine = Shouting({"device": "CPU"}, loader, Share())
    from eightbit.pot.graph.compressed_model import CompressedModel

    model = CompressedModel([{"model": classifier()}])
    assert create_pipeline([], engine).evaluate(model) == {"share": pytest.approx(39 / 40)}
    engine.set_model(model)
    (rows, metrics), statistics = engine.predict(
        {("first", 0): {"largest": np.max}},
        BatchSampler(loader, 2, [0, 1, 2]),
        metric_per_sample=True,
    )
    assert [row["result"] for row in rows] == [0, 1, 1] and [row["sample_id"] for row in rows] == [
        0,
        1,
        2,
    ]
    assert metrics == {"share": pytest.approx(2 / 3)}
    assert len(statistics[("first", 0)]["largest"]) == 3


@pytest.mark.parametrize("direction", ["higher-better", "higher-worse"])
@pytest.mark.parametrize("drop_type", ["absolute", "relative"])
def test_accuracy_aware(direction, drop_type, model_config):
    loader = Pictures(FORMS["old"], count=60)
    for i in range(0, 60, 6):
        loader.labels[i] = (loader.labels[i] + 1) % CLASSES
    result, pipeline, model = quantized(
        model_config, loader, {"maximal_drop": 0.02, "drop_type": drop_type, "stat_subset_size": 40},
        Share(direction), "AccuracyAwareQuantization",
    )  # fmt: skip
    before, after = pipeline.evaluate(model)["share"], pipeline.evaluate(result)["share"]
    allowed = 0.02 * (before if drop_type == "relative" else 1)
    assert (before - after) * (1 if direction == "higher-better" else -1) <= allowed + 1e-9
    assert get_nodes_by_type(result, ["FakeQuantize"])


def test_accuracy_aware_without_metric_or_with_another(model_config):
    with pytest.raises(eb.InvalidArgument, match="needs a metric"):
        quantized(model_config, Pictures(FORMS["new"]), {}, None, "AccuracyAwareQuantization")
    with pytest.raises(eb.InvalidArgument, match="no metric 'map'"):
        quantized(
            model_config,
            Pictures(FORMS["new"]),
            {"metrics": [{"name": "map"}]},
            Share(),
            "AccuracyAwareQuantization",
        )


def test_simplified_engine(model_config):
    class Loader(DataLoader):
        def __len__(self):
            return 12

        def __getitem__(self, index):
            return pictures(12)[index]

    engine = SimplifiedEngine({"device": "CPU"}, data_loader=Loader({}))
    pipeline = create_pipeline(
        [{"name": "DefaultQuantization", "params": {"target_device": "CPU"}}], engine
    )
    assert get_nodes_by_type(pipeline.run(load_model(model_config)), ["FakeQuantize"])


def test_a_model_for_gna(model_config, caplog):
    """As POT's sample for speech has it: items are bare dicts, ranges are the largest of all frames."""

    class Frames(DataLoader):
        def __len__(self):
            return 12

        def __getitem__(self, index):
            return {"image": pictures(12)[index]}

    largest = {"range_estimator": {"max": {"aggregator": "max", "type": "abs_max"}}}
    params = {
        "target_device": "GNA", "preset": "accuracy", "stat_subset_size": 10,
        "activations": largest, "outputs": largest,
    }  # fmt: skip
    engine = SimplifiedEngine({"device": "CPU", "stat_requests_number": 1}, data_loader=Frames({}))
    with caplog.at_level(logging.WARNING, "eightbit"):
        pipeline = create_pipeline([{"name": "DefaultQuantization", "params": params}], engine)
        model = load_model(model_config, target_device="GNA")
        result = pipeline.run(model)
    assert "no current runtime has its plug-in" in caplog.text and "params.outputs" in caplog.text
    levels = {
        node.node.get_attributes()["levels"] for node in get_nodes_by_type(result, ["FakeQuantize"])
    }
    assert levels == {65535, 65536}
    unseen = pictures(8, seed=9)
    assert sqnr(outputs(model.only_model, unseen), outputs(result.only_model, unseen)) > 50


PARAMETERS = {
    "preset": ({"preset": "performance"}, {"preset": eb.QuantizationPreset.PERFORMANCE}, {}),
    "transformer": ({"model_type": "transformer"}, {"model_type": eb.ModelType.TRANSFORMER}, {}),
    "careful": ({"use_fast_bias": False}, {"fast_bias_correction": False}, {}),
    "overflow": ({"saturation_fix": "all"}, {}, {"overflow_fix": eb.OverflowFix.ENABLE}),
    "scope": (
        {"ignored": {"scope": ["first"], "operations": [{"type": "MatMul"}]}},
        {"ignored_scope": eb.IgnoredScope(names=["first"], types=["MatMul"], validate=False)},
        {},
    ),
    "per tensor": (
        {"weights": {"granularity": "pertensor", "mode": "symmetric"}},
        {},
        {
            "weights_quantization_params": eb.QuantizationParameters(
                per_channel=False, mode=eb.QuantizationScheme.SYMMETRIC
            )
        },
    ),
    "clipped": (
        {"activations": {"range_estimator": {"max": {"clipping_value": 0.5}}}},
        {},
        {
            "activations_range_estimator_params": eb.RangeEstimatorParameters(
                min=eb.StatisticsCollectorParameters(aggregator_type=eb.AggregatorType.HISTOGRAM),
                max=eb.StatisticsCollectorParameters(
                    aggregator_type=eb.AggregatorType.HISTOGRAM, clipping_value=0.5
                ),
            )
        },
    ),
    "quantile": (
        {
            "activations": {
                "range_estimator": {
                    "max": {"type": "quantile", "outlier_prob": 1e-2, "aggregator": "max"}
                }
            }
        },
        {},
        {
            "activations_range_estimator_params": eb.RangeEstimatorParameters(
                max=eb.StatisticsCollectorParameters(
                    eb.StatisticsType.QUANTILE, eb.AggregatorType.MAX, quantile_outlier_prob=1e-2
                )
            )
        },
    ),
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_are_options_of_quantize(name, model_config):
    params, keywords, advanced = PARAMETERS[name]
    result, _, model = quantized(model_config, Pictures(FORMS["new"]), params)
    expected = eb.quantize(
        model.only_model,
        eb.Dataset([x[None] for x in pictures(40)]),
        subset_size=40,
        advanced_parameters=eb.AdvancedQuantizationParameters(**advanced),
        **keywords,
    )
    unseen = pictures(8, seed=9)
    np.testing.assert_array_equal(outputs(result.only_model, unseen), outputs(expected, unseen))


def test_the_same_numbers_as_the_tool(model_config):
    """recipe pot: of symmetric activations the mean over samples of the largest magnitude; weights by their largest."""
    loader = Pictures(FORMS["new"])
    result, _, model = quantized(
        model_config, loader, {"recipe": "pot", "preset": "performance", "saturation_fix": "no"}
    )
    node = get_node_by_name(result, "first/fq_output_0").node
    high = node.input_value(2).node.data.max()
    tapped = model.only_model.clone()
    tapped.add_outputs([("first", 0)])
    compiled = ov.compile_model(tapped, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    largest = [compiled(x[None])[1].max() for x in pictures(40)]
    assert high == pytest.approx(
        np.mean(largest), rel=0.1
    )  # channel alignment moves what it stands for
    assert get_nodes_by_type(result, ["FakeQuantize"])


def test_steps_by_their_own_names(model_config):
    engine = IEEngine({}, Pictures(FORMS["new"]))
    steps = [
        {"name": "ActivationChannelAlignment"},
        {"name": "MinMaxQuantization"},
        {"name": "FastBiasCorrection"},
    ]
    unseen = pictures(8, seed=9)

    def by(algorithms):
        found = create_pipeline(algorithms, engine).run(load_model(model_config))
        return outputs(found.only_model, unseen)

    whole = by([{"name": "DefaultQuantization"}])
    np.testing.assert_array_equal(by(steps[1:]), whole)
    assert not np.array_equal(by(steps[1:2]), whole)


REFUSED = [
    ({"name": "MagnitudeSparsity"}, eb.Unsupported, "needs training"),
    ({"name": "DataFreeQuantization"}, eb.Unsupported, "DefaultQuantization"),
    ({"name": "Quantization"}, KeyError, "QuantizationAlgos has no 'Quantization'"),
    ({"name": "FastBiasCorrection"}, eb.Unsupported, "MinMaxQuantization"),
    (
        {"name": "DefaultQuantization", "params": {"target_device": "VPU"}},
        eb.Unsupported,
        "plug-in",
    ),
    (
        {"name": "DefaultQuantization", "params": {"target_device": "TPU"}},
        eb.InvalidArgument,
        "one of: ANY",
    ),
    (
        {"name": "DefaultQuantization", "params": {"preset": "fast"}},
        eb.InvalidArgument,
        "mixed, performance",
    ),
    (
        {"name": "DefaultQuantization", "params": {"use_layerwise_tuning": True}},
        eb.Unsupported,
        "use_fast_bias",
    ),
    (
        {"name": "DefaultQuantization", "params": {"weights": {"level_low": -3}}},
        eb.Unsupported,
        "level_low",
    ),
]


@pytest.mark.parametrize("entry,kind,words", REFUSED, ids=[str(row[0]) for row in REFUSED])
def test_what_is_refused_is_refused_before_data_are_read(entry, kind, words):
    class Nothing(DataLoader):
        def __init__(self):
            pass

        def __len__(self):
            return 5

        def __getitem__(self, index):
            raise AssertionError("data were read")

    with pytest.raises(kind, match=words):
        create_pipeline([entry], IEEngine({}, Nothing()))


def test_unknown_parameters_are_told_with_the_nearest(model_config, caplog):
    with caplog.at_level(logging.WARNING, "eightbit"):
        create_pipeline(
            [
                {
                    "name": "DefaultQuantization",
                    "params": {"presett": "mixed"},
                    "stat_subset_size": 300,
                }
            ],
            IEEngine({}, Pictures(FORMS["new"])),
        )
    assert "algorithms[0].params.presett: there is no such key. Did you mean preset?" in caplog.text
    assert "'stat_subset_size' stands beside 'params'" in caplog.text


BAD_ITEMS = {
    "channels last": (lambda x, label, i: (x.transpose(1, 2, 0), label), "looks like channels"),
    "another name": (lambda x, label, i: ({"picture": x}, label), "input 'picture'"),
    "one form, then another": (
        lambda x, label, i: ((i, label), x) if i == 0 else (x, label),
        "item 1",
    ),
    "a tuple of four": (lambda x, label, i: (x, label, None, None), "a tuple of 4"),
}


@pytest.mark.parametrize("name", BAD_ITEMS)
def test_bad_items_are_named(name, model_config):
    form, words = BAD_ITEMS[name]
    with pytest.raises(eb.DataError, match=words):
        quantized(model_config, Pictures(form))


def test_bad_files(tmp_path, model_config):
    with pytest.raises(RuntimeError, match="'weights' is not there"):
        load_model({**model_config, "weights": tmp_path / "other.bin"})
    with pytest.raises(RuntimeError, match="no 'model'"):
        load_model({"model_name": "x"})
    with pytest.raises(RuntimeError, match="Empty data loader"):
        quantized(model_config, Pictures(FORMS["new"], count=0))


def test_cascades_are_parts_with_names(model_config, tmp_path):
    cascade = load_model({"cascade": [{"name": part, **model_config} for part in ("p", "r")]})
    assert cascade.is_cascade and get_node_by_name(cascade, "r_first").name == "first"
    assert [part["name"] for part in copy.deepcopy(cascade).models] == ["p", "r"]
    with pytest.raises(RuntimeError, match="2 nodes have the name 'first'"):
        get_node_by_name(cascade, "first")
    paths = save_model(cascade, str(tmp_path / "out"), "net")
    assert [path["name"] for path in paths] == ["p", "r"] and Path(
        paths[1]["model"]
    ).name == "net_r.xml"
    with pytest.raises(eb.Unsupported, match="eightbit.observe"):
        create_pipeline(
            [{"name": "DefaultQuantization"}], IEEngine({}, Pictures(FORMS["new"]))
        ).run(cascade)


def test_a_script_runs_unchanged_with_the_alias(model_config, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(f"""
import eightbit.pot
eightbit.pot.install_alias()
import numpy as np
from openvino.tools.pot.api import DataLoader, Metric
from openvino.tools.pot.engines.ie_engine import IEEngine
from openvino.tools.pot.graph import load_model, save_model
from openvino.tools.pot.graph.model_utils import compress_model_weights
from openvino.tools.pot.pipeline.initializer import create_pipeline
from openvino.tools.pot.data_loaders.image_loader import ImageLoader
from openvino.tools.pot.engines.utils import append_stats
from openvino.tools.pot.graph.model_utils import add_outputs
from openvino.tools.pot.samplers.batch_sampler import BatchSampler
from openvino.tools.pot.utils.logger import init_logger
import openvino.tools.pot as pot

class Loader(pot.DataLoader):
    def __len__(self):
        return 10
    def __getitem__(self, index):
        return np.full((1, 3, {SIZE}, {SIZE}), index, np.float32), None

init_logger(level="INFO")
model = load_model({json.dumps({key: str(value) for key, value in model_config.items()})})
engine = IEEngine(config={{"device": "CPU"}}, data_loader=Loader({{}}))
pipeline = create_pipeline([{{"name": "DefaultQuantization", "params": {{"target_device": "ANY"}}}}], engine)
quantized = pipeline.run(model)
compress_model_weights(quantized)
print(save_model(quantized, {str(tmp_path / "out")!r})[0]["model"])
""")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].endswith("out/classifier.xml")
    assert "INFO:" in done.stdout
