"""The keywords of quantize, tune, plan and quantize_with_accuracy_control, each once: `QuantizeOptions` has their defaults and
what is done with them, the typed dicts say which verb takes which. docs/use.md tells what they mean."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, fields
from typing import Any, TypedDict, TypeVar

from eightbit import _eightbit
from eightbit._arguments import as_enum, as_instance, as_subset_size
from eightbit._models import settings_of
from eightbit._native import external_data_dir, ignored_scope_of, to_native
from eightbit._run import ProgressCallback, run_options
from eightbit.errors import InvalidArgument
from eightbit.executors import Workers
from eightbit.frameworks import Settings
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
from eightbit.scopes import IgnoredScope


@dataclass(kw_only=True)
class QuantizeOptions:
    """Options as callers write them. They are checked when the library's own are made of them."""

    mode: QuantizationMode | None = None
    preset: QuantizationPreset | None = None
    target_device: TargetDevice = TargetDevice.ANY
    subset_size: int | None = 300
    fast_bias_correction: bool = True
    model_type: ModelType | None = None
    ignored_scope: IgnoredScope | None = None
    advanced_parameters: AdvancedQuantizationParameters | None = None
    recipe: Recipe | _eightbit.QuantizationRecipe | str | os.PathLike = Recipe.EIGHTBIT
    weight_rounding: WeightRounding | None = None
    trial_run: bool = True
    min_sqnr_db: float | None = None
    max_float_share: float = 0.5
    strict: bool = False
    placement: PlacementMode = PlacementMode.RULES
    # how the call is carried out
    engine: Engine = Engine.AUTO
    threads: int = 0
    checkpoint: str | os.PathLike | None = None
    best_model: str | os.PathLike | None = None
    max_memory: int | str | None = None
    executor: Executor | None = None
    progress: ProgressCallback | None = None
    report: _eightbit.Report | None = None

    def native(self, where: str) -> _eightbit.QuantizeOptions:
        """The library's options. Raises InvalidArgument, which names the verb `where`."""
        if not isinstance(self.fast_bias_correction, bool):
            raise InvalidArgument(
                f"[{where}] fast_bias_correction is {self.fast_bias_correction!r}. It must be True or False."
            )
        native = _eightbit.QuantizeOptions()
        for name, enum in _ENUMS.items():
            native_value = as_enum(where, name, enum, getattr(self, name))
            setattr(native, name, to_native(native_value))
        for name, enum in _CHOICES.items():
            setattr(native, name, to_native(_chosen(where, name, enum, getattr(self, name))))
        native.subset_size = as_subset_size(where, self.subset_size)
        native.fast_bias_correction = self.fast_bias_correction
        native.ignored_scope = ignored_scope_of(where, self.ignored_scope)
        advanced = self.advanced_parameters
        if (
            as_instance(where, "advanced_parameters", AdvancedQuantizationParameters, advanced)
            is not None
        ):
            native.advanced_parameters = to_native(advanced)
        self._ask_for_trial(where, native)
        return native

    def settings(self, where: str) -> Settings:
        """How the model is read."""
        return settings_of(
            where, self.engine, external_data_dir(self.advanced_parameters), self.subset_size or 300
        )

    def run(
        self, where: str, model: Any = None, workers: Workers | None = None
    ) -> AbstractContextManager[_eightbit.RunOptions]:
        """How the call is carried out. The report also has what was done to make `model` before."""
        return run_options(
            where, self.threads, self.progress, self.checkpoint, self.report, model, self.best_model,
            self.max_memory, workers,
        )  # fmt: skip

    def workers(self, where: str, model: Any) -> AbstractContextManager[Workers | None]:
        """Those of the executor, for this model; None without one."""
        if self.executor is None:
            return nullcontext()
        if self.recipe == Recipe.NNCF:
            raise InvalidArgument(
                f"[{where}] executor goes with recipe eightbit: recipe nncf counts batches, which workers cannot share."
            )
        return Workers(where, self.executor, model, self.settings(where).engine, self.threads)

    def refuse_beside_recipe(self, **given: Any) -> None:
        """Raises InvalidArgument for whatever a saved recipe decides: `given`, and all options that are not their defaults."""
        given |= {name: getattr(self, name) for name in _OF_A_RECIPE}
        for name, value in given.items():
            if value != _DEFAULTS.get(name):
                raise InvalidArgument(
                    f"[quantize] {name} has no effect with a saved recipe, which holds all options. Leave one out."
                )

    def _ask_for_trial(self, where: str, native: _eightbit.QuantizeOptions) -> None:
        for name in ("trial_run", "strict"):
            value = getattr(self, name)
            if not isinstance(value, bool):
                raise InvalidArgument(f"[{where}] {name} is {value!r}. It must be True or False.")
            setattr(native, name, value)
        for name in ("min_sqnr_db", "max_float_share"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float, type(None))):
                raise InvalidArgument(f"[{where}] {name} is {value!r}. It must be a number.")
            if value is None and name == "max_float_share":
                raise InvalidArgument(f"[{where}] {name} is None. It must be a number.")
            setattr(native, name, value)


