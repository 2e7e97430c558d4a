"""A pipeline runs its algorithms as one: quantization, with accuracy control where one of them asks for it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from eightbit import _eightbit
from eightbit.data.dataset import Dataset
from eightbit.errors import InvalidArgument, Unsupported
from eightbit.parameters import DropType
from eightbit.pot.algorithms.accuracy import Accuracy
from eightbit.pot.api import Engine
from eightbit.pot.attributes import Attributes
from eightbit.pot.engines.ie_engine import IEEngine
from eightbit.pot.engines.statistics import part_name
from eightbit.pot.graph.compressed_model import CompressedModel
from eightbit.pot.pipeline.cascade import controlled_parts, observed_parts, quantized_part
from eightbit.pot.samplers import BatchSampler, chosen
from eightbit.pot.utils.logger import get_logger
from eightbit.quantization.accuracy_control import control_accuracy_with
from eightbit.quantization.quantize_model import quantize_with

_log = get_logger(__name__)

QUANTIZERS = (
    "DefaultQuantization", "AccuracyAwareQuantization", "ActivationChannelAlignment", "MinMaxQuantization",
    "FastBiasCorrection", "BiasCorrection",
)  # fmt: skip


@dataclass
class Algorithm:
    name: str
    config: Attributes


class Pipeline:
    def __init__(self, engine: Engine):
        self._engine = engine
        self._algo_seq: list[Algorithm] = []
        self.observed: dict[
            str, Any
        ] = {}  # parts that an engine of the user's own has run, by name
        self.compresses_weights = True  # False: they stay floats behind FakeQuantize
        self._told: set[str] = set()  # warnings, once each

    @property
    def algo_seq(self) -> list[Algorithm]:
        return self._algo_seq

    def add_algo(self, algorithm: Algorithm) -> None:
        self._algo_seq.append(algorithm)

    def check(self) -> None:
        """Before any data is read: raises what the parameters of the algorithms deserve."""
        if self._algo_seq:
            self._read()

    def run(self, model: CompressedModel) -> CompressedModel:
        """The model with the algorithms applied; the one that is passed in does not change."""
        if not self._algo_seq:
            return model
        read = self._read()
        if not isinstance(self._engine, IEEngine):
            raise Unsupported(
                f"[pot] the engine {type(self._engine).__name__} is not derived from IEEngine. Derive it, or run your code under "
                "eightbit.observe(...)."
            )
        if model.is_cascade or self._engine.runs_its_own_way:
            return self._run_observed(model, read)
        if read.skip_model:
            return model
        self._engine.set_model(model)
        data = _Samples(self._engine, read)
        _log.info(
            "%s on %d of %d items", self._algo_seq[0].name, len(data), len(self._engine.data_loader)
        )
        quantized = self._quantized(model, data, read)
        result = model.with_models([quantized])
        self._engine.set_model(result)
        return result

    def _run_observed(
        self, model: CompressedModel, read: _eightbit.PotAlgorithms
    ) -> CompressedModel:
        """The engine runs the model its own way over the items; what it feeds to each part is what the part is quantized for."""
        accuracy = None
        if read.control is not None:
            accuracy = Accuracy(self._engine, model, self._algo_seq[0].config)
        loader = self._engine.data_loader
        indices = _indices(len(loader), read)
        _log.info("%s on %d of %d items", self._algo_seq[0].name, len(indices), len(loader))
        parts = observed_parts(model, read.options)
        self.observed = parts
        with self._engine.observing(parts):
            self._engine.set_model(model)
            self._engine.predict(sampler=BatchSampler(loader, 1, indices))
        reads = [self._read(part.get("name", "")) for part in model.models]
        if accuracy is not None:
            result = controlled_parts(accuracy, model, parts, reads)
        else:
            rows = zip(model.models, reads, strict=True)
            result = model.with_models(
                [quantized_part(parts[part_name(part)], part["model"], own) for part, own in rows]
            )
        self._engine.set_model(result)
        return result

    def evaluate(self, model: CompressedModel) -> dict[str, float] | None:
        """The metrics of the whole loader; None where the engine has no metric."""
        self._engine.set_model(model)
        return self._engine.predict()[0]

    def _read(self, part: str = "") -> _eightbit.PotAlgorithms:
        """All algorithms together, as options of the library. part: of a cascade, which may have an ignored scope of its own."""
        algorithms = [
            {"name": algorithm.name, "params": algorithm.config} for algorithm in self._algo_seq
        ]
        try:
            text = json.dumps(algorithms, default=_plain)
        except (TypeError, ValueError) as error:
            raise InvalidArgument(
                f"[pot] the parameters hold what no configuration can: {error}. Pass numbers, texts, lists and dictionaries."
            ) from None
        read = _eightbit.read_pot_algorithms(text, False, part)
        for note in read.notes:
            if note not in self._told:
                self._told.add(note)
                _log.warning("%s", note)
        advanced = read.options.advanced_parameters
        advanced.compress_weights = self.compresses_weights
        read.options.advanced_parameters = advanced
        return read

    def _quantized(
        self, model: CompressedModel, data: _Samples, read: _eightbit.PotAlgorithms
    ) -> Any:
        options = read.options
        options.subset_size = max(len(data), 1)
        if read.control is None:
            return quantize_with(model.only_model, Dataset(data), options)
        control = read.control
        accuracy = Accuracy(self._engine, model, self._algo_seq[0].config)
        # the metrics of an engine are one number, of which 1 may be lost
        control.max_drop, control.drop_type = 1.0, DropType.ABSOLUTE
        return control_accuracy_with(
            model.only_model,
            Dataset(data),
            Dataset(range(len(self._engine.data_loader))),
            accuracy.validate,
            options,
            control,
        )


def _plain(value: Any) -> Any:
    """A number of numpy's, a set, a path."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return sorted(value) if isinstance(value, (set, frozenset)) else str(value)


def _indices(total: int, read: _eightbit.PotAlgorithms) -> list[int]:
    count = min(read.stat_subset_size or total, total)
    return chosen(total, count, read.shuffle_data, read.seed)


class _Samples:
    """The inputs of the items that an algorithm takes, read one by one."""

    def __init__(self, engine: IEEngine, read: _eightbit.PotAlgorithms):
        self._engine = engine
        self._indices = _indices(len(engine.data_loader), read)

    def __len__(self) -> int:
        return len(self._indices)

    def __iter__(self):
        for index, item in zip(self._indices, self._engine.items(self._indices), strict=True):
            yield self._engine.inputs_of(item, index)
