"""quantize(), calibrate() and plan()."""

from __future__ import annotations

import os
from typing import Any

from eightbit import _eightbit
from eightbit._arguments import as_count, as_enum, as_instance
from eightbit._models import from_native_model, is_torch, is_unexported, to_native_model
from eightbit._native import external_data_dir, ignored_scope_of, to_native
from eightbit._run import ProgressCallback, run_options
from eightbit.data.dataset import Dataset
from eightbit.errors import InvalidArgument
from eightbit.parameters import (
    Engine,
    ModelType,
    PlacementMode,
    QuantizationMode,
    QuantizationPreset,
    Recipe,
    TargetDevice,
    WeightRounding,
)
from eightbit.quantization.advanced_parameters import AdvancedQuantizationParameters
from eightbit.quantization.range_estimator import RangeEstimatorParameters
from eightbit.scopes import IgnoredScope


def quantize(
    model: Any,
    calibration_dataset: Dataset | _eightbit.Dataset | _eightbit.Statistics | None = None,
    *,
    mode: QuantizationMode | None = None,
    preset: QuantizationPreset | None = None,
    target_device: TargetDevice = TargetDevice.ANY,
    subset_size: int = 300,
    fast_bias_correction: bool = True,
    model_type: ModelType | None = None,
    ignored_scope: IgnoredScope | None = None,
    advanced_parameters: AdvancedQuantizationParameters | None = None,
    recipe: Recipe | _eightbit.QuantizationRecipe | str | os.PathLike = Recipe.EIGHTBIT,
    weight_rounding: WeightRounding | None = None,
    trial_run: bool = True,
    min_sqnr_db: float | None = None,
    max_float_share: float = 0.5,
    strict: bool = False,
    placement: PlacementMode = PlacementMode.RULES,
    engine: Engine = Engine.AUTO,
    threads: int = 0,
    checkpoint: str | os.PathLike | None = None,
    best_model: str | os.PathLike | None = None,
    progress: ProgressCallback | None = None,
    report: _eightbit.Report | None = None,
) -> Any:
    """Returns a new model that computes in 8 bits: an openvino.Model, or for an ONNX model an onnx.ModelProto. The model
    that is passed in does not change.

    model: an openvino.Model, an onnx.ModelProto, or a path: of OpenVINO IR (.xml), ONNX (.onnx), or what OpenVINO reads
        too: TensorFlow Lite (.tflite), TensorFlow (a SavedModel's folder, a frozen .pb), PaddlePaddle (.pdmodel); these give an
        openvino.Model. An ONNX model that has external data or is larger than 2 GB must be passed as a path.
    calibration_dataset: a `Dataset`, which is read once; the result of `open_files`; or `Statistics` of an earlier
        `calibrate`, in which case no data is read. None with a saved recipe.
    mode: None for INT8, or one of the FP8 modes.
    preset: None chooses between symmetric and asymmetric activations by the smaller error.
    target_device: what the quantizers must suit.
    subset_size: how many samples are used, at least 1. Each item of a batch is a sample.
    fast_bias_correction: False corrects biases with four times the samples, checks every layer, and rounds the weights
        of all layers together, which takes longer.
    model_type: ModelType.TRANSFORMER for networks with attention.
    ignored_scope: what must stay in floating point.
    advanced_parameters: see AdvancedQuantizationParameters.
    recipe: where the defaults come from; or a QuantizationRecipe (`Report.recipe`) or the path of its file (.json), which
        makes the model of that run again. It needs no data, and all other options are its own; only an nn.Module needs
        a calibration_dataset, with whose first sample it is exported.
    weight_rounding: WeightRounding.ADAPTIVE rounds the weights of an output together, so that the errors of some make
        good those of others. It needs one more pass over a few samples. None: ADAPTIVE for convolutions of moderate
        width, where it costs little; with fast_bias_correction False for all layers; with recipe NNCF, NEAREST.
    trial_run: the result runs on a few kept samples as its users run it, by the runtime's defaults, beside the float model;
        `report.trial` and the log tell what came out.
    min_sqnr_db: where an output of the trial run has less signal to noise than this, in dB, the layers that it comes from
        stay in float. 0 is off. None: 20, and with recipe NNCF and FP8 off.
    max_float_share: of the multiplications that min_sqnr_db may take out of 8 bits, 0 to 1.
    strict: AccuracyNotReached, not a warning, where min_sqnr_db can not be held.
    placement: PlacementMode.MEASURED puts layers back into float for which integers do not pay on this machine.
    engine: what runs an ONNX model. Engine.OPENVINO turns it into an openvino.Model.
    threads: 0 uses all cores. The result does not depend on it.
    checkpoint: a path; statistics are kept there while they are measured, and the same call resumes from it.
    best_model: a path (.xml, .onnx); the best model so far is written there before the runtime tries it and at each
        improvement, so that nothing is lost when the runtime crashes or the run is stopped. None: a file among the temporary
        ones, which messages name and which is removed at the end (models below 256 MB).
    progress: called as progress(step, done, total) from this thread; total is 0 where it is not known. None draws a
        line on stderr if that is a terminal.
    report: an empty `Report`, which is filled in.

    Raises InvalidArgument for options, DataError for samples (it names the sample), ModelError, Unsupported,
    UnsupportedBackendError, FileError; KeyboardInterrupt for Ctrl-C.
    """
    saved = _saved_recipe(recipe)
    if saved is not None:
        exports = calibration_dataset is not None and is_unexported(model)
        _refuse_beside_recipe(
            calibration_dataset=None if exports else calibration_dataset, mode=mode, preset=preset, model_type=model_type,
            ignored_scope=ignored_scope, advanced_parameters=advanced_parameters, checkpoint=checkpoint,
            best_model=best_model,
            target_device=_unless_default(target_device, TargetDevice.ANY),
            subset_size=_unless_default(subset_size, 300),
            fast_bias_correction=_unless_default(fast_bias_correction, True),
            weight_rounding=weight_rounding, trial_run=_unless_default(trial_run, True), min_sqnr_db=min_sqnr_db,
            max_float_share=_unless_default(max_float_share, 0.5), strict=_unless_default(strict, False),
            placement=_unless_default(placement, PlacementMode.RULES),
        )  # fmt: skip
        sample = _source("quantize", calibration_dataset, statistics_too=False) if exports else None
        native = (
            _prepared("quantize", model, sample, engine)[0]
            if exports
            else to_native_model(model, engine)
        )
        with run_options("quantize", threads, progress, None, report, native) as run:
            return from_native_model(_eightbit.quantize(native, saved, run))
    source = _source("quantize", calibration_dataset, statistics_too=True)
    options = quantize_options(
        "quantize", mode, preset, target_device, subset_size, fast_bias_correction, model_type, ignored_scope,
        advanced_parameters, recipe, weight_rounding,
    )  # fmt: skip
    _ask_for_trial(options, trial_run, min_sqnr_db, max_float_share, strict, placement)
    _count_as_nncf(options, calibration_dataset)
    native, source = _prepared(
        "quantize",
        model,
        source,
        engine,
        options.subset_size,
        external_data_dir(advanced_parameters),
    )
    _name_nodes(options, native, ignored_scope)
    with run_options("quantize", threads, progress, checkpoint, report, native, best_model) as run:
        return from_native_model(_eightbit.quantize(native, source, options, run))


