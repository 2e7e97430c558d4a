"""quantize_with_accuracy_control(): layers go back to float until a metric has lost no more than allowed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict, Unpack

from eightbit import _eightbit
from eightbit._arguments import as_count, as_enum, as_instance
from eightbit._logging import logger
from eightbit._native import to_native
from eightbit._run import ProgressCallback, run_options
from eightbit.data.dataset import Dataset
from eightbit.errors import AccuracyNotReached, InvalidArgument
from eightbit.executors import Workers
from eightbit.frameworks import Framework, framework_of, home_of
from eightbit.parameters import (
    DropType,
    Engine,
    ModelType,
    OnFailure,
    QuantizationMode,
    QuantizationPreset,
    Recipe,
    TargetDevice,
    WeightRounding,
)
from eightbit.quantization.advanced_parameters import (
    AdvancedAccuracyRestorerParameters,
    AdvancedQuantizationParameters,
    RestoreMode,
)
from eightbit.quantization.options import QuantizeOptions, takes
from eightbit.quantization.quantize_model import measured
from eightbit.scopes import IgnoredScope

WHERE = "accuracy control"

# Of a model for inference and the items of the validation dataset: the metric, or (metric, values), where values are the
# metric of each item, or the model's outputs for each item, or None.
ValidationFunction = Callable[[Any, Iterable[Any]], Any]


@dataclass(kw_only=True)
class AccuracyOptions(QuantizeOptions):
    """Its keywords, beside those of quantize that it takes."""

    max_drop: float = 0.01
    drop_type: DropType = DropType.ABSOLUTE
    advanced_quantization_parameters: AdvancedQuantizationParameters | None = None
    advanced_accuracy_restorer_parameters: AdvancedAccuracyRestorerParameters | None = None
    max_minutes: float | None = None
    on_failure: OnFailure = OnFailure.RAISE
    result: _eightbit.AccuracyResult | None = None

    def __post_init__(self):
        self.advanced_parameters = self.advanced_quantization_parameters

    def control(self, home: Framework) -> _eightbit.AccuracyControlOptions:
        """The library's options of the search. home: whose models are written on the way."""
        name = "advanced_accuracy_restorer_parameters"
        advanced = as_instance(WHERE, name, AdvancedAccuracyRestorerParameters, getattr(self, name))
        advanced = advanced or AdvancedAccuracyRestorerParameters()
        control = _search_options(advanced)
        control.max_drop = _number("max_drop", self.max_drop, "a number from 0 on")
        drop_type = as_enum(WHERE, "drop_type", DropType, self.drop_type or "None")
        control.drop_type = to_native(drop_type)
        if self.max_minutes is not None:
            control.max_minutes = _number(
                "max_minutes", self.max_minutes, "a number above 0, or None"
            )
            if not control.max_minutes > 0:
                raise InvalidArgument(
                    f"[{WHERE}] max_minutes is {self.max_minutes!r}. It must be a number above 0, or None."
                )
        control.best_model = _best_model(self.best_model, advanced.intermediate_model_dir, home)
        return control


class AccuracyKeywords(TypedDict, total=False):
    """What quantize_with_accuracy_control takes."""

    max_drop: float
    drop_type: DropType
    mode: QuantizationMode | None
    preset: QuantizationPreset | None
    target_device: TargetDevice
    subset_size: int | None
    fast_bias_correction: bool
    model_type: ModelType | None
    ignored_scope: IgnoredScope | None
    advanced_quantization_parameters: AdvancedQuantizationParameters | None
    advanced_accuracy_restorer_parameters: AdvancedAccuracyRestorerParameters | None
    max_minutes: float | None
    on_failure: OnFailure
    best_model: str | os.PathLike | None
    recipe: Recipe
    weight_rounding: WeightRounding | None
    engine: Engine
    threads: int
    checkpoint: str | os.PathLike | None
    max_memory: int | str | None
    executor: Executor | None
    progress: ProgressCallback | None
    report: _eightbit.Report | None
    result: _eightbit.AccuracyResult | None