_ENUMS = {
    "mode": QuantizationMode,
    "preset": QuantizationPreset,
    "model_type": ModelType,
    "weight_rounding": WeightRounding,
}
_CHOICES = {"target_device": TargetDevice, "recipe": Recipe, "placement": PlacementMode}  # no None
_DEFAULTS = {field.name: field.default for field in fields(QuantizeOptions)}
_NOT_OF_A_RECIPE = ("recipe", "engine", "threads", "progress", "report")
_OF_A_RECIPE = [name for name in _DEFAULTS if name not in _NOT_OF_A_RECIPE]


def _chosen(where: str, name: str, enum: type, value: Any) -> Any:
    """Like as_enum, for options that have no None."""
    return as_enum(where, name, enum, "None" if value is None else value)


class QuantizeKeywords(TypedDict, total=False):
    """What quantize takes: all of them. A recipe of an earlier run takes the place of the rest."""

    mode: QuantizationMode | None
    preset: QuantizationPreset | None
    target_device: TargetDevice
    subset_size: int | None
    fast_bias_correction: bool
    model_type: ModelType | None
    ignored_scope: IgnoredScope | None
    advanced_parameters: AdvancedQuantizationParameters | None
    recipe: Recipe | _eightbit.QuantizationRecipe | str | os.PathLike
    weight_rounding: WeightRounding | None
    trial_run: bool
    min_sqnr_db: float | None
    max_float_share: float
    strict: bool
    placement: PlacementMode
    engine: Engine
    threads: int
    checkpoint: str | os.PathLike | None
    best_model: str | os.PathLike | None
    max_memory: int | str | None
    executor: Executor | None
    progress: ProgressCallback | None
    report: _eightbit.Report | None


class PlanKeywords(TypedDict, total=False):
    """What plan takes: what decides where quantizers go."""

    mode: QuantizationMode | None
    preset: QuantizationPreset | None
    target_device: TargetDevice
    model_type: ModelType | None
    ignored_scope: IgnoredScope | None
    advanced_parameters: AdvancedQuantizationParameters | None
    recipe: Recipe
    engine: Engine
    subset_size: int | None
    threads: int


class TuneKeywords(TypedDict, total=False):
    """What tune takes: no trial run."""

    mode: QuantizationMode | None
    preset: QuantizationPreset | None
    target_device: TargetDevice
    subset_size: int | None
    fast_bias_correction: bool
    model_type: ModelType | None
    ignored_scope: IgnoredScope | None
    advanced_parameters: AdvancedQuantizationParameters | None
    recipe: Recipe
    weight_rounding: WeightRounding | None
    engine: Engine
    threads: int
    checkpoint: str | os.PathLike | None
    max_memory: int | str | None
    executor: Executor | None
    progress: ProgressCallback | None
    report: _eightbit.Report | None


Function = TypeVar("Function", bound=Callable[..., Any])


def takes(keywords: type, options: type = QuantizeOptions) -> Callable[[Function], Function]:
    """Makes help() and inspect.signature() show the keywords of a typed dict, with the defaults of `options`, in the place of
    `**options`; others raise TypeError, as they do for any function."""
    defaults = {field.name: field.default for field in fields(options)}

    def decorate(function: Function) -> Function:
        signature = inspect.signature(function)
        *own, rest = signature.parameters.values()
        assert rest.kind is inspect.Parameter.VAR_KEYWORD
        listed = [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=defaults[name],
                annotation=_as_written(keywords.__annotations__[name]),
            )
            for name in keywords.__annotations__
        ]
        taken = set(keywords.__annotations__)

        @functools.wraps(function)
        def checked(*args: Any, **given: Any) -> Any:
            for name in given:
                if name not in taken and name not in signature.parameters:
                    raise TypeError(
                        f"{function.__name__}() got an unexpected keyword argument {name!r}"
                    )
            return function(*args, **given)

        positional = [each for each in own if each.kind is not inspect.Parameter.KEYWORD_ONLY]
        others = [each for each in own if each.kind is inspect.Parameter.KEYWORD_ONLY]
        checked.__signature__ = signature.replace(parameters=[*positional, *listed, *others])
        return checked

    return decorate


def _as_written(annotation: Any) -> Any:
    return getattr(annotation, "__forward_arg__", annotation)
