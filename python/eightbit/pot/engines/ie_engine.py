"""OpenVINO as the engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from eightbit.errors import Unsupported
from eightbit.pot.api import DataLoader, Engine, Metric
from eightbit.pot.graph.compressed_model import CompressedModel
from eightbit.pot.items import Inputs, Item, is_old_order, read_item
from eightbit.pot.samplers import BatchSampler
from eightbit.pot.utils.logger import get_logger

_log = get_logger(__name__)


class IEEngine(Engine):
    """Runs an openvino.Model. config: `device`, CPU where it is missing; other keys are the user's."""

    items_are_data = False  # an item as a whole is the model's input

    def __init__(
        self, config: Any, data_loader: DataLoader | None = None, metric: Metric | None = None
    ):
        super().__init__(config, data_loader, metric)
        self._nx_model: CompressedModel | None = None
        self._compiled: Any = None
        self._inputs: Inputs | None = None
        self._old_order: bool | None = None

    @property
    def device(self) -> str:
        return self.config.get("device") or "CPU"

    def set_model(self, model: CompressedModel) -> None:
        """Raises Unsupported for a cascade, which only an engine of the user's own can run."""
        if model.is_cascade:
            raise Unsupported(
                "[pot] Cascade models are not supported in current engine: how its parts are fed is code of your own. Run it "
                "under eightbit.observe(...), one observer a part."
            )
        self._nx_model = model
        self._inputs = Inputs(model.only_model)
        self._compiled = None

    def use_compiled(self, model: CompressedModel, compiled: Any) -> None:
        """Runs `compiled`, which was made of `model`."""
        self.set_model(model)
        self._compiled = compiled

    def items(self, indices: Iterable[int]) -> Iterator[Item]:
        """Raises DataError for an item in another form than the first."""
        for index in indices:
            item = self.data_loader[index]
            if self._old_order is None:
                names = self._inputs.names if self._inputs else set()
                self._old_order = is_old_order(item, names)
            yield read_item(item, index, self._old_order, self.items_are_data)

    def inputs_of(self, item: Item, index: int) -> dict[str, np.ndarray]:
        """What the model is given of an item."""
        return self._inputs.fed(item.data, index)

    def predict(
        self,
        stats_layout: Any = None,
        sampler: Any = None,
        stat_aliases: Any = None,
        metric_per_sample: bool = False,
        print_progress: bool = False,
    ) -> tuple[Any, dict[Any, dict[str, list[Any]]]]:
        """(metrics, statistics) over the sampler, or over the whole loader.

        stats_layout: {node name, or (node name, output port): {statistic: function of an array}}.
        metrics: None without a metric; {name: number}; with metric_per_sample ([{"sample_id", "metric_name", "result"}, ...],
        {name: number}).
        """
        if self._nx_model is None:
            raise RuntimeError("Model was not set in Engine class. Call set_model first.")
        collected = _Statistics(self._nx_model.only_model, stats_layout or {})
        compiled = self._compiled_for(collected)
        sampler = sampler or BatchSampler(self.data_loader)
        rows, used = [], 0
        for indices in _batches(sampler):
            batch = list(self.items(indices))
            for index, item in zip(indices, batch, strict=True):
                results = compiled(self.inputs_of(item, index))
                collected.add(results)
                used += self._measure(results, item, metric_per_sample, rows)
        metrics = self._finished(used, rows, metric_per_sample)
        return metrics, collected.values

    def _compiled_for(self, statistics: _Statistics) -> Any:
        if statistics.model is not None:
            return _compile(statistics.model, self.device)
        if self._compiled is None:
            self._compiled = _compile(self._nx_model.only_model, self.device)
        return self._compiled

    def _measure(self, results: Any, item: Item, per_sample: bool, rows: list) -> int:
        if self._metric is None or item.annotation is None:
            return 0
        own = self._nx_model.only_model.outputs
        outputs = {_name_of(port): results[at] for at, port in enumerate(own)}
        self._metric.update(self.postprocess_output(outputs, item.metadata), [item.annotation])
        if per_sample:
            for name, values in self._metric.value.items():
                rows += [
                    {
                        "sample_id": item.sample_id,
                        "metric_name": name,
                        "result": float(np.nanmean(value)),
                    }
                    for value in values
                ]
        return 1

    def _finished(self, used: int, rows: list, per_sample: bool) -> Any:
        if self._metric is None:
            return None
        if used == 0:
            raise RuntimeError(
                "[pot] no item has an annotation, so there is nothing to measure. Return (data, annotation) from the loader."
            )
        metrics = dict(self._metric.avg_value)
        self._metric.reset()
        return (rows, metrics) if per_sample else metrics

    @staticmethod
    def postprocess_output(outputs: dict[str, np.ndarray], metadata: Any) -> Any:
        """What the metric is given of the model's outputs, {name: array}: all of them in order."""
        return list(outputs.values())


class _Statistics:
    """Values of nodes, reduced by functions of the user's."""

    def __init__(self, model: Any, layout: dict[Any, dict[str, Callable]]):
        self.model = None
        self.values: dict[Any, dict[str, list[Any]]] = {
            key: {name: [] for name in functions} for key, functions in layout.items()
        }
        self._layout = layout
        self._first = len(model.outputs)
        if layout:
            self.model = model.clone()
            self.model.add_outputs([key if isinstance(key, tuple) else (key, 0) for key in layout])

    def add(self, results: Any) -> None:
        for at, (key, functions) in enumerate(self._layout.items(), self._first):
            for name, function in functions.items():
                self.values[key][name].append(function(results[at]))


def _compile(model: Any, device: str) -> Any:
    import openvino

    return openvino.compile_model(model, device, {"INFERENCE_PRECISION_HINT": "f32"})


def _batches(sampler: Any) -> Iterator[list[int]]:
    if hasattr(sampler, "batches"):
        return sampler.batches()
    return ([index] for index in sampler)


def _name_of(port: Any) -> str:
    """Of an output: the tensor's, where it has one; else that of the node that makes it."""
    result = port.node
    names = sorted(port.names - {result.friendly_name})
    return names[0] if names else result.input_value(0).node.friendly_name