def tune(
    model: Any,
    calibration_dataset: Dataset | _eightbit.Dataset,
    *,
    mode: QuantizationMode | None = None,
    preset: QuantizationPreset | None = None,
    target_device: TargetDevice = TargetDevice.ANY,
    subset_size: int = 300,
    fast_bias_correction: bool = True,
    model_type: ModelType | None = None,
    ignored_scope: IgnoredScope | None = None,
    advanced_parameters: AdvancedQuantizationParameters | None = None,
    recipe: Recipe = Recipe.EIGHTBIT,
    weight_rounding: WeightRounding | None = None,
    engine: Engine = Engine.AUTO,
    threads: int = 0,
    progress: ProgressCallback | None = None,
    report: _eightbit.Report | None = None,
    result: _eightbit.TuneResult | None = None,
) -> Any:
    """Returns a new model like `quantize`, with the options that leave its outputs nearest to the float model's.

    Tries SmoothQuant's alpha, the preset, range estimators, channel alignment, adaptive rounding of weights and careful bias
    correction, one after the other, unless they are given. All trials share one pass over the data; each costs about as much
    as quantizing from statistics.

    calibration_dataset: at least two samples, better a hundred: some are set aside to judge by, which no correction sees.
    result: an empty `TuneResult`, which is filled in: the options that were chosen, and all trials with the signal to noise
        of the outputs in dB.
    Other parameters, and errors: see `quantize`.
    """
    as_instance("tune", "result", _eightbit.TuneResult, result)
    source = _source("tune", calibration_dataset, statistics_too=False)
    options = quantize_options(
        "tune", mode, preset, target_device, subset_size, fast_bias_correction, model_type, ignored_scope,
        advanced_parameters, recipe, weight_rounding,
    )  # fmt: skip
    native, source = _prepared(
        "tune", model, source, engine, options.subset_size, external_data_dir(advanced_parameters)
    )
    _name_nodes(options, native, ignored_scope)
    with run_options("tune", threads, progress, None, report, native) as run:
        found = _eightbit.tune(native, source, options, run)
    if result is not None:
        result.assign(found)
    return from_native_model(found.native_model)


