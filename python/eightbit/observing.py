"""Calibration through code of the user's own: the user runs, eightbit watches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, TypedDict, Unpack

from eightbit import _eightbit
from eightbit._arguments import as_count
from eightbit._logging import logger
from eightbit._run import ProgressCallback, run_options
from eightbit.data.dataset import Dataset
from eightbit.errors import DataError, InvalidArgument
from eightbit.frameworks import Framework, Settings, framework_of
from eightbit.parameters import Engine, ModelType
from eightbit.quantization.quantize_model import (
    calibrate_options,
    quantize_native,
    quantize_native_with,
)
from eightbit.quantization.range_estimator import RangeEstimatorParameters


class ObserveKeywords(TypedDict, total=False):
    subset_size: int
    model_type: ModelType | None
    activations_range_estimator_params: RangeEstimatorParameters | None
    engine: Engine
    threads: int
    progress: ProgressCallback | None


def observe(*models: Any, **options: Unpack[ObserveKeywords]) -> Observation:
    """Observers of the models, which are called in their place and measure what goes through.

        with eightbit.observe(detector, recognizer) as (detect, recognize):
            for picture in pictures:
                read_text(picture, detect, recognize)
        detector, recognizer = ...  # observation.quantize()

    subset_size: how many samples of each model are measured, 300; the items of a batch count. What is called beyond is
        computed and no longer measured.
    threads: 0 uses all cores. With 1 the statistics of an OpenVINO model are those of `calibrate` for the same inputs,
        byte for byte, as those of Keras and TensorFlow are; more threads share one inference of OpenVINO, and sums may
        differ in their last bits.
    Other options: see `calibrate`.
    """
    if not models:
        raise InvalidArgument("[observe] there is no model. Pass at least one.")
    return Observation([Observer(model, **options) for model in models])


class Observer:
    """A model that is called as its users call it, and measured meanwhile.

    Outputs are computed in f32, as NumPy arrays (as the model's own where it is PyTorch's or TensorFlow's). Calls of several
    threads wait for each other. A call that fails is not measured; what was measured before stays.
    """

    def __init__(
        self,
        model: Any,
        *,
        subset_size: int = 300,
        model_type: ModelType | None = None,
        activations_range_estimator_params: RangeEstimatorParameters | None = None,
        engine: Engine = Engine.AUTO,
        threads: int = 0,
        progress: ProgressCallback | None = None,
    ):
        """See `observe`. Raises what `calibrate` raises for the model and the options."""
        options = calibrate_options(
            "observe", subset_size, model_type, (0, 1), activations_range_estimator_params
        )
        self._set_up(model, options, engine, as_count("observe", "threads", threads, 0), progress)

    @classmethod
    def by_options(cls, model: Any, options: _eightbit.CalibrateOptions) -> Observer:
        """By options that are the library's already."""
        observer = cls.__new__(cls)
        observer._set_up(model, options, Engine.AUTO, 0, None)
        return observer

    def _set_up(
        self,
        model: Any,
        options: _eightbit.CalibrateOptions,
        engine: Engine,
        threads: int,
        progress: ProgressCallback | None,
    ) -> None:
        self.model = model
        self._framework: Framework = framework_of(model)
        self._options, self._threads, self._progress = options, threads, progress
        self._settings = Settings(engine, None, options.subset_size)
        self._native: _eightbit.Model | None = None
        self._observer: _eightbit.Observer | None = None
        if not self._framework.needs_sample(model):
            self._begin(self._framework.read(model, self._settings))

    def _begin(self, native: _eightbit.Model) -> None:
        self._native = native
        nothing = _quiet if self._progress is None else self._progress
        with run_options("observe", self._threads, nothing) as run:
            self._observer = _eightbit.Observer(native, self._options, run)

    @property
    def name(self) -> str:
        """Of the model, as messages call it."""
        for attribute in ("friendly_name", "get_friendly_name", "name"):
            value = getattr(self.model, attribute, None)
            value = value() if callable(value) else value
            if isinstance(value, str):
                return value
        return self.model if isinstance(self.model, str) else type(self.model).__name__

    @property
    def inputs(self) -> Sequence[Any]:
        """An openvino.Model's own ports; else the library's, with `name`, `dtype` and `shape`."""
        return getattr(self.model, "inputs", None) or self._handle().inputs()

    @property
    def outputs(self) -> Sequence[Any]:
        return getattr(self.model, "outputs", None) or self._handle().outputs()

    def input(self, index: int = 0) -> Any:
        return self.inputs[index]

    def output(self, index: int = 0) -> Any:
        return self.outputs[index]

    def get_inputs(self) -> Sequence[Any]:
        """As an onnxruntime.InferenceSession has them."""
        return self.inputs

    def get_outputs(self) -> Sequence[Any]:
        return self.outputs

    @property
    def calls(self) -> int:
        return self._observer.calls if self._observer else 0

    @property
    def samples(self) -> int:
        """Measured so far."""
        return self._observer.samples if self._observer else 0

    def __call__(self, *inputs: Any, **keywords: Any) -> Any:
        """As the compiled model is called: with an array, a list of arrays or a dict by name, index or port, and what comes
        back is looked up by index, name or port. A torch.nn.Module, a Keras model, a tf.Module or a function is called with its
        own arguments and returns what it returns."""
        if self._is_run_by_python():
            return self._call_module(inputs, keywords)
        given = inputs[0] if len(inputs) == 1 else list(inputs)
        return Outputs(self.outputs, self._measured(self._by_name(given)))

    def infer_new_request(self, inputs: Any = None) -> Any:
        return self(inputs)

    def run(
        self,
        output_names: Sequence[str] | None,
        input_feed: Mapping[str, Any],
        run_options: Any = None,
    ) -> list[Any]:
        """As an onnxruntime.InferenceSession is run."""
        outputs = self(dict(input_feed))
        return [outputs[name] for name in output_names] if output_names else list(outputs.values())

    def reset_state(self) -> None:
        """The next call of a stateful model begins with fresh states. Else states go on from call to call."""
        if self._observer:
            self._observer.reset_state()

    def statistics(self) -> _eightbit.Statistics:
        """What `calibrate` makes of the same inputs. From here on, calls only compute. Raises DataError where the model was
        never called."""
        if self._observer is None:
            raise DataError(
                f"[observe] '{self.name}' was never called. Run the code around it on some samples first."
            )
        return self._observer.statistics()

    def quantize(self, **options: Any) -> Any:
        """The quantized model, with the options of `eightbit.quantize`, which also tells the errors."""
        return quantize_native(self._handle(), self.statistics(), **options)

    def quantize_with(self, options: _eightbit.QuantizeOptions) -> Any:
        """The same by options that are the library's already."""
        return quantize_native_with(self._handle(), self.statistics(), options)

    def _handle(self) -> _eightbit.Model:
        if self._native is None:
            raise DataError(
                f"[observe] '{self.name}' is read together with its first sample. Call it first."
            )
        return self._native

    def _is_run_by_python(self) -> bool:
        if self._native is None:
            return True
        return _eightbit.network_of(self._native) is not None

    def _call_module(self, inputs: tuple, keywords: dict) -> Any:
        item = keywords if keywords and not inputs else inputs if len(inputs) != 1 else inputs[0]
        if self._native is None:
            native, _ = self._framework.prepare(
                "observe", self.model, Dataset([item]), self._settings
            )
            self._begin(native)
        self._measured(next(self._framework.samples(self._native, [item])))
        return self.model(*inputs, **keywords)

    def _measured(self, inputs: Any) -> list[Any]:
        return self._observer.run(inputs, False)

    def _by_name(self, inputs: Any) -> Any:
        if not isinstance(inputs, Mapping):
            return inputs
        return {_input_name(self.inputs, key): value for key, value in inputs.items()}


class Outputs(Mapping):
    """The outputs of one call, by index, name or port; `values()` are in the model's order."""

    def __init__(self, ports: Sequence[Any], arrays: list[Any]):
        self._ports, self._arrays = ports, arrays

    def __getitem__(self, key: Any) -> Any:
        at = key if isinstance(key, int) else _find(self._ports, key)
        if at is None or not -len(self._arrays) <= at < len(self._arrays):
            known = ", ".join(sorted(name for port in self._ports for name in _names(port)))
            raise KeyError(f"{key!r} is no output. There are: {known}")
        return self._arrays[at]

    def __iter__(self) -> Iterator[Any]:
        return iter(range(len(self._arrays)))

    def __len__(self) -> int:
        return len(self._arrays)

    def to_tuple(self) -> tuple:
        return tuple(self._arrays)

    def to_dict(self) -> dict:
        return dict(zip(self._ports, self._arrays, strict=True))


class Observation(Sequence):
    """Observers of models that run together. As a context it gives the one observer, or the tuple of several."""

    def __init__(self, observers: list[Observer]):
        self._observers = observers

    def __getitem__(self, index: Any) -> Any:
        return self._observers[index]

    def __len__(self) -> int:
        return len(self._observers)

    def __enter__(self) -> Any:
        return self._observers[0] if len(self._observers) == 1 else tuple(self._observers)

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is lost: the observers stay, with what they have measured."""

    def quantize(self, *, every: bool = False, **options: Any) -> list[Any]:
        """The quantized models, in order. One that was never called stays as it is, with a warning; with `every`,
        DataError. Other options: see `eightbit.quantize`."""
        models = []
        for observer in self._observers:
            if observer.calls == 0 and not every:
                logger.warning(
                    "'%s' was never called and stays in float. Run samples that reach it, or leave it out.",
                    observer.name,
                )
                models.append(observer.model)
            else:
                models.append(observer.quantize(**options))
        return models


def _quiet(step: str, done: int, total: int) -> None:
    pass


def _names(port: Any) -> set[str]:
    names = getattr(port, "names", None)
    return set(names) if names else {getattr(port, "name", None) or port.node.friendly_name}


def _find(ports: Sequence[Any], key: Any) -> int | None:
    wanted = {key} if isinstance(key, str) else _names(key)
    return next((i for i, port in enumerate(ports) if wanted & _names(port)), None)


def _input_name(ports: Sequence[Any], key: Any) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, int):
        if not 0 <= key < len(ports):
            raise DataError(f"[observe] there is no input {key}: the model has {len(ports)}.")
        key = ports[key]
    return sorted(_names(key))[0]
