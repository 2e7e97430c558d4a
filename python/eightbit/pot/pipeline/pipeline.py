"""A pipeline runs its algorithms as one: quantization, with accuracy control where one of them asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from eightbit.errors import DataError, InvalidArgument, Unsupported
from eightbit.parameters import DropType, OnFailure
from eightbit.pot.algorithms.accuracy import Accuracy
from eightbit.pot.algorithms.parameters import Options, options_of
from eightbit.pot.api import Engine
from eightbit.pot.attributes import Attributes
from eightbit.pot.engines.ie_engine import IEEngine
from eightbit.pot.graph.compressed_model import CompressedModel
from eightbit.pot.samplers import chosen
from eightbit.pot.utils.logger import get_logger
from eightbit.quantization.accuracy_control import quantize_with_accuracy_control
from eightbit.quantization.advanced_parameters import AdvancedAccuracyRestorerParameters
from eightbit.quantization.quantize_model import quantize

_log = get_logger(__name__)

_WHOLE = ("DefaultQuantization", "AccuracyAwareQuantization")
_STEPS = (
    "ActivationChannelAlignment",
    "MinMaxQuantization",
    "FastBiasCorrection",
    "BiasCorrection",
)
QUANTIZERS = (*_WHOLE, *_STEPS)


@dataclass
class Algorithm:
    name: str
    config: Attributes


class Pipeline:
    def __init__(self, engine: Engine):
        self._engine = engine
        self._algo_seq: list[Algorithm] = []

    @property
    def algo_seq(self) -> list[Algorithm]:
        return self._algo_seq

    def add_algo(self, algorithm: Algorithm) -> None:
        self._algo_seq.append(algorithm)

    def check(self) -> None:
        """Before any data is read: raises what the parameters of the algorithms deserve."""
        if self._algo_seq:
            self._options()

    def run(self, model: CompressedModel) -> CompressedModel:
        """The model with the algorithms applied; the one that is passed in does not change."""
        if not self._algo_seq:
            return model
        options, config = self._options()
        if model.is_cascade:
            raise Unsupported(
                "[pot] a cascade is quantized by running it: call its parts through eightbit.observe(...), then quantize each "
                "observer (docs/observer.md)."
            )
        if options.ignored.get("skip_model"):
            return model
        if not isinstance(self._engine, IEEngine):
            raise Unsupported(
                f"[pot] the engine {type(self._engine).__name__} is not derived from IEEngine. Derive it, or run your code under "
                "eightbit.observe(...)."
            )
        self._engine.set_model(model)
        data = _Samples(self._engine, config)
        _log.info(
            "%s on %d of %d items", self._algo_seq[0].name, len(data), len(self._engine.data_loader)
        )
        quantized = self._quantized(model, data, options)
        result = model.with_models([quantized])
        self._engine.set_model(result)
        return result

    def evaluate(self, model: CompressedModel) -> dict[str, float] | None:
        """The metrics of the whole loader; None where the engine has no metric."""
        self._engine.set_model(model)
        return self._engine.predict()[0]

    def _options(self) -> tuple[Options, Attributes]:
        """Of all algorithms together, and the parameters that say which data they take."""
        names = [algorithm.name for algorithm in self._algo_seq]
        if len(names) > 1 and set(names) & set(_WHOLE):
            raise Unsupported(
                f"[pot] a pipeline of {' and '.join(names)}: {names[0]} does all steps itself. Leave the others out."
            )
        params = Attributes()
        for algorithm in self._algo_seq:
            params.update(algorithm.config)
        if (
            names == ["AccuracyAwareQuantization"]
            and params.get("base_algorithm", "DefaultQuantization") != "DefaultQuantization"
        ):
            raise Unsupported(
                "[pot] AccuracyAwareQuantization: base_algorithm must be DefaultQuantization."
            )
        whole = names[0] in _WHOLE
        if not whole and "MinMaxQuantization" not in names:
            raise Unsupported(
                f"[pot] {names[0]} alone changes no model here. Put MinMaxQuantization into the pipeline too."
            )
        if "BiasCorrection" in names:
            params.use_fast_bias = False
        corrects = whole or bool({"FastBiasCorrection", "BiasCorrection"} & set(names))
        aligns = whole or "ActivationChannelAlignment" in names
        return options_of(names[0], params, corrects, aligns), params

    def _quantized(self, model: CompressedModel, data: _Samples, options: Options) -> Any:
        from eightbit.data.dataset import Dataset

        keywords = {**options.keywords, "subset_size": max(len(data), 1)}
        if self._algo_seq[0].name != "AccuracyAwareQuantization":
            return quantize(model.only_model, Dataset(data), **keywords)
        config = self._algo_seq[0].config
        if config.get("annotation_free"):
            raise Unsupported(
                "[pot] AccuracyAwareQuantization: annotation_free is not done. Give annotations and a metric."
            )
        accuracy = Accuracy(self._engine, model, config)
        keywords["advanced_quantization_parameters"] = keywords.pop("advanced_parameters")
        drop_type = config.get("drop_type", "absolute")
        if drop_type not in ("absolute", "relative"):
            raise InvalidArgument(
                f"[pot] AccuracyAwareQuantization: drop_type is {drop_type!r}. It must be 'absolute' or 'relative'."
            )
        control = AdvancedAccuracyRestorerParameters(
            tune_hyperparams=bool(config.get("tune_hyperparams", False)),
            ranking_subset_size=config.get("ranking_subset_size"),
        )
        if config.get("max_iter_num"):
            control.max_num_iterations = int(config["max_iter_num"])
        return quantize_with_accuracy_control(
            model.only_model,
            Dataset(data),
            Dataset(range(len(self._engine.data_loader))),
            accuracy.validate,
            max_drop=1.0,
            drop_type=DropType.ABSOLUTE,
            advanced_accuracy_restorer_parameters=control,
            on_failure=OnFailure.RETURN,
            **keywords,
        )


class _Samples:
    """The inputs of the items that an algorithm takes, read one by one."""

    def __init__(self, engine: IEEngine, config: Attributes):
        total = len(engine.data_loader)
        self._engine = engine
        self._indices = chosen(
            total,
            int(config.get("stat_subset_size") or total),
            bool(config.get("shuffle_data")),
            int(config.get("seed") or 0),
        )
        if not self._indices:
            raise DataError(
                "[pot] stat_subset_size is below 1. Leave it out for the whole dataset."
            )

    def __len__(self) -> int:
        return len(self._indices)

    def __iter__(self):
        for index, item in zip(self._indices, self._engine.items(self._indices), strict=True):
            yield self._engine.inputs_of(item, index)
