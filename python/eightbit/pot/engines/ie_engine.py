"""OpenVINO as the engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from eightbit.errors import DataError, Unsupported
from eightbit.pot.api import DataLoader, Engine, Metric
from eightbit.pot.engines.statistics import (
    StatisticGraphBuilder,
    StatsLayout,
    add_tensor_names,
    append_stats,
    part_name,
    process_accumulated_stats,
    text_of,
)
from eightbit.pot.graph.compressed_model import CompressedModel
from eightbit.pot.items import Inputs, Item, is_old_order, read_item
from eightbit.pot.samplers import BatchSampler
from eightbit.pot.utils.logger import get_logger

_log = get_logger(__name__)

# Who has one of these of their own runs models their own way: what they feed is what is measured.
_RUNNING = ("predict", "_predict", "_process_dataset")


class IEEngine(Engine):
    """Runs an openvino.Model. config: `device`, CPU where it is missing; other keys are the user's.

    Engines that users derive may use and override what begins with one underscore. `_model`: what runs, an openvino.Model, or
    what the user's set_model made of `_set_model`; `_nx_model`: the CompressedModel behind it; `_ie`: the openvino.Core that
    compiles it, and by which the parts of a cascade are measured.
    """

    items_are_data = False  # an item as a whole is the model's input

    def __init__(
        self, config: Any, data_loader: DataLoader | None = None, metric: Metric | None = None
    ):
        super().__init__(config, data_loader, metric)
        from eightbit.pot.engines.observed import Core

        self._ie = Core()
        self._device = self.config.get("device") or "CPU"
        self._model: Any = None
        self._nx_model: CompressedModel | None = None
        self._output_layers: Any = None
        self._statistic_graph_builder = StatisticGraphBuilder()
        self._accumulated_layer_stats: dict[str, dict[Any, list]] = {}
        self._per_sample_metrics: list[dict[str, Any]] = []
        self._measured = False  # whether the metric has something to tell
        self._compiled: Any = None
        self._old_order: bool | None = None

    @property
    def runs_its_own_way(self) -> bool:
        return any(getattr(type(self), name) is not getattr(IEEngine, name) for name in _RUNNING)

    def set_model(self, model: CompressedModel) -> None:
        """Raises Unsupported for a cascade, which only an engine of the user's own can run."""
        if model.is_cascade:
            raise Unsupported(
                "[pot] Cascade models are not supported in current engine: how its parts are fed is code of your own. Derive an "
                "engine whose predict() runs them, or run them under eightbit.observe(...), one observer a part."
            )
        self._model = self._set_model(model)[0]["model"]
        self._output_layers = [_name_of(port) for port in model.only_model.outputs]
        self._compiled = None

    def _set_model(self, model: CompressedModel) -> list[dict[str, Any]]:
        """What runs of each part: a dict of `model`, an openvino.Model that is the engine's own, and in a cascade `name`."""
        self._nx_model = model
        parts = []
        for part in model.models:
            own = self._ie.part(part["model"], part_name(part))
            own.friendly_name = part_name(part)
            parts.append({**part, "model": own})
        return parts

    def use_compiled(self, model: CompressedModel, compiled: Any) -> None:
        """Runs `compiled`, which was made of `model`."""
        self.set_model(model)
        self._compiled = compiled

    @contextmanager
    def observing(self, parts: Mapping[str, Any]) -> Iterator[None]:
        """Parts that `_ie` compiles meanwhile are run by their observers."""
        with self._ie.observing(parts):
            yield

    def items(self, indices: Iterable[int]) -> Iterator[Item]:
        """Raises DataError for an item in another form than the first."""
        for index in indices:
            yield self._read(self.data_loader[index], index)

    def inputs_of(self, item: Item, index: int) -> dict[str, np.ndarray]:
        """What the model is given of an item. Raises DataError, which names the item."""
        try:
            return self._fill_input(self._model, [item.data])
        except DataError as error:
            raise DataError(f"[pot] item {index}: {str(error).removeprefix('[pot] ')}") from None

    def predict(
        self,
        stats_layout: StatsLayout | None = None,
        sampler: Any = None,
        stat_aliases: Any = None,
        metric_per_sample: bool = False,
        print_progress: bool = False,
    ) -> tuple[Any, dict[Any, dict[Any, list[Any]]]]:
        """(metrics, statistics) over the sampler, or over the whole loader.

        stats_layout: {node name, or (node name, output port): {statistic: function of an array}}.
        metrics: None without a metric; {name: number}; with metric_per_sample ([{"sample_id", "metric_name", "result"}, ...],
        {name: number}).
        """
        if self._nx_model is None:
            raise RuntimeError("Model was not set in Engine class. Call set_model first.")
        plain, aliases = self._nx_model, None
        if stats_layout:
            _, names, _ = self._statistic_graph_builder.insert_statistic(
                plain, stats_layout, stat_aliases
            )
            self.set_model(plain)
            wanted = names[self._model.friendly_name]
            add_tensor_names(self._add_outputs(list(wanted.values())), wanted)
            stats_layout, aliases = self._convert_stats_names(stats_layout)
        sampler = sampler or BatchSampler(self.data_loader)
        self._predict(stats_layout, sampler, print_progress, metric_per_sample)
        statistics = process_accumulated_stats(self._accumulated_layer_stats, aliases)
        metrics = self._finished(metric_per_sample)
        if stats_layout:
            self.set_model(plain)
        return metrics, statistics

    def _predict(
        self,
        stats_layout: StatsLayout | None,
        sampler: Any,
        print_progress: bool = False,
        need_metrics_per_sample: bool = False,
    ) -> None:
        self._process_dataset(stats_layout, sampler, print_progress, need_metrics_per_sample)

    def _process_dataset(
        self,
        stats_layout: StatsLayout | None,
        sampler: Any,
        print_progress: bool = False,
        need_metrics_per_sample: bool = False,
    ) -> None:
        if self._compiled is None or stats_layout:
            self._compiled = self._ie.compile_model(
                self._model, self._device, {"INFERENCE_PRECISION_HINT": "f32"}
            )
        for indices in _batches(sampler):
            for index, item in zip(indices, self.items(indices), strict=True):
                self._process_infer_output(
                    stats_layout,
                    self._compiled(self.inputs_of(item, index)),
                    [(item.sample_id, item.annotation)],
                    [{} if item.metadata is None else item.metadata],
                    need_metrics_per_sample,
                )

    def _process_infer_output(
        self,
        stats_layout: StatsLayout | None,
        predictions: Any,
        batch_annotations: list[tuple[Any, Any]],
        batch_meta: list[Any],
        need_metrics_per_sample: bool,
    ) -> None:
        """What follows an inference. predictions: by port, or by index of the model's own outputs."""
        if stats_layout:
            self._collect_statistics(predictions, stats_layout, batch_annotations)
        if self._metric is None:
            return
        outputs = {name: predictions[at] for at, name in enumerate(self._output_layers)}
        logits = self.postprocess_output(outputs, batch_meta)
        self._update_metrics(logits, batch_annotations, need_metrics_per_sample)

    def _collect_statistics(
        self, outputs: Any, stats_layout: StatsLayout, annotations: Any = None
    ) -> None:
        """outputs: the results of an inference by port; of a batch a list of them."""
        sample_id = annotations[0][0] if annotations else 0
        append_stats(self._accumulated_layer_stats, stats_layout, outputs, sample_id)

    def _update_metrics(
        self,
        output: Any,
        annotations: list[tuple[Any, Any]],
        need_metrics_per_sample: bool = False,
    ) -> None:
        """annotations: (sample id, annotation) of the batch; one that is None leaves the metric alone."""
        values = [annotation for _, annotation in annotations]
        if self._metric is None or any(value is None for value in values):
            return
        self._metric.update(output, values)
        self._measured = True
        if need_metrics_per_sample:
            for name, measured in self._metric.value.items():
                self._per_sample_metrics += [
                    {"sample_id": sample_id, "metric_name": name, "result": float(np.nanmean(one))}
                    for (sample_id, _), one in zip(annotations, measured, strict=True)
                ]

    def _finished(self, per_sample: bool) -> Any:
        if self._metric is None:
            self._reset()
            return None
        if not self._measured:
            self._reset()
            raise RuntimeError(
                "[pot] no item has an annotation, so there is nothing to measure. Return (data, annotation) from the loader."
            )
        metrics, rows = dict(self._metric.avg_value), self._per_sample_metrics
        self._reset()
        return (rows, metrics) if per_sample else metrics

    def _reset(self) -> None:
        """Forgets what was measured."""
        if self._metric is not None:
            self._metric.reset()
        self._per_sample_metrics = []
        self._accumulated_layer_stats = {}
        self._measured = False

    def _read(self, item: Any, index: Any) -> Item:
        if self._old_order is None:
            names = set() if self._nx_model is None else Inputs(self._nx_model.only_model).names
            self._old_order = is_old_order(item, names)
        return read_item(item, index, self._old_order, self.items_are_data)

    def _process_batch(self, batch: Any) -> tuple[list[tuple[Any, Any]], list[Any], list[Any]]:
        """(annotations [(sample id, annotation)], data, metadata) of a list of items, as a sampler yields them."""
        numbers = getattr(batch, "indices", range(len(batch)))
        items = [self._read(item, index) for index, item in zip(numbers, batch, strict=True)]
        return (
            [(item.sample_id, item.annotation) for item in items],
            [item.data for item in items],
            [{} if item.metadata is None else item.metadata for item in items],
        )

    def _fill_input(self, model: Any, image_batch: Any) -> dict[str, np.ndarray]:
        """What `model` (an openvino.Model or CompiledModel) is given, by names of inputs. image_batch: the data of items, or an
        array that is a batch already."""
        inputs = Inputs(model)
        if isinstance(image_batch, np.ndarray):
            return inputs.fed(image_batch)
        fed = [inputs.fed(data) for data in image_batch]
        if len(fed) == 1:
            return fed[0]
        return {name: np.concatenate([one[name] for one in fed]) for name in fed[0]}

    def _add_outputs(self, nodes_name: Any) -> list[Any]:
        """nodes_name: (node name, port)."""
        return self._model.add_outputs(nodes_name)

    @staticmethod
    def _convert_stats_names(stats_layout: StatsLayout) -> tuple[StatsLayout, dict[str, Any]]:
        """A layout whose keys are texts, and what they were before."""
        return (
            {text_of(key): functions for key, functions in stats_layout.items()},
            {text_of(key): key for key in stats_layout},
        )

    @staticmethod
    def _print_inference_progress(
        log_fn: Any, current_id: int, total: int, start_time: float, finish_time: float
    ) -> bool:
        """Logs every tenth of a dataset; whether it did."""
        if (current_id + 1) % max(-(-total // 10), 1):
            return False
        log_fn("%d of %d batches in %.2f s", current_id + 1, total, finish_time - start_time)
        return True

    @staticmethod
    def postprocess_output(outputs: dict[str, np.ndarray], metadata: Any) -> Any:
        """What the metric is given of the model's outputs, {name: array}: all of them in order. metadata: a list, one a
        sample."""
        return list(outputs.values())


def _batches(sampler: Any) -> Iterator[list[int]]:
    if hasattr(sampler, "batches"):
        return sampler.batches()
    return ([index] for index in sampler)


def _name_of(port: Any) -> str:
    """Of an output: the tensor's, where it has one; else that of the node that makes it."""
    result = port.node
    names = sorted(port.names - {result.friendly_name})
    return names[0] if names else result.input_value(0).node.friendly_name
