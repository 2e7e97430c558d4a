"""What users derive from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from eightbit.errors import Unsupported
from eightbit.pot.attributes import Attributes


class DataLoader(ABC):
    """Items by index: `(data, annotation)`, `(data, annotation, metadata)`, or the older `((id, annotation), data)` and
    `((id, annotation), data, metadata)`. `data` is an array, a list of arrays (inputs in order) or a dict of input names and
    arrays, with the batch axis or without. `super().__init__` need not be called."""

    def __init__(self, config: Any = None):
        self.config = Attributes(config or {})

    @abstractmethod
    def __len__(self) -> int:
        """The number of items."""

    @abstractmethod
    def __getitem__(self, index: int) -> Any:
        """An item, for 0 <= index < len(self)."""


class Metric(ABC):
    """What is measured of a model's outputs.

    `avg_value` is {name: number} over everything since `reset()`; `value` {name: [a value for each sample of the last update]};
    `get_attributes()` {name: {"direction": "higher-better" or "higher-worse", "type": str}}.
    """

    def __init__(self):
        self.reset()

    @property
    def value(self) -> dict[str, list[float]]:
        raise Unsupported(
            f"[pot] {type(self).__name__} has no property `value`. Accuracy-aware quantization ranks samples by it: return the "
            "metric of each sample of the last update, {name: [number, ...]}."
        )

    @property
    @abstractmethod
    def avg_value(self) -> dict[str, float]: ...

    @abstractmethod
    def update(self, output: list[Any], target: list[Any]) -> None:
        """output: what `postprocess_output` made of the model's outputs, in order. target: the annotations of the batch."""

    @abstractmethod
    def reset(self) -> None:
        """Forgets everything."""

    @abstractmethod
    def get_attributes(self) -> dict[str, dict[str, str]]: ...

    def __call__(self, output: list[Any], target: list[Any]) -> None:
        self.update(output, target)

    @property
    def higher_better(self) -> bool:
        return True


class Engine(ABC):
    """Runs a model over a loader and measures a metric."""

    def __init__(self, config: Any, data_loader: Any = None, metric: Metric | None = None):
        self.config = Attributes(config or {})
        self._data_loader = data_loader
        self._metric = metric

    @property
    def data_loader(self) -> Any:
        if self._data_loader is None or len(self._data_loader) == 0:
            raise RuntimeError("Empty data loader! Its __len__ is 0, or the engine got none.")
        return self._data_loader

    @property
    def metric(self) -> Metric | None:
        return self._metric

    def set_model(self, model: Any) -> None:  # noqa: B027 - not every engine needs one
        """Takes the CompressedModel that is run from here on."""

    @abstractmethod
    def predict(
        self,
        stats_layout: Any = None,
        sampler: Any = None,
        stat_aliases: Any = None,
        metric_per_sample: bool = False,
        print_progress: bool = False,
    ) -> tuple[Any, Any]: ...

    def get_metrics_attributes(self) -> dict[str, dict[str, str]]:
        return attributes_of(self._metric)


def attributes_of(metric: Metric) -> dict[str, dict[str, str]]:
    """Of each number that a metric reports. Raises ValueError for a direction that is none."""
    own = getattr(metric, "attributes", None) if not _reports(metric) else metric.get_attributes()
    for name, attributes in own.items():
        if attributes.get("direction") not in ("higher-better", "higher-worse"):
            raise ValueError(
                f"[pot] the direction of the metric '{name}' is {attributes.get('direction')!r}. It must be 'higher-better' or "
                "'higher-worse'."
            )
    return own


def _reports(metric: Metric) -> bool:
    return callable(getattr(metric, "get_attributes", None))