@takes(AccuracyKeywords, AccuracyOptions)
def quantize_with_accuracy_control(
    model: Any,
    calibration_dataset: Dataset,
    validation_dataset: Dataset,
    validation_fn: ValidationFunction,
    **options: Unpack[AccuracyKeywords],
) -> Any:
    """Returns a new model like `quantize`, with as few layers in float as it takes to lose no more than `max_drop`.

    validation_dataset: what `validation_fn` is given: its items, as they are in the source. It is read once for each model
        that is validated, so a generator will not do. Where `validation_fn` tells how each item fared, layers are ranked on the
        items that suffered most, after the dataset's transform_func.
    validation_fn: called as validation_fn(model, items) with an openvino.CompiledModel (CPU, f32), or an onnx.ModelProto
        for ONNX models. Returns the metric, a number that is higher for better models; or a pair of it and None, a list of one
        number an item (higher is better), or a list of the model's outputs for each item (a list of arrays each).
    max_drop: the most that the metric may lose, from 0 on. drop_type: in metric points, or as a share of the float model's.
    advanced_accuracy_restorer_parameters: see AdvancedAccuracyRestorerParameters.
    max_minutes: no validation begins that would not end within it. None: no limit.
    on_failure: what happens when the goal is not met: OnFailure.RAISE raises AccuracyNotReached, which carries the best model;
        OnFailure.RETURN returns that model.
    best_model: a path; the best model so far is kept there, with a report beside it (.json), so that nothing is lost when the
        run is stopped. What is there is overwritten. None: `intermediate_model_dir` of the advanced parameters, else a
        temporary file that is left behind, and named in the log, only when the run is stopped.
    result: an empty `AccuracyResult`, which is filled in.
    Other parameters: see `quantize`.

    Raises AccuracyNotReached; InvalidArgument for options, and where `validation_fn` raises (the exception is the cause) or
    returns anything else; and what `quantize` raises.
    """
    chosen = AccuracyOptions(**options)
    native_options = chosen.native(WHERE)
    as_instance(WHERE, "result", _eightbit.AccuracyResult, chosen.result)
    on_failure = as_enum(WHERE, "on_failure", OnFailure, chosen.on_failure or "None")
    with chosen.workers(WHERE, model) as workers:
        native, calibration = _measured(model, calibration_dataset, chosen, native_options, workers)
        found = _found(
            native, calibration, validation_dataset, validation_fn, chosen, native_options,
            chosen.control(home_of(native)), workers,
        )  # fmt: skip
    if chosen.result is not None:
        chosen.result.assign(found)
    best = home_of(native).unwrap(found.native_model)
    if not found.reached and on_failure == OnFailure.RAISE:
        raise AccuracyNotReached(found.failure, best, found)
    return best


def control_accuracy_with(
    model: Any,
    calibration_dataset: Dataset,
    validation_dataset: Dataset,
    validation_fn: ValidationFunction,
    native_options: _eightbit.QuantizeOptions,
    control: _eightbit.AccuracyControlOptions,
) -> Any:
    """The same by options that are the library's already; the best model, whether the goal was reached or not."""
    chosen = AccuracyOptions()
    native, calibration = _read(model, calibration_dataset, chosen)
    found = _found(
        native, calibration, validation_dataset, validation_fn, chosen, native_options, control
    )
    return home_of(native).unwrap(found.native_model)


def control_accuracy_of(
    native: _eightbit.Model,
    statistics: _eightbit.Statistics,
    margin_of: Callable[[Any], float],
    native_options: _eightbit.QuantizeOptions,
    control: _eightbit.AccuracyControlOptions,
) -> _eightbit.AccuracyResult:
    """The same from statistics, for a model that is a part of something larger. margin_of: the metric of it all with a model,
    as the framework has it, in this one's place. Layers are ranked on the samples that the statistics have kept."""
    home = home_of(native)

    def validate(candidate: _eightbit.Model) -> tuple:
        return margin_of(home.unwrap(candidate)), None, None

    with run_options(WHERE, 0, None) as run:
        return _eightbit.quantize_with_accuracy_control(
            native, statistics, _eightbit.Dataset(), validate, native_options, control, run
        )


def _read(
    model: Any, calibration_dataset: Dataset, chosen: AccuracyOptions
) -> tuple[_eightbit.Model, Any]:
    calibration = _dataset("calibration_dataset", calibration_dataset)
    return framework_of(model).prepare(WHERE, model, calibration, chosen.settings(WHERE))


def _measured(
    model: Any,
    data: Any,
    chosen: AccuracyOptions,
    native_options: _eightbit.QuantizeOptions,
    workers: Workers | None,
) -> tuple[_eightbit.Model, Any]:
    if workers is None:
        return _read(model, data, chosen)
    advanced = chosen.advanced_accuracy_restorer_parameters or AdvancedAccuracyRestorerParameters()
    kept = max(_eightbit.inputs_for_any_options(), advanced.ranking_subset_size or 0)
    return measured(WHERE, model, data, chosen, native_options, workers, kept)


