"""quantize(), calibrate() and plan()."""

from __future__ import annotations

import os
from concurrent.futures import Executor
from typing import Any, Unpack

from eightbit import _eightbit
from eightbit._arguments import as_count, as_enum, as_instance, as_subset_size
from eightbit._models import from_native_model, to_native_model
from eightbit._native import ignored_scope_of, to_native
from eightbit._run import ProgressCallback, run_options
from eightbit.data.dataset import Dataset
from eightbit.errors import InvalidArgument
from eightbit.executors import Workers
from eightbit.frameworks import framework_of
from eightbit.parameters import Engine, ModelType, Recipe
from eightbit.quantization.options import (
    PlanKeywords,
    QuantizeKeywords,
    QuantizeOptions,
    TuneKeywords,
    takes,
)
from eightbit.quantization.range_estimator import RangeEstimatorParameters


@takes(QuantizeKeywords)
def quantize(
    model: Any,
    calibration_dataset: Dataset | _eightbit.Dataset | _eightbit.Statistics | None = None,
    **options: Unpack[QuantizeKeywords],
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
    subset_size: how many samples are used, at least 1. Each item of a batch is a sample. None: as many as it takes until
        ranges and means have settled (docs/use.md), at most those that there are.
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
    strict: AccuracyNotReached, not a warning, where min_sqnr_db cannot be held.
    placement: PlacementMode.MEASURED puts layers back into float for which integers do not pay on this machine.
    engine: what runs an ONNX model. Engine.OPENVINO turns it into an openvino.Model.
    threads: 0 uses all cores. The result does not depend on it.
    checkpoint: a path; statistics are kept there while they are measured, and what later steps find in a file beside it
        (.steps). A run that was stopped or killed goes on from there when it is called again, and comes to the same model.
    best_model: a path (.xml, .onnx); the best model so far is written there before the runtime tries it and at each
        improvement, so that nothing is lost when the runtime crashes or the run is stopped. None: a file among the temporary
        ones, which messages name and which is removed at the end (models below 256 MB).
    max_memory: what may become resident above what is when the call begins, with the model loaded: bytes, or a text such as
        "2GB". The result is the same. InvalidArgument, before data is read, where it is not enough. Where the C library is
        glibc, it keeps no freed block above 256 kB from then on, in the whole process.
    executor: a concurrent.futures.Executor, whose workers measure shares of the data, and work out what tune and accuracy
        control try: a ProcessPoolExecutor, MPIPoolExecutor of mpi4py, Client.get_executor() of dask, those of loky, or
        eightbit.ray_executor(). The model must be a file or an OpenVINO or ONNX model; the data a Dataset that can be pickled,
        or a function (worker, workers), called in each worker, that returns a Dataset, or the items of this worker: worker,
        worker + workers, ... The result is the same (docs/many_machines.md).
    progress: called as progress(step, done, total) from this thread; total is 0 where it is not known. None draws a
        line on stderr if that is a terminal.
    report: an empty `Report`, which is filled in.

    Raises InvalidArgument for options, DataError for samples (it names the sample), ModelError, Unsupported,
    UnsupportedBackendError, FileError; KeyboardInterrupt for Ctrl-C.
    """
    chosen = QuantizeOptions(**options)
    saved = _saved_recipe(chosen.recipe)
    if saved is not None:
        return _quantize_again(model, calibration_dataset, saved, chosen)
    native_options = chosen.native("quantize")
    _count_as_nncf(native_options, calibration_dataset)
    return _quantized(model, calibration_dataset, chosen, native_options)


def quantize_with(
    model: Any, calibration_dataset: Dataset, native_options: _eightbit.QuantizeOptions
) -> Any:
    """The same by options that are the library's already."""
    return _quantized(model, calibration_dataset, QuantizeOptions(), native_options)


def _quantized(
    model: Any, data: Any, chosen: QuantizeOptions, native_options: _eightbit.QuantizeOptions
) -> Any:
    with chosen.workers("quantize", model) as workers:
        source = _source("quantize", data, statistics_too=True, workers=workers)
        native, source = measured("quantize", model, source, chosen, native_options, workers)
        _name_nodes(native_options, native, chosen.ignored_scope)
        with chosen.run("quantize", native, workers) as run:
            return from_native_model(_eightbit.quantize(native, source, native_options, run))


def quantize_native(
    native: _eightbit.Model, statistics: _eightbit.Statistics, **options: Unpack[QuantizeKeywords]
) -> Any:
    """The same of a model that was read already."""
    chosen = QuantizeOptions(**options)
    native_options = chosen.native("quantize")
    _name_nodes(native_options, native, chosen.ignored_scope)
    with chosen.run("quantize", native) as run:
        return from_native_model(_eightbit.quantize(native, statistics, native_options, run))


def quantize_native_with(
    native: _eightbit.Model,
    statistics: _eightbit.Statistics,
    native_options: _eightbit.QuantizeOptions,
) -> Any:
    """The same by options that are the library's already."""
    with QuantizeOptions().run("quantize", native) as run:
        return from_native_model(_eightbit.quantize(native, statistics, native_options, run))


def _quantize_again(
    model: Any, data: Any, recipe: _eightbit.QuantizationRecipe, chosen: QuantizeOptions
) -> Any:
    with_sample = data is not None and framework_of(model).needs_sample(model)
    chosen.refuse_beside_recipe(calibration_dataset=None if with_sample else data)
    if with_sample:
        sample = _source("quantize", data, statistics_too=False)
        native, _ = _prepared("quantize", model, sample, chosen)
    else:
        native = to_native_model(model, chosen.engine)
    with chosen.run("quantize", native) as run:
        return from_native_model(_eightbit.quantize(native, recipe, run))


@takes(TuneKeywords)
def tune(
    model: Any,
    calibration_dataset: Dataset | _eightbit.Dataset | _eightbit.Statistics,
    *,
    result: _eightbit.TuneResult | None = None,
    **options: Unpack[TuneKeywords],
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
    chosen = QuantizeOptions(**options)
    native_options = chosen.native("tune")
    with chosen.workers("tune", model) as workers:
        source = _source("tune", calibration_dataset, statistics_too=True, workers=workers)
        native, source = measured("tune", model, source, chosen, native_options, workers)
        _name_nodes(native_options, native, chosen.ignored_scope)
        with chosen.run("tune", native, workers) as run:
            found = _eightbit.tune(native, source, native_options, run)
    if result is not None:
        result.assign(found)
    return from_native_model(found.native_model)


def calibrate(
    model: Any,
    calibration_dataset: Dataset | _eightbit.Dataset,
    *,
    subset_size: int | None = 300,
    model_type: ModelType | None = None,
    shard: tuple[int, int] = (0, 1),
    activations_range_estimator_params: RangeEstimatorParameters | None = None,
    engine: Engine = Engine.AUTO,
    threads: int = 0,
    checkpoint: str | os.PathLike | None = None,
    max_memory: int | str | None = None,
    executor: Executor | None = None,
    progress: ProgressCallback | None = None,
) -> _eightbit.Statistics:
    """Measures the dataset in one pass. `quantize(model, statistics, ...)` then needs no data.

    shard: (index, count): only samples index, index + count, ... are measured; `Statistics.merge` joins the shards.
    activations_range_estimator_params: quantiles are measured only when asked for here.
    executor: see `quantize`; with it the shares of its workers are joined.
    Other parameters, and errors: see `quantize`.
    """
    options = calibrate_options(
        "calibrate", subset_size, model_type, shard, activations_range_estimator_params
    )
    chosen = QuantizeOptions(
        subset_size=subset_size, engine=engine, threads=threads, executor=executor
    )
    with chosen.workers("calibrate", model) as workers:
        source = _source("calibrate", calibration_dataset, statistics_too=False, workers=workers)
        if workers is not None:
            if options.shard != (0, 1):
                raise InvalidArgument(
                    "[calibrate] shard and executor are both given. Leave one out."
                )
            return workers.calibrate(source, options, checkpoint, progress)
    native, source = _prepared("calibrate", model, source, chosen)
    with run_options("calibrate", threads, progress, checkpoint, max_memory=max_memory) as run:
        return _eightbit.calibrate(native, source, options, run)


def calibrate_options(
    where: str,
    subset_size: int | None,
    model_type: ModelType | None,
    shard: tuple[int, int],
    estimators: RangeEstimatorParameters | None,
) -> _eightbit.CalibrateOptions:
    """The library's own. Raises InvalidArgument."""
    options = _eightbit.CalibrateOptions()
    options.subset_size = as_subset_size(where, subset_size)
    options.model_type = to_native(as_enum(where, "model_type", ModelType, model_type))
    options.shard = _shard(shard)
    name = "activations_range_estimator_params"
    if as_instance(where, name, RangeEstimatorParameters, estimators) is not None:
        options.activations_range_estimator_params = to_native(estimators)
    return options


@takes(PlanKeywords)
def plan(
    model: Any,
    calibration_dataset: Dataset | _eightbit.Dataset | None = None,
    **options: Unpack[PlanKeywords],
) -> _eightbit.PlanPreview:
    """What `quantize` would do: where quantizers go and of what kind, what the ignored scope matched, why the rest stays in
    floating point.

    calibration_dataset: where it is given, its first 17 samples are measured, and `expected.seconds` of the result tells how
        long `quantize` will take. None: without data, and without a time.
    For the other parameters see `quantize`."""
    chosen = QuantizeOptions(**options)
    native_options = chosen.native("plan")
    if calibration_dataset is None:
        native = framework_of(model).read(model, chosen.settings("plan"))
        _name_nodes(native_options, native, chosen.ignored_scope)
        return _eightbit.plan(native, native_options)
    source = _source("plan", calibration_dataset, statistics_too=False)
    native, source = _prepared("plan", model, source, chosen)
    _name_nodes(native_options, native, chosen.ignored_scope)
    with chosen.run("plan", native, None) as run:
        return _eightbit.plan(native, source, native_options, run)


def _name_nodes(options: _eightbit.QuantizeOptions, native: _eightbit.Model, scope: Any) -> None:
    """Users of some frameworks know nodes by more names than the library does."""
    network = _eightbit.network_of(native)
    if network is not None:
        options.ignored_scope = ignored_scope_of("quantize", network.resolved(scope))


def _count_as_nncf(options: _eightbit.QuantizeOptions, dataset: Any) -> None:
    """Recipe nncf takes a batch for one sample, unless the source of the data tells that it makes batches."""
    advanced = options.advanced_parameters
    batched = isinstance(dataset, Dataset) and (dataset.get_batch_size() or 1) > 1
    if options.recipe == Recipe.NNCF and batched and advanced.batchwise_statistics is None:
        advanced.batchwise_statistics = True
        options.advanced_parameters = advanced


def _saved_recipe(recipe: Any) -> _eightbit.QuantizationRecipe | None:
    """The recipe of an earlier run; None where `recipe` names a set of defaults."""
    if isinstance(recipe, os.PathLike) or (isinstance(recipe, str) and recipe.endswith(".json")):
        return _eightbit.QuantizationRecipe.load(os.fspath(recipe))
    return recipe if isinstance(recipe, _eightbit.QuantizationRecipe) else None


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


def _source(where: str, data: Any, statistics_too: bool, workers: Workers | None = None) -> Any:
    if workers is not None and isinstance(data, _eightbit.Dataset):
        raise InvalidArgument(
            f"[{where}] what open_files returned cannot be sent to workers. Pass a function instead: "
            "lambda worker, workers: eightbit.open_files(...)"
        )
    if workers is not None and callable(data):
        return data
    if isinstance(data, (Dataset, _eightbit.Dataset)) or (
        statistics_too and isinstance(data, _eightbit.Statistics)
    ):
        return data
    what = "eightbit.Dataset(data, transform_func)" + (
        " or eightbit.Statistics" if statistics_too else ""
    )
    raise InvalidArgument(f"[{where}] calibration_dataset is a {type(data).__name__}. Pass {what}.")


def measured(
    where: str,
    model: Any,
    data: Any,
    chosen: QuantizeOptions,
    native_options: _eightbit.QuantizeOptions,
    workers: Workers | None,
    kept_inputs: int = _eightbit.inputs_for_any_options(),
) -> tuple[_eightbit.Model, Any]:
    """The handle of a model and what it is quantized from: data, or with workers the statistics that they measured."""
    if workers is None or isinstance(data, _eightbit.Statistics):
        return _prepared(where, model, data, chosen)
    options = _eightbit.CalibrateOptions()
    options.subset_size, options.kept_inputs = native_options.subset_size, kept_inputs
    options.model_type = native_options.model_type
    advanced = native_options.advanced_parameters
    options.activations_range_estimator_params = advanced.activations_range_estimator_params
    statistics = workers.calibrate(data, options, chosen.checkpoint, chosen.progress)
    return workers.model(), statistics


def _prepared(
    where: str, model: Any, data: Any, chosen: QuantizeOptions
) -> tuple[_eightbit.Model, Any]:
    """The handle of a model and the library's twin of `data`: a Dataset, or Statistics."""
    return framework_of(model).prepare(where, model, data, chosen.settings(where))
