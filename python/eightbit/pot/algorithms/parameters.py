"""The parameters of algorithms as options of eightbit.quantize. docs/pot.md has the table."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from eightbit.errors import InvalidArgument, Unsupported
from eightbit.parameters import (
    ModelType,
    QuantizationPreset,
    QuantizationScheme,
    Recipe,
    TargetDevice,
)
from eightbit.pot.utils.logger import get_logger
from eightbit.quantization.advanced_parameters import (
    AdvancedBiasCorrectionParameters,
    AdvancedQuantizationParameters,
    AdvancedSmoothQuantParameters,
    OverflowFix,
    QuantizationParameters,
)
from eightbit.quantization.range_estimator import (
    AggregatorType,
    RangeEstimatorParameters,
    StatisticsCollectorParameters,
    StatisticsType,
)
from eightbit.scopes import IgnoredScope

_log = get_logger(__name__)

_DEVICES = {name: TargetDevice(name) for name in ("ANY", "CPU", "GPU", "NPU", "CPU_SPR")}
_PRESETS = {
    "performance": QuantizationPreset.PERFORMANCE,
    "mixed": QuantizationPreset.MIXED,
    "accuracy": QuantizationPreset.MIXED,  # with asymmetric weights
}
_OVERFLOW = {
    "first_layer": OverflowFix.FIRST_LAYER,
    "all": OverflowFix.ENABLE,
    "no": OverflowFix.DISABLE,
}
_TYPES = {
    "max": StatisticsType.MAX,
    "min": StatisticsType.MIN,
    "abs_max": StatisticsType.ABS_MAX,
    "quantile": StatisticsType.QUANTILE,
    "abs_quantile": StatisticsType.ABS_QUANTILE,
}
_AGGREGATORS = {
    "mean": AggregatorType.MEAN,
    "max": AggregatorType.MAX,
    "min": AggregatorType.MIN,
    "median": AggregatorType.MEDIAN,
    "mean_no_outliers": AggregatorType.MEAN_NO_OUTLIERS,
    "median_no_outliers": AggregatorType.MEDIAN_NO_OUTLIERS,
}
_SCHEMES = {"symmetric": QuantizationScheme.SYMMETRIC, "asymmetric": QuantizationScheme.ASYMMETRIC}
# GNA* and VPU are refused with what to do.
_OTHER_DEVICES = {
    "VPU": "Use NPU.",
    "GNA": "No current OpenVINO has the plug-in. Use ANY for 8 bits on the CPU.",
}
_NO_EFFECT = ("inplace_statistics", "dump_intermediate_model", "exec_log_dir")
_REFUSED = {
    "use_layerwise_tuning": "there is no layerwise tuning. fast_bias_correction False rounds weights together to the same end: set use_fast_bias to False.",
    "layerwise_configs": "single FakeQuantize are not configured by name. Name nodes in ignored.scope.",
    "outputs": "quantizers of outputs have no parameters of their own.",
}
OF_DATA = ("stat_subset_size", "stat_batch_size", "shuffle_data", "seed")


@dataclass
class Options:
    """keywords: of eightbit.quantize. skip: the model, or parts of the cascade by name, that stay as they are."""

    keywords: dict[str, Any]
    ignored: Mapping[str, Any] = field(default_factory=dict)


def options_of(
    name: str, params: Mapping[str, Any], corrects: bool = True, aligns: bool = True
) -> Options:
    """Raises InvalidArgument for a value that is none, Unsupported for what is not done here. Unknown keys are told in the log,
    with the nearest one that there is."""
    reading = _Reading(name, params)
    advanced = AdvancedQuantizationParameters(
        disable_channel_alignment=not aligns,
        disable_bias_correction=not corrects,
        bias_correction_params=AdvancedBiasCorrectionParameters(
            apply_for_all_nodes=bool(params.get("apply_for_all_nodes", False)),
            threshold=params.get("threshold"),
        ),
    )
    keywords: dict[str, Any] = {"advanced_parameters": advanced, "target_device": reading.device()}
    recipe = params.get("recipe", "eightbit")
    if recipe not in ("eightbit", "pot"):
        raise InvalidArgument(
            f"[pot] {name}: recipe is {recipe!r}. It must be 'eightbit' or 'pot'."
        )
    if recipe == "pot":
        keywords["recipe"] = Recipe.NNCF
        advanced.smooth_quant_alphas = AdvancedSmoothQuantParameters(matmul=-1)
    if "preset" in params or recipe == "pot":
        keywords["preset"] = reading.choice("preset", _PRESETS, "performance")
    if params.get("preset") == "accuracy":
        advanced.weights_quantization_params = QuantizationParameters(
            mode=QuantizationScheme.ASYMMETRIC
        )
    if params.get("model_type") not in (None, "None"):
        keywords["model_type"] = reading.choice(
            "model_type", {"transformer": ModelType.TRANSFORMER}
        )
    if "use_fast_bias" in params:
        keywords["fast_bias_correction"] = bool(params["use_fast_bias"])
    if "saturation_fix" in params or recipe == "pot":
        advanced.overflow_fix = reading.choice("saturation_fix", _OVERFLOW, "first_layer")
    for kind in ("activations", "weights"):
        reading.quantizers(kind, advanced)
    reading.estimators(advanced)
    reading.check_keys()
    ignored = params.get("ignored") or {}
    scope = _scope(name, ignored)
    if scope is not None:
        keywords["ignored_scope"] = scope
    return Options(keywords, ignored)


class _Reading:
    def __init__(self, name: str, params: Mapping[str, Any]):
        self._name, self._params = name, params
        for key, advice in _REFUSED.items():
            if params.get(key):
                raise Unsupported(f"[pot] {name}: {key}: {advice}")

    def choice(self, key: str, choices: Mapping[str, Any], default: str | None = None) -> Any:
        value = self._params.get(key, default)
        if value not in choices:
            raise InvalidArgument(
                f"[pot] {self._name}: {key} is {value!r}. It must be one of: {', '.join(choices)}."
            )
        return choices[value]

    def device(self) -> TargetDevice:
        value = str(self._params.get("target_device", "ANY"))
        for other, advice in _OTHER_DEVICES.items():
            if value.startswith(other):
                raise Unsupported(f"[pot] {self._name}: target_device {value}: {advice}")
        return self.choice("target_device", _DEVICES, "ANY")

    def quantizers(self, kind: str, advanced: AdvancedQuantizationParameters) -> None:
        """bits, mode, granularity, level_low and level_high of activations or weights."""
        given = self._params.get(kind) or {}
        known = ("bits", "mode", "granularity", "level_low", "level_high", "range_estimator")
        _tell_unknown(f"{self._name}.{kind}", given, known)
        filters: dict[str, Any] = {}
        if "bits" in given:
            filters["num_bits"] = int(given["bits"])
        if "mode" in given:
            filters["mode"] = _in(f"{self._name}.{kind}", "mode", given["mode"], _SCHEMES)
        if "granularity" in given:
            granularities = {"perchannel": True, "pertensor": False}
            filters["per_channel"] = _in(
                f"{self._name}.{kind}", "granularity", given["granularity"], granularities
            )
        if "level_low" in given:
            low, bits = int(given["level_low"]), int(given.get("bits", 8))
            top = 2 ** (bits - 1)
            if low not in (0, -top, -top + 1):
                raise Unsupported(
                    f"[pot] {self._name}.{kind}: level_low is {low}. With {bits} bits it can be 0, {-top} or {-top + 1}."
                )
            filters["signedness_to_force"] = low < 0
            if kind == "weights":
                filters["narrow_range"] = low == -top + 1
        if filters:
            setattr(advanced, f"{kind}_quantization_params", QuantizationParameters(**filters))

    def estimators(self, advanced: AdvancedQuantizationParameters) -> None:
        shared = self._params.get("range_estimator") or {}
        for kind in ("activations", "weights"):
            given = {**shared, **((self._params.get(kind) or {}).get("range_estimator") or {})}
            if given:
                where = f"{self._name}.{kind}.range_estimator"
                setattr(advanced, f"{kind}_range_estimator_params", _estimator(where, given))

    def check_keys(self) -> None:
        known = (
            "target_device", "preset", "model_type", "use_fast_bias", "threshold", "apply_for_all_nodes", "saturation_fix",
            "ignored", "range_estimator", "weights", "activations", "recipe", *OF_DATA, *_NO_EFFECT, *_REFUSED, *OF_ACCURACY,
        )  # fmt: skip
        _tell_unknown(self._name, self._params, known)


OF_ACCURACY = (
    "maximal_drop", "drop_type", "max_iter_num", "metrics", "metric_subset_ratio", "ranking_subset_size",
    "use_prev_if_drop_increase", "base_algorithm", "convert_to_mixed_preset", "tune_hyperparams", "annotation_free",
    "annotation_conf_threshold",
)  # fmt: skip


def _estimator(where: str, given: Mapping[str, Any]) -> RangeEstimatorParameters:
    _tell_unknown(where, given, ("preset", "min", "max"))
    sides: dict[str, StatisticsCollectorParameters] = {}
    quantile = given.get("preset") == "quantile"
    if given.get("preset") not in (None, "default", "quantile"):
        raise InvalidArgument(
            f"[pot] {where}: preset is {given['preset']!r}. It must be 'default' or 'quantile'."
        )
    for side in ("min", "max"):
        one = dict(given.get(side) or {})
        if quantile:
            one = {"type": "quantile", "outlier_prob": 1e-4, **one}
        if not one:
            continue
        _tell_unknown(
            f"{where}.{side}",
            one,
            ("type", "outlier_prob", "granularity", "clipping_value", "aggregator"),
        )
        sides[side] = StatisticsCollectorParameters(
            statistics_type=_in(f"{where}.{side}", "type", one.get("type", side), _TYPES),
            aggregator_type=_in(
                f"{where}.{side}", "aggregator", one.get("aggregator", "mean"), _AGGREGATORS
            ),
            clipping_value=one.get("clipping_value"),
            quantile_outlier_prob=one.get("outlier_prob", 1e-4),
        )
    return RangeEstimatorParameters(**sides)


def _in(where: str, key: str, value: Any, choices: Mapping[str, Any]) -> Any:
    if value not in choices:
        raise InvalidArgument(
            f"[pot] {where}: {key} is {value!r}. It must be one of: {', '.join(choices)}."
        )
    return choices[value]


def _scope(name: str, ignored: Mapping[str, Any]) -> IgnoredScope | None:
    types = []
    for operation in ignored.get("operations") or []:
        if set(operation) - {"type"}:
            raise Unsupported(
                f"[pot] {name}: ignored.operations with attributes are not supported. Name the nodes in ignored.scope."
            )
        types.append(operation["type"])
    scope = list(ignored.get("scope") or [])
    return IgnoredScope(names=scope, types=types, validate=False) if scope or types else None


def _tell_unknown(where: str, given: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            _log.warning(
                "%s: there is no parameter '%s', which changes nothing.%s", where, key, hint
            )
