"""Models that engines of the user's own run, part by part, in the ways that such engines were written for POT."""

import copy
import logging
from functools import partial

import eightbit as eb
import numpy as np
import openvino as ov
import pytest
from eightbit.pot import DataLoader, IEEngine, Metric, create_pipeline, load_model
from eightbit.pot.engines.utils import (
    add_tensor_names,
    align_stat_names_with_results,
    collect_model_outputs,
    process_accumulated_stats,
    restore_original_node_names,
)
from eightbit.pot.graph.model_utils import add_outputs, get_nodes_by_type
from eightbit.pot.samplers.batch_sampler import BatchSampler
from openvino import opset13 as ops
from small_models import sqnr

PARTS = ("finder", "judge")
CROP = 12


def weights(*shape, seed=0):
    random = np.random.default_rng(seed)
    return ops.constant(
        (1.4 * random.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)
    )


def finder() -> ov.Model:
    """A score for each place of a picture of any size; as shipped, of 16x16."""
    x = ops.parameter([1, 3, 16, 16], np.float32, name="image")
    h = ops.convolution(x, weights(8, 3, 3, 3), [1, 1], [1, 1], [1, 1], [1, 1])
    h.set_friendly_name("conv1")
    h = ops.relu(h)
    h = ops.relu(ops.convolution(h, weights(8, 8, 3, 3, seed=1), [2, 2], [1, 1], [1, 1], [1, 1]))
    h = ops.convolution(h, weights(1, 8, 1, 1, seed=2), [1, 1], [0, 0], [0, 0], [1, 1])
    h.set_friendly_name("score")
    h.output(0).set_names({"prob"})
    return ov.Model([ops.result(h)], [x], "net")


def judge() -> ov.Model:
    """Two numbers for each crop."""
    x = ops.parameter([1, 3, CROP, CROP], np.float32, name="crop")
    h = ops.relu(ops.convolution(x, weights(8, 3, 3, 3, seed=3), [2, 2], [1, 1], [1, 1], [1, 1]))
    h.set_friendly_name("conv1")
    h = ops.reduce_mean(h, ops.constant(np.array([2, 3])), False)
    h = ops.matmul(h, weights(8, 2, seed=4), False, False)
    h.output(0).set_names({"prob", "verdict"})
    return ov.Model([ops.result(h)], [x], "net")


@pytest.fixture
def config(tmp_path):
    for name, model in zip(PARTS, (finder(), judge()), strict=True):
        ov.save_model(model, tmp_path / f"{name}.xml", compress_to_fp16=False)
    return {
        "model_name": "cascade",
        "cascade": [
            {
                "name": name,
                "model": str(tmp_path / f"{name}.xml"),
                "weights": str(tmp_path / f"{name}.bin"),
            }
            for name in PARTS
        ],
    }


def picture(index: int) -> np.ndarray:
    random = np.random.default_rng(index)
    return random.standard_normal((3, int(random.integers(20, 40)), 32))


class Pictures(DataLoader):
    """Whole pictures, which are not what any of the parts takes."""

    def __init__(self, count=20):
        self._count = count

    def __len__(self):
        return self._count

    def __getitem__(self, index):
        return picture(index), [index]


class Verdicts(Metric):
    def __init__(self):
        super().__init__()
        self.seen = []

    @property
    def avg_value(self):
        return {"mean": float(np.mean(self.seen))}

    def update(self, output, target):
        self.seen.append(float(np.sum(output[0])) + 0 * target[0][0])

    def reset(self):
        self.seen = []

    def get_attributes(self):
        return {"mean": {"direction": "higher-better", "type": "mean"}}