def calibrate(
    model: Any,
    calibration_dataset: Dataset | _eightbit.Dataset,
    *,
    subset_size: int = 300,
    model_type: ModelType | None = None,
    shard: tuple[int, int] = (0, 1),
    activations_range_estimator_params: RangeEstimatorParameters | None = None,
    engine: Engine = Engine.AUTO,
    threads: int = 0,
    checkpoint: str | os.PathLike | None = None,
    progress: ProgressCallback | None = None,
) -> _eightbit.Statistics:
    """Measures the dataset in one pass. `quantize(model, statistics, ...)` then needs no data.

    shard: (index, count): only samples index, index + count, ... are measured; `Statistics.merge` joins the shards.
    activations_range_estimator_params: quantiles are measured only when asked for here.
    Other parameters, and errors: see `quantize`.
    """
    options = _eightbit.CalibrateOptions()
    options.subset_size = as_count("calibrate", "subset_size", subset_size, 1)
    options.model_type = to_native(as_enum("calibrate", "model_type", ModelType, model_type))
    options.shard = _shard(shard)
    name = "activations_range_estimator_params"
    if (
        as_instance("calibrate", name, RangeEstimatorParameters, activations_range_estimator_params)
        is not None
    ):
        options.activations_range_estimator_params = to_native(activations_range_estimator_params)
    source = _source("calibrate", calibration_dataset, statistics_too=False)
    native, source = _prepared("calibrate", model, source, engine, options.subset_size)
    with run_options("calibrate", threads, progress, checkpoint) as run:
        return _eightbit.calibrate(native, source, options, run)


def plan(
    model: Any,
    *,
    mode: QuantizationMode | None = None,
    preset: QuantizationPreset | None = None,
    target_device: TargetDevice = TargetDevice.ANY,
    model_type: ModelType | None = None,
    ignored_scope: IgnoredScope | None = None,
    advanced_parameters: AdvancedQuantizationParameters | None = None,
    recipe: Recipe = Recipe.EIGHTBIT,
    engine: Engine = Engine.AUTO,
) -> _eightbit.PlanPreview:
    """What `quantize` would do, without data: where quantizers go and of what kind, what the ignored scope matched, why
    the rest stays in floating point. For the parameters see `quantize`."""
    options = quantize_options(
        "plan",
        mode,
        preset,
        target_device,
        300,
        True,
        model_type,
        ignored_scope,
        advanced_parameters,
        recipe,
    )
    native = to_native_model(model, engine, external_data_dir(advanced_parameters))
    _name_nodes(options, native, ignored_scope)
    return _eightbit.plan(native, options)


def _name_nodes(options: _eightbit.QuantizeOptions, native: _eightbit.Model, scope: Any) -> None:
    """Users of some frameworks know nodes by more names than the library does."""
    network = _eightbit.network_of(native)
    if network is not None:
        options.ignored_scope = ignored_scope_of("quantize", network.resolved(scope))


def quantize_options(
    where,
    mode,
    preset,
    target_device,
    subset_size,
    fast_bias_correction,
    model_type,
    ignored_scope,
    advanced,
    recipe,
    weight_rounding=None,
) -> _eightbit.QuantizeOptions:
    if not isinstance(fast_bias_correction, bool):
        raise InvalidArgument(
            f"[{where}] fast_bias_correction is {fast_bias_correction!r}. It must be True or False."
        )
    options = _eightbit.QuantizeOptions()
    options.mode = to_native(as_enum(where, "mode", QuantizationMode, mode))
    options.preset = to_native(as_enum(where, "preset", QuantizationPreset, preset))
    options.target_device = to_native(_chosen(where, "target_device", TargetDevice, target_device))
    options.subset_size = as_count(where, "subset_size", subset_size, 1)
    options.fast_bias_correction = fast_bias_correction
    options.model_type = to_native(as_enum(where, "model_type", ModelType, model_type))
    options.ignored_scope = ignored_scope_of(where, ignored_scope)
    if (
        as_instance(where, "advanced_parameters", AdvancedQuantizationParameters, advanced)
        is not None
    ):
        options.advanced_parameters = to_native(advanced)
    options.recipe = to_native(_chosen(where, "recipe", Recipe, recipe))
    options.weight_rounding = to_native(
        as_enum(where, "weight_rounding", WeightRounding, weight_rounding)
    )
    return options


