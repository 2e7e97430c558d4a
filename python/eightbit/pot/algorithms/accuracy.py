"""The metrics of an engine as one number that accuracy control can hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from eightbit.errors import InvalidArgument
from eightbit.pot.api import attributes_of
from eightbit.pot.engines.ie_engine import IEEngine
from eightbit.pot.graph.compressed_model import CompressedModel
from eightbit.pot.samplers import BatchSampler
from eightbit.pot.utils.logger import get_logger

_log = get_logger(__name__)


class Accuracy:
    """0 for the float model, and minus the loss of the metric that lost most of what it may lose: -1 where it is used up."""

    def __init__(self, engine: IEEngine, model: CompressedModel, config: Mapping[str, Any]):
        if engine.metric is None:
            raise InvalidArgument(
                "[pot] AccuracyAwareQuantization needs a metric. Pass one to the engine."
            )
        self._engine, self._model = engine, model
        self._drop = float(config.get("maximal_drop", 0.01))
        self._relative = config.get("drop_type", "absolute") == "relative"
        self._directions = {
            name: 1 if attributes["direction"] == "higher-better" else -1
            for name, attributes in attributes_of(engine.metric).items()
        }
        self._baseline = self._known_baseline(config.get("metrics") or [])

    def _known_baseline(self, metrics: list[Mapping[str, Any]]) -> dict[str, float]:
        for entry in metrics:
            if entry.get("name") not in self._directions:
                raise InvalidArgument(
                    f"[pot] AccuracyAwareQuantization: the engine has no metric {entry.get('name')!r}. It has: "
                    f"{', '.join(self._directions)}."
                )
        if metrics:
            wanted = {entry["name"] for entry in metrics}
            self._directions = {
                name: sign for name, sign in self._directions.items() if name in wanted
            }
        known = {
            entry["name"]: float(entry["baseline_value"])
            for entry in metrics
            if "baseline_value" in entry
        }
        if len(known) < len(self._directions):
            self._engine.set_model(self._model)
            known = {**self._engine.predict()[0], **known}
        _log.info(
            "baseline: %s", ", ".join(f"{name} {known[name]:.4g}" for name in self._directions)
        )
        return {name: float(known[name]) for name in self._directions}

    def validate(self, compiled: Any, items: Iterable[int]) -> tuple[float, list[float]]:
        """What quantize_with_accuracy_control asks for: the number, and that of each item alone."""
        indices = [int(index) for index in items]
        self._engine.use_compiled(self._model, compiled)
        sampler = BatchSampler(self._engine.data_loader, 1, indices)
        (rows, metrics), _ = self._engine.predict(sampler=sampler, metric_per_sample=True)
        samples: dict[Any, float] = {}
        for row in rows:
            if row["metric_name"] in self._directions:
                sign = self._directions[row["metric_name"]]
                samples[row["sample_id"]] = (
                    samples.get(row["sample_id"], 0.0) + sign * row["result"]
                )
        return self._margin(metrics), list(samples.values())

    def margin_of(self, model: CompressedModel) -> float:
        """The number for a model that the engine runs as it will, over the whole loader."""
        self._engine.set_model(model)
        return self._margin(self._engine.predict()[0])

    def _margin(self, metrics: Mapping[str, float]) -> float:
        margins = []
        for name, sign in self._directions.items():
            loss = sign * (self._baseline[name] - float(metrics[name]))
            allowed = self._drop * (abs(self._baseline[name]) if self._relative else 1.0)
            margins.append(-loss / max(allowed, 1e-12))
        return min(margins)
