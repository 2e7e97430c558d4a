"""Runs spread over other processes: any concurrent.futures.Executor, so also those of mpi4py, dask.distributed and loky, and Ray
through `ray_executor`.

Samples are measured in shares, as `calibrate(shard=)` does, and joined: the result is that of one process, byte for byte. Models
travel as paths, or as bytes once a worker where it cannot see the file; statistics and scores come back. What a worker that dies
or hangs was to do is done in this process; an answer that comes twice counts once.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from pathlib import Path
from typing import Any

from eightbit import _eightbit
from eightbit._logging import logger
from eightbit.data.dataset import Dataset
from eightbit.errors import Error, InvalidArgument, Unsupported
from eightbit.frameworks import Settings, framework_of
from eightbit.parameters import Engine

# A share that takes so many times as long as the longest one that is done, and so many seconds more, is lost.
LATE_FACTOR, LATE_SECONDS = 5, 30


class Workers:
    """The workers of an executor, for one model."""

    def __init__(self, where: str, executor: Executor, model: Any, engine: Engine, threads: int):
        if not callable(getattr(executor, "submit", None)):
            raise InvalidArgument(
                f"[{where}] executor is a {type(executor).__name__}. Pass a concurrent.futures.Executor, such as "
                "ProcessPoolExecutor, MPIPoolExecutor of mpi4py, Client.get_executor() of dask, or ray_executor()."
            )
        self.where, self.count = where, worker_count(executor)
        self._executor = executor
        self._threads = threads or max(1, (os.cpu_count() or 1) // self.count)
        self._folder = tempfile.TemporaryDirectory(prefix="eightbit-")
        self._path = _path_of(where, model, Path(self._folder.name), engine)
        self._engine, self._key = engine.value, _digest(self._path)
        self._paths = {self._key: self._path}  # of the models that workers may ask for

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def model(self) -> _eightbit.Model:
        """What the workers have."""
        return _eightbit.Model.read(str(self._path), self._engine)

    def calibrate(
        self, data: Any, options: _eightbit.CalibrateOptions, checkpoint: Any, progress: Any
    ) -> _eightbit.Statistics:
        """What all shares of the data give."""
        shares = self._shares(data, options, checkpoint, progress, None)
        merged = _eightbit.Statistics.merge(shares)
        if callable(data) and merged.samples < options.subset_size:
            # Which inputs are kept depends on how many samples there are, which no share could know.
            shares = self._shares(data, options, None, progress, merged.samples)
            merged = _eightbit.Statistics.merge(shares)
        return merged

    def spread(self, context: bytes, tasks: list[str]) -> list[str]:
        """RunOptions.spread."""
        key = hashlib.sha256(context).hexdigest()
        pieces = [tasks[index :: self.count] for index in range(min(self.count, len(tasks)))]
        jobs = [self._job("work_out", context=key, tasks=piece) for piece in pieces]
        answers = self._answers(jobs, {key: context})
        out = [""] * len(tasks)
        for index, piece in enumerate(answers):
            out[index :: self.count] = piece
        return out

    def validations(self, function: Callable, data: Dataset) -> Callable | None:
        """Validates a list of models, each in a worker. None where the function or the data cannot be sent to them."""
        context = _pickled((function, data))
        if context is None:
            logger.info(
                "models are validated one after the other: validation_fn or its data cannot be sent to workers. A function "
                "of a module, and data that can be pickled, can"
            )
            return None
        key = hashlib.sha256(context).hexdigest()

        def together(models: list[_eightbit.Model]) -> list[tuple]:
            with tempfile.TemporaryDirectory(dir=self._folder.name) as folder:
                written = [self._written(each, Path(folder, str(n))) for n, each in enumerate(models)]  # fmt: skip
                jobs = [{**self._job("validate", context=key), **each} for each in written]
                return self._answers(jobs, {key: context})

        return together

    def _written(self, model: _eightbit.Model, folder: Path) -> dict[str, str]:
        """A model of the search, as workers get at it."""
        path = folder / ("model.onnx" if model.is_onnx else "model.xml")
        folder.mkdir()
        model.save(str(path))
        key = _digest(path)
        self._paths[key] = path
        return {"model": key, "path": str(path)}

    def _shares(
        self, data: Any, options: Any, checkpoint: Any, progress: Any, size: int | None
    ) -> list[_eightbit.Statistics]:
        given = {
            name: getattr(options, name)
            for name in ("subset_size", "kept_inputs", "model_type")
            if getattr(options, name) is not None
        }
        estimators = options.activations_range_estimator_params
        files = [_share_file(checkpoint, index, self.count) for index in range(self.count)]
        shares: dict[int, _eightbit.Statistics] = {
            index: _eightbit.Statistics.load(file) for index, file in enumerate(files) if file and file.exists()
        }  # fmt: skip
        missing = [index for index in range(self.count) if index not in shares]
        jobs = [
            self._job(
                "calibrate", data=data, options=given, estimators=_eightbit.QuantizeOptions.to_json(_holding(estimators)),
                index=index, count=self.count, size=size,
            )
            for index in missing
        ]  # fmt: skip

        def came(at: int, answer: bytes | None) -> None:
            if answer is None:  # more workers than samples
                return
            share = pickle.loads(answer)
            if files[missing[at]]:
                share.save(files[missing[at]], overwrite=True)
            shares[missing[at]] = share
            if progress:
                progress("calibrate", sum(each.samples for each in shares.values()), 0)

        self._answers(jobs, {}, came)
        if not shares:
            raise InvalidArgument(f"[{self.where}] the dataset gave no samples to any worker. Check that it is not empty.")  # fmt: skip
        return [shares[index] for index in sorted(shares)]

    def _job(self, kind: str, **what: Any) -> dict[str, Any]:
        return {
            "kind": kind, "model": self._key, "path": str(self._path), "engine": self._engine,
            "threads": self._threads, **what,
        }  # fmt: skip

    def _answers(self, jobs: list[dict], blobs: dict[str, bytes], came: Callable | None = None) -> list[Any]:  # fmt: skip
        """One for each job, in order, whatever happens to workers."""
        return _Answers(self._executor, jobs, lambda keys: self._blobs(keys, blobs), came).all()

    def _blobs(self, keys: Iterable[str], blobs: dict[str, bytes]) -> dict[str, bytes | dict]:
        return {key: blobs[key] if key in blobs else _files_of(self._paths[key]) for key in keys}


class Needs:
    """The answer of a worker that has not seen something yet."""

    def __init__(self, keys: list[str]):
        self.keys = keys


class _Answers:
    """Jobs that are given out, and what became of them."""

    def __init__(
        self, executor: Executor, jobs: list[dict], blobs: Callable, came: Callable | None
    ):
        self._executor, self._jobs, self._blobs_of, self._came = executor, jobs, blobs, came
        self._answers: dict[int, Any] = {}
        self._running: dict[Future, int] = {}
        self._began = time.monotonic()
        self._longest = 0.0

    def all(self) -> list[Any]:
        for index in range(len(self._jobs)):
            self._submit(index, {})
        while len(self._answers) < len(self._jobs):
            done, _ = wait(list(self._running), timeout=1.0, return_when=FIRST_COMPLETED)
            for future in done:
                self._take(self._running.pop(future), future)
            self._give_up_late_ones()
        for future in self._running:
            future.cancel()
        return [self._answers[index] for index in range(len(self._jobs))]

    def _submit(self, index: int, blobs: dict) -> None:
        try:
            self._running[self._executor.submit(work, {**self._jobs[index], "blobs": blobs})] = (
                index
            )
        except (RuntimeError, OSError) as error:  # a pool that is broken takes nothing
            self._work_here(index, error)

    def _take(self, index: int, future: Future) -> None:
        if index in self._answers:
            return
        try:
            answer = future.result()
        except Error:
            raise
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            raise InvalidArgument(
                f"[executor] the data cannot be sent to workers: {error}. Pass a Dataset over something that can be pickled, "
                "or a function (worker, workers) that makes the data there."
            ) from error
        except (Exception, CancelledError) as error:
            return self._work_here(index, error)
        if isinstance(answer, Needs):
            return self._submit(index, self._blobs_of(answer.keys))
        self._found(index, answer)

    def _work_here(self, index: int, error: BaseException) -> None:
        logger.warning(
            "a worker was lost (%s: %s); its share is done here", type(error).__name__, error
        )
        answer = work({**self._jobs[index], "blobs": {}})
        if isinstance(answer, Needs):
            answer = work({**self._jobs[index], "blobs": self._blobs_of(answer.keys)})
        self._found(index, answer)

    def _found(self, index: int, answer: Any) -> None:
        self._longest = max(self._longest, time.monotonic() - self._began)
        self._answers[index] = answer
        if self._came:
            self._came(index, answer)

    def _give_up_late_ones(self) -> None:
        late = time.monotonic() - self._began > LATE_FACTOR * self._longest + LATE_SECONDS
        if not late or not self._answers:
            return
        for index in range(len(self._jobs)):
            if index not in self._answers:
                self._work_here(index, TimeoutError("it takes far longer than the others"))


def worker_count(executor: Executor) -> int:
    """How many workers an executor has, as far as it tells; else the number of cores."""
    for name in ("num_workers", "_max_workers"):
        count = getattr(executor, name, None)
        if isinstance(count, int) and count > 0:
            return count
    client = getattr(executor, "_client", None)  # dask.distributed
    if client is not None:
        return max(1, len(client.scheduler_info()["workers"]))
    return os.cpu_count() or 1


def _pickled(thing: Any) -> bytes | None:
    """By cloudpickle where it is installed, as it takes functions of any place."""
    try:
        from cloudpickle import dumps
    except ImportError:
        from pickle import dumps
    try:
        return dumps(thing)
    except Exception:  # whatever the user's classes raise
        return None


# In the worker

# The model, its path, and the folder where it lies until it is forgotten, if it came as bytes.
_MODELS: dict[str, tuple[_eightbit.Model, str, tempfile.TemporaryDirectory | None]] = {}
_CONTEXTS: dict[str, bytes] = {}
_VALIDATIONS: dict[str, tuple[Callable, Dataset]] = {}


def work(job: dict[str, Any]) -> Any:
    """What a worker does: Needs, or the answer."""
    missing = _missing(job)
    if missing:
        return Needs(missing)
    model, path, _ = _MODELS[job["model"]]
    if job["kind"] == "work_out":
        context = _CONTEXTS[job["context"]]
        return [_eightbit.work_out(model, context, task, job["threads"]) for task in job["tasks"]]
    if job["kind"] == "validate":
        from eightbit.quantization.accuracy_control import evaluated

        metric, values, _ = evaluated(*_unpickled(job["context"]), model)
        return metric, values, None
    return _share(model, path, job)


def _unpickled(key: str) -> tuple[Callable, Dataset]:
    """The validation of a context: once a worker, as data may be large."""
    if key not in _VALIDATIONS:
        _remember(_VALIDATIONS, key, pickle.loads(_CONTEXTS[key]))
    return _VALIDATIONS[key]


def _missing(job: dict[str, Any]) -> list[str]:
    """Takes what came with the job, and names what it lacks."""
    missing = []
    key = job["model"]
    if key not in _MODELS and key in job["blobs"]:
        folder = tempfile.TemporaryDirectory(prefix="eightbit-")
        for name, content in job["blobs"][key].items():
            path = Path(folder.name) / name
            path.write_bytes(content)
        first = Path(folder.name) / Path(job["path"]).name
        _remember(
            _MODELS, key, (_eightbit.Model.read(str(first), job["engine"]), str(first), folder)
        )
    elif key not in _MODELS and os.path.exists(job["path"]) and _digest(job["path"]) == key:
        _remember(
            _MODELS, key, (_eightbit.Model.read(job["path"], job["engine"]), job["path"], None)
        )
    elif key not in _MODELS:
        missing.append(key)
    context = job.get("context")
    if context is not None and context not in _CONTEXTS:
        if context in job["blobs"]:
            _remember(_CONTEXTS, context, job["blobs"][context])
        else:
            missing.append(context)
    return missing


def _remember(things: dict[str, Any], key: str, value: Any) -> None:
    """The last two."""
    while len(things) > 1:
        del things[next(iter(things))]
    things[key] = value


def _share(model: _eightbit.Model, path: str, job: dict[str, Any]) -> bytes | None:
    index, count = job["index"], job["count"]
    options = _eightbit.CalibrateOptions()
    for name, value in job["options"].items():
        setattr(options, name, value)
    given = _eightbit.QuantizeOptions.from_json(job["estimators"]).advanced_parameters
    options.activations_range_estimator_params = given.activations_range_estimator_params
    options.shard = (index, count)
    data = job["data"]
    if not isinstance(data, Dataset) and callable(data):
        data = data(index, count)
        if not isinstance(data, (Dataset, _eightbit.Dataset)):
            data = Dataset(_Interleaved(data, index, count, job["size"]))
    _, source = framework_of(path).prepare("calibrate", path, data, Settings(Engine(job["engine"])))
    run = _eightbit.RunOptions(threads=job["threads"], checkpoint="", best_model="")
    try:
        return pickle.dumps(_eightbit.calibrate(model, source, options, run))
    except Error as error:
        if "this shard has a share" in str(error):
            return None
        raise


class _Interleaved:
    """The share of a worker at its places among all samples. What stands at the places of others is not measured."""

    def __init__(self, items: Iterable[Any], index: int, count: int, size: int | None):
        self._items, self._index, self._count, self._size = items, index, count, size

    def __iter__(self) -> Iterator[Any]:
        place = 0
        for item in self._items:
            while place % self._count != self._index:
                yield item
                place += 1
            yield item
            place += 1
        while self._size is not None and place < self._size:
            yield item
            place += 1


# Models


def _path_of(where: str, model: Any, folder: Path, engine: Engine) -> Path:
    """A file of the model: its own, or one that is written for the workers."""
    if isinstance(model, (str, os.PathLike)):
        return Path(model)
    native = framework_of(model).read(model, Settings(engine))
    if _eightbit.network_of(native) is not None:
        raise Unsupported(
            f"[{where}] a {type(model).__name__} cannot be sent to workers. Leave executor out, or export it to a file."
        )
    path = folder / ("model.onnx" if native.is_onnx else "model.xml")
    native.save(str(path))
    return path


def _files_of(path: Path) -> dict[str, bytes]:
    files = [path, path.with_suffix(".bin")] if path.suffix == ".xml" else [path]
    return {file.name: file.read_bytes() for file in files}


def _digest(path: str | os.PathLike) -> str:
    """Of a model's files; of a folder, its name."""
    path = Path(path)
    if path.is_dir():
        return hashlib.sha256(str(path.resolve()).encode()).hexdigest()
    whole = hashlib.sha256()
    for content in _files_of(path).values():
        whole.update(content)
    return whole.hexdigest()


def _share_file(checkpoint: Any, index: int, count: int) -> Path | None:
    return Path(f"{os.fspath(checkpoint)}.share-{index}-of-{count}") if checkpoint else None


def remove_shares(checkpoint: Any, count: int) -> None:
    """The shares that were kept beside a checkpoint."""
    for index in range(count):
        _share_file(checkpoint, index, count).unlink(missing_ok=True)


def _holding(estimators: Any) -> _eightbit.QuantizeOptions:
    options = _eightbit.QuantizeOptions()
    advanced = options.advanced_parameters
    advanced.activations_range_estimator_params = estimators
    options.advanced_parameters = advanced
    return options


def ray_executor(workers: int | None = None, **options: Any) -> Executor:
    """Workers of a Ray cluster as an Executor: actors, each on a core of its own.

    workers: how many; None: as many as the cluster has cores. options: of `ray.remote` for each of them, such as
        num_cpus=4. Needs `pip install eightbit[ray]`, and `ray.init()` before it where the cluster is elsewhere.
    """
    from eightbit._ray import RayExecutor

    return RayExecutor(workers, **options)
