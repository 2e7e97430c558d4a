"""quantize_with_accuracy_control(): layers go back to float until a metric has lost no more than allowed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from eightbit import _eightbit
from eightbit._arguments import as_count, as_enum, as_instance
from eightbit._logging import logger
from eightbit._models import from_native_model, to_native_model
from eightbit._native import external_data_dir, to_native
from eightbit._run import ProgressCallback, run_options
from eightbit.data.dataset import Dataset
from eightbit.errors import AccuracyNotReached, InvalidArgument
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
from eightbit.quantization.quantize_model import quantize_options
from eightbit.scopes import IgnoredScope

WHERE = "accuracy control"

# Of a model for inference and the items of the validation dataset: the metric, or (metric, values), where values are the
# metric of each item, or the model's outputs for each item, or None.
ValidationFunction = Callable[[Any, Iterable[Any]], Any]


def quantize_with_accuracy_control(
    model: Any,
    calibration_dataset: Dataset,
    validation_dataset: Dataset,
    validation_fn: ValidationFunction,
    *,
    max_drop: float = 0.01,
    drop_type: DropType = DropType.ABSOLUTE,
    mode: QuantizationMode | None = None,
    preset: QuantizationPreset | None = None,
    target_device: TargetDevice = TargetDevice.ANY,
    subset_size: int = 300,
    fast_bias_correction: bool = True,
    model_type: ModelType | None = None,
    ignored_scope: IgnoredScope | None = None,
    advanced_quantization_parameters: AdvancedQuantizationParameters | None = None,
    advanced_accuracy_restorer_parameters: AdvancedAccuracyRestorerParameters | None = None,
    max_minutes: float | None = None,
    on_failure: OnFailure = OnFailure.RAISE,
    best_model: str | os.PathLike | None = None,
    recipe: Recipe = Recipe.EIGHTBIT,
    weight_rounding: WeightRounding | None = None,
    engine: Engine = Engine.AUTO,
    threads: int = 0,
    progress: ProgressCallback | None = None,
    report: _eightbit.Report | None = None,
    result: _eightbit.AccuracyResult | None = None,
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
    options = quantize_options(
        WHERE, mode, preset, target_device, subset_size, fast_bias_correction, model_type, ignored_scope,
        advanced_quantization_parameters, recipe, weight_rounding,
    )  # fmt: skip
    native = to_native_model(model, engine, external_data_dir(advanced_quantization_parameters))
    control = _control_options(
        max_drop, drop_type, max_minutes, best_model, native, advanced_accuracy_restorer_parameters
    )
    on_failure = as_enum(WHERE, "on_failure", OnFailure, on_failure or "None")
    as_instance(WHERE, "result", _eightbit.AccuracyResult, result)
    calibration = _dataset("calibration_dataset", calibration_dataset)._native()
    validation = _rereadable(_dataset("validation_dataset", validation_dataset))
    if not callable(validation_fn):
        raise InvalidArgument(
            f"[{WHERE}] validation_fn is a {type(validation_fn).__name__}. Pass a function of a model and items."
        )

    def validate(candidate: _eightbit.Model) -> tuple:
        return _evaluation(validation_fn, _for_inference(candidate), validation.get_data())

    ranking = _eightbit.Dataset.from_python(
        lambda: iter(validation.get_inference_data()), validation.get_length()
    )
    with run_options(WHERE, threads, progress, None, report) as run:
        found = _eightbit.quantize_with_accuracy_control(
            native, calibration, ranking, validate, options, control, run
        )
    if result is not None:
        result.assign(found)
    best = from_native_model(found.native_model)
    if not found.reached and on_failure == OnFailure.RAISE:
        raise AccuracyNotReached(found.failure, best, found)
    return best


def _control_options(
    max_drop, drop_type, max_minutes, best_model, model, advanced
) -> _eightbit.AccuracyControlOptions:
    advanced = as_instance(
        WHERE, "advanced_accuracy_restorer_parameters", AdvancedAccuracyRestorerParameters, advanced
    )
    advanced = advanced or AdvancedAccuracyRestorerParameters()
    if advanced.num_ranking_workers is not None:
        logger.warning(
            "num_ranking_workers=%r has no effect on accuracy control", advanced.num_ranking_workers
        )
    control = _eightbit.AccuracyControlOptions()
    control.tune_hyperparams = bool(advanced.tune_hyperparams)
    control.on_failure = _eightbit.OnFailure.RETURN
    control.max_drop = _number("max_drop", max_drop, "a number from 0 on")
    control.drop_type = to_native(as_enum(WHERE, "drop_type", DropType, drop_type or "None"))
    if max_minutes is not None:
        control.max_minutes = _number("max_minutes", max_minutes, "a number above 0, or None")
        if not control.max_minutes > 0:
            raise InvalidArgument(
                f"[{WHERE}] max_minutes is {max_minutes!r}. It must be a number above 0, or None."
            )
    if advanced.max_num_iterations != sys.maxsize:
        control.max_num_iterations = as_count(
            WHERE, "max_num_iterations", advanced.max_num_iterations, 0
        )
    if advanced.ranking_subset_size is not None:
        control.ranking_subset_size = as_count(
            WHERE, "ranking_subset_size", advanced.ranking_subset_size, 1
        )
    control.restore_mode = to_native(
        as_enum(WHERE, "restore_mode", RestoreMode, advanced.restore_mode or "None")
    )
    control.best_model = _best_model(best_model, advanced.intermediate_model_dir, model)
    return control


def _best_model(path, folder, model: _eightbit.Model) -> str:
    if path is not None:
        return os.fspath(path)
    if folder is None:
        return ""
    Path(folder).mkdir(parents=True, exist_ok=True)
    return str(
        Path(folder) / ("intermediate_model.onnx" if model.is_onnx else "intermediate_model.xml")
    )


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


def _for_inference(model: _eightbit.Model) -> Any:
    """What NNCF hands to a validation function."""
    ready = from_native_model(model)
    if model.is_onnx:
        return ready
    import openvino

    return openvino.compile_model(ready, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


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