class CascadeEngine(IEEngine):
    """Written as those of POT's time: it reshapes and compiles a part for each inference, looks results up by the first name of a
    port, and collects statistics by callbacks."""

    crops_per_picture = 3

    def set_model(self, model):
        self._model = self._set_model(model)
        self._output_layers = {part["name"]: "prob" for part in self._model}

    def _add_outputs(self, nodes_name):
        return add_outputs(self._model, nodes_name)

    def predict(
        self, stats_layout=None, sampler=None, stat_aliases=None,
        metric_per_sample=False, print_progress=False,
    ):  # fmt: skip
        aliases = None
        sampler = sampler or BatchSampler(self.data_loader)
        if stats_layout:
            model, names, results = self._statistic_graph_builder.insert_statistic(
                copy.deepcopy(self._nx_model), stats_layout, stat_aliases
            )
            self.set_model(model)
            keys = [key for found in names.values() for key in found]
            for name, outputs in self._add_outputs(names).items():
                add_tensor_names(outputs, names[name].keys())
            known = [name for part in self._model for name in collect_model_outputs(part["model"])]
            align_stat_names_with_results(known, keys, results, stats_layout, stat_aliases)
            stats_layout, aliases = self._convert_stats_names(stats_layout)
        self._predict(stats_layout, sampler, print_progress, metric_per_sample)
        statistics = process_accumulated_stats(
            stat_names_aliases=aliases, accumulated_stats=self._accumulated_layer_stats
        )
        if stats_layout and stat_aliases:
            restore_original_node_names({}, statistics, stats_layout, stat_aliases)
        metrics = self._metric.avg_value if self._metric else None
        if self._metric and metric_per_sample:
            metrics = (sorted(self._per_sample_metrics, key=lambda row: row["sample_id"]), metrics)
        self._reset()
        return metrics, statistics

    def _predict(self, stats_layout, sampler, print_progress=False, need_metrics_per_sample=False):
        for number, batch in enumerate(sampler):
            annotations, pictures, _ = self._process_batch(batch)
            for one in pictures:
                callback = (
                    partial(self._collect_statistics, stats_layout=stats_layout, annotations=annotations)
                    if stats_layout
                    else None
                )  # fmt: skip
                verdicts = self.chain(one, callback)
                if np.size(verdicts):
                    self._update_metrics([verdicts], annotations, need_metrics_per_sample)
            self._print_inference_progress(logging.debug, number, len(sampler), 0.0, 1.0)

    def chain(self, one, callback):
        scores = []
        for scale in (1, 2):
            data = one[None, :, ::scale, ::scale]
            scores.append(self._found(self._infer(0, data, callback)).max())
        if max(scores) < -100:
            return np.zeros((0, 2))
        places = range(0, 4 * self.crops_per_picture, 4)
        crops = np.stack([one[:, at % 8 :, at:][:, :CROP, :CROP] for at in places])
        return self._found(self._infer(1, crops, callback))

    def _found(self, results):
        return results[[port for port, _ in results.items() if port.any_name == "prob"][0]]

    def _infer(self, at, data, callback):
        network = self._model[at]["model"]
        network.reshape(ov.PartialShape(data.shape))
        filled = self._fill_input(network, data)
        compiled = self._ie.compile_model(model=network, device_name=self.config.device)
        results = compiled.create_infer_request().infer(filled)
        if callback:
            size = len(list(results.values())[0])
            callback(
                results
                if size == 1
                else [{k: v[i : i + 1] for k, v in results.items()} for i in range(size)]
            )
        return results


def engine_of(kind=CascadeEngine, count=20, metric=None):
    return kind(config={"device": "CPU"}, data_loader=Pictures(count), metric=metric)


def quantized(config, engine, params=None):
    pipeline = create_pipeline(
        [{"name": "DefaultQuantization", "params": {"target_device": "ANY", **(params or {})}}],
        engine,
    )
    model = load_model(config)
    return pipeline.run(model), pipeline, model


def test_a_cascade_is_quantized_by_running_it(config, tmp_path):
    engine = engine_of(metric=Verdicts())
    result, pipeline, model = quantized(config, engine)
    assert {name: (part.calls, part.samples) for name, part in pipeline.observed.items()} == {
        "finder": (40, 40),
        "judge": (20, 60),
    }
    for part in ("finder", "judge"):
        fakes = get_nodes_by_type(result, ["FakeQuantize"])
        assert any(node.fullname.startswith(f"{part}_") for node in fakes)
    assert not get_nodes_by_type(model, ["FakeQuantize"])
    before, after = pipeline.evaluate(model)["mean"], pipeline.evaluate(result)["mean"]
    assert before != after and abs(before - after) < 0.05 * abs(before)

    paths = result.save(str(tmp_path / "out"))
    assert [path["name"] for path in paths] == list(PARTS)
    assert [path["model"].rpartition("/")[2] for path in paths] == ["finder.xml", "judge.xml"]
    saved = [ov.Core().read_model(path["model"]) for path in paths]
    assert [list(m.input(0).shape) for m in saved] == [[1, 3, 16, 16], [1, 3, CROP, CROP]]
    unseen = picture(99)[None, :, :16, :16].astype(np.float32)
    run = {"INFERENCE_PRECISION_HINT": "f32"}
    outputs = [ov.compile_model(m, "CPU", run)(unseen)[0] for m in (finder(), saved[0])]
    assert sqnr(*outputs) > 25