def _found(
    native: _eightbit.Model,
    calibration: Any,
    validation_dataset: Dataset,
    validation_fn: ValidationFunction,
    chosen: AccuracyOptions,
    native_options: _eightbit.QuantizeOptions,
    control: _eightbit.AccuracyControlOptions,
    workers: Workers | None = None,
) -> _eightbit.AccuracyResult:
    home = home_of(native)
    validation = _rereadable(_dataset("validation_dataset", validation_dataset))
    if not callable(validation_fn):
        raise InvalidArgument(
            f"[{WHERE}] validation_fn is a {type(validation_fn).__name__}. Pass a function of a model and items."
        )

    def validate(candidate: _eightbit.Model) -> tuple:
        return _evaluation(validation_fn, home.for_inference(candidate), validation.get_data())

    together = workers and workers.validations(validation_fn, validation)
    ranking = _eightbit.Dataset.from_python(
        lambda: home.samples(native, validation.get_inference_data()), validation.get_length()
    )
    with run_options(
        WHERE, chosen.threads, chosen.progress, chosen.checkpoint, chosen.report,
        max_memory=chosen.max_memory, workers=workers,
    ) as run:  # fmt: skip
        return _eightbit.quantize_with_accuracy_control(
            native, calibration, ranking, validate, native_options, control, run, together,
            workers.count if together else 0,
        )  # fmt: skip


def _search_options(
    advanced: AdvancedAccuracyRestorerParameters,
) -> _eightbit.AccuracyControlOptions:
    if advanced.num_ranking_workers is not None:
        logger.warning(
            "num_ranking_workers=%r has no effect on accuracy control", advanced.num_ranking_workers
        )
    control = _eightbit.AccuracyControlOptions()
    control.tune_hyperparams = bool(advanced.tune_hyperparams)
    control.on_failure = OnFailure.RETURN
    for name, least, unset in (
        ("max_num_iterations", 0, sys.maxsize),
        ("ranking_subset_size", 1, None),
    ):
        value = getattr(advanced, name)
        if value != unset:
            setattr(control, name, as_count(WHERE, name, value, least))
    control.restore_mode = to_native(
        as_enum(WHERE, "restore_mode", RestoreMode, advanced.restore_mode or "None")
    )
    return control


def _best_model(path, folder, home: Framework) -> str:
    if path is not None:
        return os.fspath(path)
    if folder is None:
        return ""
    Path(folder).mkdir(parents=True, exist_ok=True)
    return str(Path(folder) / f"intermediate_model{home.extension}")


def _number(name: str, value: Any, allowed: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InvalidArgument(f"[{WHERE}] {name} is {value!r}. It must be {allowed}.") from None


def _dataset(name: str, dataset: Any) -> Dataset:
    if isinstance(dataset, Dataset):
        return dataset
    raise InvalidArgument(
        f"[{WHERE}] {name} is a {type(dataset).__name__}. Pass eightbit.Dataset(data, transform_func)."
    )


def _rereadable(dataset: Dataset) -> Dataset:
    if isinstance(dataset._data_source, Iterator):
        raise InvalidArgument(
            f"[{WHERE}] validation_dataset reads a {type(dataset._data_source).__name__}, which ends after one reading. It is "
            "read for every model that is validated: pass a list, a DataLoader, or the like."
        )
    return dataset


def evaluated(
    function: ValidationFunction, validation: Dataset, candidate: _eightbit.Model
) -> tuple:
    """What a worker makes of a model."""
    return _evaluation(function, home_of(candidate).for_inference(candidate), validation.get_data())


def _evaluation(function: ValidationFunction, model: Any, items: Iterable[Any]) -> tuple:
    """(metric, values of items or None, outputs of items or None)."""
    try:
        returned = function(model, items)
    except Exception as error:
        raise InvalidArgument(
            f"[{WHERE}] validation_fn raised {type(error).__name__}: {error}. It is called with a model and the items of "
            "validation_dataset, and must return the metric."
        ) from error
    metric, values = (
        returned if isinstance(returned, (tuple, list)) and len(returned) == 2 else (returned, None)
    )
    try:
        return float(metric), *_per_item(values)
    except (TypeError, ValueError):
        raise InvalidArgument(
            f"[{WHERE}] validation_fn returned {_shortened(returned)}. It must return the metric, a number that is higher for "
            "better models, or a pair of it and a list with one number, or one list of outputs, an item."
        ) from None


def _per_item(values: Any) -> tuple[list[float] | None, list | None]:
    if values is None:
        return None, None
    values = list(values)
    if values and isinstance(values[0], (list, tuple, dict)):
        return None, [
            list(item.values()) if isinstance(item, dict) else list(item) for item in values
        ]
    return [float(value) for value in values], None


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
