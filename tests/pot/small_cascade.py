"""A cascade of two small networks, an engine that runs it, and what makes the engine for a configuration file."""

import copy
import logging
import os
import time
from functools import partial
from pathlib import Path

import numpy as np
import openvino as ov
from eightbit.pot import DataLoader, IEEngine, Metric, create_pipeline, load_model
from eightbit.pot.engines.utils import (
    add_tensor_names,
    align_stat_names_with_results,
    collect_model_outputs,
    process_accumulated_stats,
    restore_original_node_names,
)
from eightbit.pot.graph.model_utils import add_outputs
from eightbit.pot.samplers.batch_sampler import BatchSampler
from openvino import opset13 as ops
from small_models import weights

PARTS = ("finder", "judge")
CROP = 12


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
    engine = kind(config={"device": "CPU"}, data_loader=Pictures(count), metric=recorder)
    create_pipeline([], engine).evaluate(load_model(config))
    return kind(config={"device": "CPU"}, data_loader=Judged(recorder.all), metric=Near())


def engine_of(config):
    """config: `model`, the section of the same name, and `count` of pictures."""
    return judged(config.model, count=config.count)


def unjudged(config):
    return CompiledOnce(config, Pictures(config.count))


def stumbles(config):
    raise ValueError(f"no such face: {config.count}")


def waits(config):
    Path(config.sign).write_text(str(os.getpid()))
    time.sleep(60)


def no_engine(config):
    return config
