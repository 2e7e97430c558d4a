"""Python's options as the structs of the C++ library, which have the same names and fields. Choices are strings to it: the
members of a StrEnum as they are."""

from __future__ import annotations

import os
import warnings
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any

from eightbit import _eightbit
from eightbit._arguments import as_instance
from eightbit.errors import InvalidArgument, Unsupported
from eightbit.quantization.advanced_parameters import (
    AdvancedQuantizationParameters,
    FP8QuantizationParameters,
    QuantizationParameters,
)
from eightbit.quantization.range_estimator import (
    AggregatorType,
    StatisticsCollectorParameters,
    StatisticsType,
)
from eightbit.scopes import IgnoredScope

_BACKEND_PARAMS = {
    "compress_weights": (bool, "True or False"),
    "external_data_dir": ((str, os.PathLike), "a folder"),
}


def to_native(value: Any) -> Any:
    """What the library takes for an enum member, an options object, or a list of them; anything else as it is."""
    if isinstance(value, AdvancedQuantizationParameters):
        return _advanced(value)
    if isinstance(value, StatisticsCollectorParameters):
        value = _without_raw(value)
    if isinstance(value, Enum):
        return value.value if isinstance(value, str) else value.name.lower()
    if is_dataclass(value):
        return _fill(getattr(_eightbit, type(value).__name__)(), value)
    if isinstance(value, list):
        return [to_native(item) for item in value]
    return value


def _fill(native: Any, options: Any, skip: tuple[str, ...] = ()) -> Any:
    for field in fields(options):
        value = getattr(options, field.name)
        if field.name in skip or (value is None and _is_group(getattr(native, field.name))):
            continue
        _assign(native, type(options).__name__, field.name, value)
    return native


def _is_group(value: Any) -> bool:
    """Groups of options: None leaves them at their defaults."""
    return type(value).__module__ == _eightbit.__name__


def _assign(native: Any, owner: str, name: str, value: Any) -> None:
    try:
        if isinstance(value, str) and not isinstance(value, Enum):
            raise TypeError  # texts in options are names of choices, which have their enumerations
        setattr(native, name, to_native(value))
    except TypeError:
        raise InvalidArgument(
            f"[options] {owner}.{name} is {value!r}, of type {type(value).__name__}. See help(eightbit.{owner})."
        ) from None


def _without_raw(parameters: StatisticsCollectorParameters) -> StatisticsCollectorParameters:
    """RAW is how NNCF spells what the histogram needs; by itself it would keep whole activations."""
    if parameters.statistics_type != StatisticsType.RAW:
        return parameters
    if parameters.aggregator_type != AggregatorType.HISTOGRAM:
        raise Unsupported(
            "[options] StatisticsType.RAW is only available with AggregatorType.HISTOGRAM. Use QUANTILE, MIN or MAX."
        )
    return replace(parameters, statistics_type=None)


def _advanced(options: AdvancedQuantizationParameters) -> _eightbit.AdvancedQuantizationParameters:
    native = _eightbit.AdvancedQuantizationParameters()
    split = (
        "activations_quantization_params",
        "weights_quantization_params",
        "smooth_quant_alpha",
        "backend_params",
    )
    _fill(native, options, skip=split)
    for what in ("activations", "weights"):
        _assign_precision(native, what, getattr(options, f"{what}_quantization_params"))
    if options.smooth_quant_alpha is not None:
        _apply_deprecated_alpha(native, options.smooth_quant_alpha)
    _apply_backend_params(native, options.backend_params or {})
    return native


def _assign_precision(native: Any, what: str, parameters: Any) -> None:
    """One field in Python, for INT8 or FP8; two in C++."""
    if isinstance(parameters, FP8QuantizationParameters):
        setattr(native, f"{what}_fp8_params", to_native(parameters))
    elif parameters is None or isinstance(parameters, QuantizationParameters):
        setattr(native, f"{what}_quantization_params", to_native(parameters))
    else:
        raise InvalidArgument(
            f"[options] {what}_quantization_params is a {type(parameters).__name__}. Pass QuantizationParameters, or "
            "FP8QuantizationParameters in an FP8 mode."
        )


def _apply_deprecated_alpha(native: Any, alpha: float) -> None:
    warnings.warn(
        "smooth_quant_alpha is deprecated: use smooth_quant_alphas",
        DeprecationWarning,
        stacklevel=2,
    )
    alphas = native.smooth_quant_alphas
    if alpha < 0:
        alphas.convolution = -1.0
    alphas.matmul = alpha
    native.smooth_quant_alphas = alphas


def _apply_backend_params(native: Any, parameters: dict[str, Any]) -> None:
    for name, value in parameters.items():
        if name not in _BACKEND_PARAMS:
            raise InvalidArgument(
                f"[options] backend_params has the key {name!r}. Allowed is: {', '.join(_BACKEND_PARAMS)}."
            )
        kind, allowed = _BACKEND_PARAMS[name]
        if not isinstance(value, kind):
            raise InvalidArgument(
                f"[options] backend_params[{name!r}] is {value!r}. It must be {allowed}."
            )
        if hasattr(native, name):
            setattr(native, name, value)


def external_data_dir(options: AdvancedQuantizationParameters | None) -> str | os.PathLike | None:
    """Where the tensors of an onnx.ModelProto lie that are not in it."""
    return (options.backend_params or {}).get("external_data_dir") if options is not None else None


def ignored_scope_of(where: str, scope: Any) -> _eightbit.IgnoredScope:
    """None is the empty scope. Fields that were set to a string after construction count as a list of one too."""
    as_instance(where, "ignored_scope", IgnoredScope, scope)
    return to_native(replace(scope) if scope is not None else IgnoredScope())