def test_what_the_parts_measure_is_what_observers_measure(config):
    """The same inferences under eightbit.observe give the same ranges."""
    result, _, model = quantized(config, engine_of())
    opened = model.models[0]["model"].clone()
    opened.reshape([-1, 3, -1, -1])
    with eb.observe(opened, subset_size=1000) as find:
        for index in range(20):
            for scale in (1, 2):
                find(picture(index)[None, :, ::scale, ::scale].astype(np.float32))
    expected = find.quantize()
    unseen = picture(99)[None, :, :16, :16].astype(np.float32)
    run = {"INFERENCE_PRECISION_HINT": "f32"}
    first, second = (
        ov.compile_model(m, "CPU", run)(unseen)[0] for m in (result.models[0]["model"], expected)
    )
    np.testing.assert_array_equal(first, second)


def test_statistics_of_functions_through_the_engine(config):
    engine = engine_of(count=3)
    engine.set_model(load_model(config))
    layout = {
        "finder_conv1": {"largest": np.max},
        ("judge_conv1", 0): {"shape": np.shape},
        "judge_nothing": {"never": np.max},
    }
    _, statistics = engine.predict(stats_layout=layout)
    assert len(statistics["finder_conv1"]["largest"]) == 6
    assert all(value > 0 for value in statistics["finder_conv1"]["largest"])
    assert statistics[("judge_conv1", 0)]["shape"] == [(1, 8, CROP // 2, CROP // 2)] * 9
    assert statistics["judge_nothing"]["never"] == []


def test_ignored_scopes_of_parts(config):
    params = {"ignored": {"finder": {"scope": ["finder_conv1"]}, "judge": {"skip_model": True}}}
    result, _, _ = quantized(config, engine_of(), params)
    assert not [
        node
        for node in get_nodes_by_type(result, ["FakeQuantize"])
        if node.fullname.startswith("judge_")
    ]
    convolutions = [
        node.node
        for node in get_nodes_by_type(result, ["Convolution"])
        if "finder" in node.fullname
    ]
    read = [op.input_value(0).node.get_type_name() == "FakeQuantize" for op in convolutions]
    assert read[0] is False and all(read[1:])  # conv1 reads the picture as it is
    with pytest.raises(eb.InvalidArgument, match="performance"):
        quantized(config, engine_of(), {"ignored": {"finder": {}}, "preset": "fast"})


class NoCrops(CascadeEngine):
    def chain(self, one, callback):
        return self._found(self._infer(0, one[None], callback)).mean(axis=(2, 3))


def test_a_part_that_is_never_run_stays_in_float(config, caplog):
    with caplog.at_level(logging.WARNING, "eightbit"):
        result, _, _ = quantized(config, engine_of(NoCrops))
    assert "the part 'judge' was never run and stays in float" in caplog.text
    assert {
        node.fullname.partition("_")[0] for node in get_nodes_by_type(result, ["FakeQuantize"])
    } == {"finder"}


class Stumbles(CascadeEngine):
    def chain(self, one, callback):
        if self._ie._observed["judge"].calls == 5:
            raise ValueError("no such face")
        return super().chain(one, callback)


def test_what_was_measured_survives_an_error_of_the_users(config, tmp_path):
    engine = engine_of(Stumbles)
    pipeline = create_pipeline([{"name": "DefaultQuantization"}], engine)
    with pytest.raises(ValueError, match="no such face"):
        pipeline.run(load_model(config))
    pipeline.observed["finder"].statistics().save(tmp_path / "finder.stats")
    assert eb.Statistics.load(tmp_path / "finder.stats").samples == 10
    # and the engine runs as before
    engine.set_model(load_model(config))
    assert isinstance(engine._ie.compile_model(engine._model[0]["model"], "CPU"), ov.CompiledModel)


class Alone(IEEngine):
    """Of a model that is no cascade, run its own way."""

    def _process_dataset(
        self, stats_layout, sampler, print_progress=False, need_metrics_per_sample=False
    ):
        request = self._ie.compile_model(self._model, self._device).create_infer_request()
        for batch in sampler:
            annotations, data, metadata = self._process_batch(batch)
            results = request.infer(self._fill_input(self._model, [data[0][:, :16, :16]]))
            self._process_infer_output(
                stats_layout, results, annotations, metadata, need_metrics_per_sample
            )


def test_one_model_that_is_run_its_own_way(config):
    plain = {"model_name": "net", **{k: config["cascade"][0][k] for k in ("model", "weights")}}
    result, pipeline, model = quantized(plain, engine_of(Alone, metric=Verdicts()))
    assert [part.samples for part in pipeline.observed.values()] == [20]
    assert get_nodes_by_type(result, ["FakeQuantize"])
    assert pipeline.evaluate(result)["mean"] == pytest.approx(
        pipeline.evaluate(model)["mean"], rel=0.1
    )


def test_shapes_that_were_not_known_at_first_are_told(config):
    class Later(CascadeEngine):
        def chain(self, one, callback):
            size = 16 if one is None or self._ie._observed["finder"].calls < 3 else 18
            return self._found(self._infer(0, one[None, :, :size, :size], callback)).mean(
                axis=(2, 3)
            )

    with pytest.raises(eb.DataError, match="the part 'finder' was run as .*dynamic axes"):
        quantized(config, engine_of(Later))


class Near(Verdicts):
    """How near verdicts are to those of the float models, which are the annotations."""

    def update(self, output, target):
        self.seen.append(-float(np.abs(output[0] - target[0]).mean()))


class Judged(Pictures):
    """Pictures, and what the float cascade says of them."""

    def __init__(self, verdicts):
        super().__init__(len(verdicts))
        self._verdicts = verdicts

    def __getitem__(self, index):
        return picture(index), self._verdicts[index]


class Recorder(Verdicts):
    def update(self, output, target):
        self.seen.append(np.asarray(output[0]))

    @property
    def avg_value(self):
        self.all = list(self.seen)
        return {"mean": 0.0}


class CompiledOnce(CascadeEngine):
    """Parts of any size, each compiled once."""

    def set_model(self, model):
        super().set_model(model)
        self._requests = {}

    def _infer(self, at, data, callback):
        if at not in self._requests:
            network = self._model[at]["model"]
            network.reshape([-1, 3, -1, -1])
            exact = {"INFERENCE_PRECISION_HINT": "f32"}
            self._requests[at] = self._ie.compile_model(network, "CPU", exact)
        return self._requests[at](np.asarray(data, np.float32))


def judged(config, kind=CompiledOnce, count=12):
    """An engine whose metric is how near verdicts are to the float ones."""
    recorder = Recorder()
    create_pipeline([], engine_of(kind, count, recorder)).evaluate(load_model(config))
    return kind(config={"device": "CPU"}, data_loader=Judged(recorder.all), metric=Near())


def aware(engine, config, **params):
    entry = {"name": "AccuracyAwareQuantization", "params": params}
    pipeline = create_pipeline([entry], engine)
    model = load_model(config)
    result = pipeline.run(model)
    return result, -pipeline.evaluate(result)["mean"], model


def quantizers_of(model):
    return len(get_nodes_by_type(model, ["FakeQuantize"]))


def test_layers_of_a_cascade_go_back_to_float_until_its_metric_holds(config):
    engine = judged(config)
    whole, lost, model = aware(engine, config, maximal_drop=10.0)
    default, _, _ = quantized(config, judged(config))
    assert quantizers_of(whole) == quantizers_of(default) > 4 and lost > 0
    some, less, _ = aware(engine, config, maximal_drop=lost / 3)
    assert less <= lost / 3 and 0 < quantizers_of(some) < quantizers_of(whole)
    few, least, _ = aware(engine, config, maximal_drop=lost / 30)
    assert least <= lost / 30 and quantizers_of(few) < quantizers_of(some)
    assert not quantizers_of(model)


def test_a_part_that_is_left_out_stays_so_with_accuracy_control(config):
    engine = judged(config)
    ignored = {"ignored": {"finder": {"skip_model": True}}}
    whole, lost, _ = aware(engine, config, maximal_drop=10.0, **ignored)
    some, less, _ = aware(engine, config, maximal_drop=lost / 3, **ignored)
    assert less <= lost / 3 and quantizers_of(some) < quantizers_of(whole)
    named = [node.fullname for node in get_nodes_by_type(some, ["FakeQuantize"])]
    assert named and all(name.startswith("judge_") for name in named)


def test_accuracy_control_of_one_model_that_is_run_its_own_way(config):
    plain = {"model_name": "net", **{k: config["cascade"][0][k] for k in ("model", "weights")}}
    engine = judged(plain, Alone)
    whole, lost, _ = aware(engine, plain, maximal_drop=10.0)
    some, less, _ = aware(engine, plain, maximal_drop=lost / 3)
    assert lost > 0 and less <= lost / 3 and quantizers_of(some) < quantizers_of(whole)


def test_accuracy_control_of_a_cascade_needs_a_metric(config):
    with pytest.raises(eb.InvalidArgument, match="needs a metric"):
        aware(engine_of(), config)
