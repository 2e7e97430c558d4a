"""How far a quantized model is from its float model, what a model consists of, and how fast it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eightbit import _eightbit
from eightbit._arguments import as_count
from eightbit._models import to_native_model
from eightbit._run import ProgressCallback, run_options
from eightbit.data.dataset import Dataset
from eightbit.errors import InvalidArgument
from eightbit.frameworks import framework_of


def compare(
    reference: Any,
    quantized: Any,
    dataset: Dataset | _eightbit.Dataset,
    *,
    subset_size: int = 300,
    threads: int = 0,
    progress: ProgressCallback | None = None,
) -> _eightbit.CompareResult:
    """Runs both models (each an openvino.Model, an onnx.ModelProto or a path) on up to `subset_size` samples.

    Returns signal-to-noise ratios in dB and cosine similarities of the outputs, and of all layers that both models
    have; for layers also the ratio with that layer alone quantized. Raises InvalidArgument when inputs or outputs of the
    models do not match.
    """
    count = as_count("compare", "subset_size", subset_size, 1)
    first, second = framework_of(reference), framework_of(quantized)
    if first is second:
        models, source = first.prepare_two(
            (reference, quantized), _checked("compare", dataset), count
        )
    else:
        source = _data("compare", dataset)
        models = to_native_model(reference), to_native_model(quantized)
    with run_options("compare", threads, progress) as run:
        return _eightbit.compare(*models, source, count, run)


def report(
    reference: Any,
    quantized: Any,
    dataset: Dataset | _eightbit.Dataset,
    *,
    subset_size: int = 100,
    threads: int = 0,
    progress: ProgressCallback | None = None,
) -> _eightbit.ModelReport:
    """Which layers of a quantized model hurt, why, and what to do about it; `.save("report.html")` writes the page.

    reference, quantized: each an openvino.Model, an onnx.ModelProto or a path. Any quantized model will do whose layers
        keep their names, also one of another tool.
    dataset: samples that calibration did not see tell most.
    subset_size: how many samples layers are measured on, at least 1. They are kept on disk meanwhile.

    Raises InvalidArgument when inputs or outputs of the models do not match, DataError for samples.
    """
    source = _data("report", dataset)
    count = as_count("report", "subset_size", subset_size, 1)
    models = to_native_model(reference), to_native_model(quantized)
    with run_options("report", threads, progress) as run:
        return _eightbit.report(*models, source, count, run)


def _checked(where: str, dataset: Any) -> Dataset | _eightbit.Dataset:
    if not isinstance(dataset, (Dataset, _eightbit.Dataset)):
        raise InvalidArgument(
            f"[{where}] dataset is a {type(dataset).__name__}. Pass eightbit.Dataset(data)."
        )
    return dataset


def _data(where: str, dataset: Any) -> _eightbit.Dataset:
    dataset = _checked(where, dataset)
    return dataset._native() if isinstance(dataset, Dataset) else dataset


def inspect(model: Any, sample: Any = None) -> _eightbit.Inspection:
    """Counts a model's ops, quantizers and weight bytes, and tells what precision the runtime executes each layer in.

    sample: one input of the model, as an item of a Dataset. None: zeros, with 1 for each unknown dimension.
    """
    return _eightbit.inspect(to_native_model(model), _sample(sample))


def benchmark(
    models: Any,
    sample: Any = None,
    *,
    seconds: float = 5.0,
    rounds: int = 5,
    progress: ProgressCallback | None = None,
) -> list[_eightbit.BenchmarkRow]:
    """Latency and throughput of each model; the models take turns, so that a busy machine is fair to all of them.

    models: a list of openvino.Model or paths, or one of them.
    sample: one input, as an item of a Dataset. None: zeros, with 1 for each unknown dimension.
    seconds: for each model and measurement. rounds: how often the models take turns.
    """
    if not isinstance(models, Sequence) or isinstance(models, str):
        models = [models]
    if not seconds > 0:
        raise InvalidArgument(f"[benchmark] seconds is {seconds!r}. It must be above 0.")
    count = as_count("benchmark", "rounds", rounds, 1)
    native = [to_native_model(model) for model in models]
    with run_options("benchmark", 0, progress) as run:
        return _eightbit.benchmark(native, _sample(sample), float(seconds), count, run)


def _sample(sample: Any) -> _eightbit.Sample | None:
    return None if sample is None else _eightbit.Sample(sample)