def _ask_for_trial(options, trial_run, min_sqnr_db, max_float_share, strict, placement) -> None:
    for name, value in (("trial_run", trial_run), ("strict", strict)):
        if not isinstance(value, bool):
            raise InvalidArgument(f"[quantize] {name} is {value!r}. It must be True or False.")
    for name, value in (("min_sqnr_db", min_sqnr_db), ("max_float_share", max_float_share)):
        if isinstance(value, bool) or not isinstance(value, (int, float, type(None))):
            raise InvalidArgument(f"[quantize] {name} is {value!r}. It must be a number.")
    if max_float_share is None:
        raise InvalidArgument("[quantize] max_float_share is None. It must be a number.")
    options.trial_run = trial_run
    options.min_sqnr_db = min_sqnr_db
    options.max_float_share = max_float_share
    options.strict = strict
    options.placement = to_native(_chosen("quantize", "placement", PlacementMode, placement))


def _count_as_nncf(options: _eightbit.QuantizeOptions, dataset: Any) -> None:
    """Recipe nncf takes a batch for one sample, unless the source of the data tells that it makes batches."""
    advanced = options.advanced_parameters
    batched = isinstance(dataset, Dataset) and (dataset.get_batch_size() or 1) > 1
    if (
        options.recipe == to_native(Recipe.NNCF)
        and batched
        and advanced.batchwise_statistics is None
    ):
        advanced.batchwise_statistics = True
        options.advanced_parameters = advanced


def _saved_recipe(recipe: Any) -> _eightbit.QuantizationRecipe | None:
    """The recipe of an earlier run; None where `recipe` names a set of defaults."""
    if isinstance(recipe, os.PathLike) or (isinstance(recipe, str) and recipe.endswith(".json")):
        return _eightbit.QuantizationRecipe.load(os.fspath(recipe))
    return recipe if isinstance(recipe, _eightbit.QuantizationRecipe) else None


def _unless_default(value: Any, default: Any) -> Any:
    return None if value == default else value


def _refuse_beside_recipe(**given: Any) -> None:
    for name, value in given.items():
        if value is not None:
            raise InvalidArgument(
                f"[quantize] {name} has no effect with a saved recipe, which holds all options. Leave one out."
            )


def _chosen(where: str, name: str, enum: type, value: Any) -> Any:
    """Like as_enum, for options that have no None."""
    return as_enum(where, name, enum, "None" if value is None else value)


def _shard(shard: Any) -> tuple[int, int]:
    try:
        index, count = shard
    except (TypeError, ValueError):
        raise InvalidArgument(
            f"[calibrate] shard is {shard!r}. Pass a pair (index, count)."
        ) from None
    count = as_count("calibrate", "the count of shard", count, 1)
    index = as_count("calibrate", "the index of shard", index, 0)
    if index >= count:
        raise InvalidArgument(f"[calibrate] shard is {shard!r}. The index must be below the count.")
    return index, count


def _source(
    where: str, data: Any, statistics_too: bool
) -> Dataset | _eightbit.Dataset | _eightbit.Statistics:
    if isinstance(data, (Dataset, _eightbit.Dataset)) or (
        statistics_too and isinstance(data, _eightbit.Statistics)
    ):
        return data
    what = "eightbit.Dataset(data, transform_func)" + (
        " or eightbit.Statistics" if statistics_too else ""
    )
    raise InvalidArgument(f"[{where}] calibration_dataset is a {type(data).__name__}. Pass {what}.")


def _prepared(
    where: str, model: Any, data: Any, engine: Engine, subset_size: int = 1, data_dir: Any = None
) -> tuple[_eightbit.Model, Any]:
    """The handle of a model and the library's twin of `data`: a Dataset, or Statistics."""
    if is_torch(model):
        from eightbit.torch.prepare import prepare

        return prepare(where, model, data, as_enum(where, "engine", Engine, engine), subset_size)
    native = to_native_model(model, engine, data_dir)
    return native, data._native() if isinstance(data, Dataset) else data
