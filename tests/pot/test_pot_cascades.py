"""Models that engines of the user's own run, part by part, in the ways that such engines were written for POT."""

import logging

import eightbit as eb
import numpy as np
import openvino as ov
import pytest
from eightbit.pot import IEEngine, create_pipeline, load_model
from eightbit.pot.graph.model_utils import get_nodes_by_type
from small_cascade import (
    CROP,
    PARTS,
    CascadeEngine,
    Pictures,
    Verdicts,
    finder,
    judge,
    judged,
    picture,
)
from small_models import sqnr


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


def test_no_end_is_foretold_of_what_users_run(config, caplog):
    with caplog.at_level(logging.INFO, "eightbit"):
        quantized(config, engine_of())
    assert "inferences" in caplog.text and "to go" not in caplog.text


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
