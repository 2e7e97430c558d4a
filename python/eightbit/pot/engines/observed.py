"""The parts of a model that an engine of the user's own reshapes, compiles and runs, measured meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import openvino

from eightbit import _eightbit
from eightbit._models import from_native_model, to_native_model
from eightbit.errors import DataError
from eightbit.observing import Observer, Outputs
from eightbit.quantization.accuracy_control import control_accuracy_of

_MARK = ["eightbit", "part"]  # in a model's runtime information


class Core(openvino.Core):
    """An openvino.Core that knows again what it gave out: while a model is observed, its parts are run by their observers."""

    def __init__(self):
        super().__init__()
        self._observed: Mapping[str, ObservedPart] = {}

    def part(self, model: Any, name: str) -> Any:
        """A copy of the part `name`, for an engine to reshape, to add outputs to and to compile."""
        copy = model.clone()
        copy.set_rt_info(name, _MARK)
        return copy

    @contextmanager
    def observing(self, parts: Mapping[str, ObservedPart]) -> Iterator[None]:
        self._observed = parts
        try:
            yield
        finally:
            self._observed = {}

    def compile_model(self, model: Any, *arguments: Any, **keywords: Any) -> Any:
        if self._observed and isinstance(model, openvino.Model) and model.has_rt_info(_MARK):
            name = model.get_rt_info(_MARK).astype(str)
            return ObservedModel(self._observed[name], model)
        return super().compile_model(model, *arguments, **keywords)


class ObservedPart:
    """A part and its observer, which begins when the engine first compiles the part.

    Axes that the engine had reshaped by then may have any size from call to call, and so may the first one where the engine
    reshapes at all; other sizes are the part's own.
    """

    def __init__(self, name: str, model: Any, options: _eightbit.CalibrateOptions):
        self.name, self._model, self._options = name, model, options
        self._observer: Observer | None = None
        self._own = [port.partial_shape for port in model.inputs]

    @property
    def calls(self) -> int:
        return self._observer.calls if self._observer else 0

    @property
    def samples(self) -> int:
        return self._observer.samples if self._observer else 0

    def observer_for(self, model: Any) -> Observer:
        """model: the part as the engine compiles it. Raises DataError where the observer that there is cannot take it."""
        shapes = [port.partial_shape for port in model.inputs]
        if self._observer is None:
            self._observer = Observer.by_options(self._open(shapes), self._options)
        known = [port.partial_shape for port in self._observer.inputs]
        if not all(_holds(wide, one) for wide, one in zip(known, shapes, strict=True)):
            raise DataError(
                f"[pot] the part '{self.name}' was run as {known[0]} first and is {shapes[0]} now. Save it with dynamic axes (?) "
                "where its inputs change."
            )
        return self._observer

    def statistics(self) -> _eightbit.Statistics:
        """Of all that the part was run on. Raises DataError where it was never run."""
        if self._observer is None or self.calls == 0:
            raise DataError(f"[pot] the part '{self.name}' was never run.")
        return self._observer.statistics()

    def quantize(self, options: _eightbit.QuantizeOptions) -> Any:
        """The part in 8 bits, with the shapes that it came with."""
        return self._as_it_came(self._observer.quantize_with(options))

    def quantize_with_accuracy_control(
        self,
        margin_of: Callable[[Any], float],
        options: _eightbit.QuantizeOptions,
        control: _eightbit.AccuracyControlOptions,
    ) -> tuple[Any, _eightbit.AccuracyResult]:
        """The same, with layers in float until the metric has lost no more than `control` allows, and how that went.
        margin_of: the metric of the whole with an openvino.Model in the place of this part."""
        result = control_accuracy_of(
            to_native_model(self._observer.model),
            self.statistics(),
            lambda model: margin_of(self._as_it_came(model)),
            options,
            control,
        )
        return self._as_it_came(from_native_model(result.native_model)), result

    def _as_it_came(self, model: Any) -> Any:
        if any(self._observer.inputs[i].partial_shape != own for i, own in enumerate(self._own)):
            model.reshape(dict(enumerate(self._own)))
        return model

    def _open(self, shapes: list[Any]) -> Any:
        if all(one == own for one, own in zip(shapes, self._own, strict=True)):
            return self._model
        opened = self._model.clone()
        opened.reshape(
            {i: _opened(own, shapes[i]) for i, own in enumerate(self._own)}  # an index a port
        )
        return opened


def _opened(own: Any, run: Any) -> Any:
    """The part's own shape, with any size where it was run with another one, and on the first axis."""
    if own.rank.is_dynamic or run.rank.is_dynamic or own.rank != run.rank:
        return run
    axes = [
        openvino.Dimension() if axis == 0 or a != b else a
        for axis, (a, b) in enumerate(zip(own, run, strict=True))
    ]
    return openvino.PartialShape(axes)


def _holds(wide: Any, one: Any) -> bool:
    return wide.rank.is_dynamic or wide.compatible(one)


class ObservedModel:
    """What stands in the place of an openvino.CompiledModel."""

    def __init__(self, part: ObservedPart, model: Any):
        self._observer, self._model = part.observer_for(model), model
        self._whole: Any = None
        if len(model.outputs) > len(self._observer.outputs):  # the engine has added some
            self._whole = openvino.Core().compile_model(model, "CPU")

    @property
    def inputs(self) -> list[Any]:
        return self._model.inputs

    @property
    def outputs(self) -> list[Any]:
        return self._model.outputs

    def input(self, index: int = 0) -> Any:
        return self.inputs[index]

    def output(self, index: int = 0) -> Any:
        return self.outputs[index]

    def __call__(self, inputs: Any = None, **how: Any) -> Any:
        """As a compiled model: by a dict, a list or an array, and results by port, name or index. `how` shares memory or not,
        which changes nothing here."""
        arrays = list(self._observer(inputs).values())
        if self._whole is not None:
            arrays = list(self._whole(inputs).values())
        return Results(self.outputs, arrays)

    infer_new_request = __call__

    def create_infer_request(self) -> ObservedRequest:
        return ObservedRequest(self)


class ObservedRequest:
    """Of it, an openvino.InferRequest. It computes when it is started."""

    def __init__(self, model: ObservedModel):
        self.model_outputs, self._model = model.outputs, model
        self.results: Any = None

    def infer(self, inputs: Any = None, **how: Any) -> Any:
        self.results = self._model(inputs)
        return self.results

    def start_async(self, inputs: Any = None, userdata: Any = None, **how: Any) -> None:
        self.infer(inputs)

    def wait(self) -> None:
        """It is done already."""

    def get_output_tensor(self, index: int = 0) -> Any:
        return openvino.Tensor(self.results[index])


class Results(Outputs):
    """The outputs of one call, whose keys are ports, as OpenVINO's own are."""

    def __iter__(self) -> Iterator[Any]:
        return iter(self._ports)
