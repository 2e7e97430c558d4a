"""Options for fine-tuning. The names and meanings are those of NNCF; differences in defaults are noted at the field."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any

from eightbit.parameters import QuantizationScheme
from eightbit.quantization.range_estimator import RangeEstimatorParameters


class OverflowFix(StrEnum):
    """Weights in half of their range, against saturation of 16-bit sums on CPUs without VNNI or AMX."""

    ENABLE = "enable"
    FIRST_LAYER = "first_layer_only"
    DISABLE = "disable"


class FP8Type(StrEnum):
    """8-bit floating point: bits of exponent and mantissa."""

    E4M3 = "f8e4m3"
    E5M2 = "f8e5m2"


class RestoreMode(StrEnum):
    """What of a layer goes back to float: all of it, or its activations, with weights in 8 bits."""

    ACTIVATIONS_AND_WEIGHTS = "activations_and_weights"
    ONLY_ACTIVATIONS = "only_activations"


class QuantizerPropagationRule(Enum):
    """When quantizers of branches become one quantizer before the fork."""

    DO_NOT_MERGE_BRANCHES = "do_not_merge_branches"
    MERGE_IF_ALL_BRANCHES_SAME = "merge_if_all_branches_same"
    MERGE_WITH_POTENTIAL_REQUANTIZATION = "merge_with_potential_requantization"
    MERGE_ALL_IN_ONE = "merge_all_in_one"


@dataclass
class QuantizationParameters:
    """Filters over what the device offers: a field that is not None must be met."""

    num_bits: int | None = None
    mode: QuantizationScheme | None = None
    signedness_to_force: bool | None = None
    per_channel: bool | None = None
    narrow_range: bool | None = None


@dataclass
class FP8QuantizationParameters:
    """For the FP8 modes: the type that is converted to. None: the mode's own."""

    destination_type: FP8Type | None = None


@dataclass
class AdvancedBiasCorrectionParameters:
    """apply_for_all_nodes: layers with a quantized input are corrected in any case; True changes nothing, and says so.

    threshold: with Recipe.NNCF, the largest |shift / bias| that is applied.
    """

    apply_for_all_nodes: bool = False
    threshold: float | None = None


@dataclass
class AdvancedSmoothQuantParameters:
    """How much of the activations' spread moves into the weights, 0 to 1. Negative: off for that kind of layer.

    matmul: for transformers. None (NNCF: 0.95) chooses alpha for each group by the error that it will cause; Recipe.NNCF takes 0.95.
    convolution: None (NNCF: -1) does the same for convolutions behind Swish and its like that nothing else reads the input of, where the runtime's
        quantizers take a scale by channel for nothing (OpenVINO's); Recipe.NNCF leaves them alone.
    """

    convolution: float | None = None
    matmul: float | None = None


@dataclass
class AdvancedQuantizationParameters:
    """Options for fine-tuning. No call changes the object that it is given.

    overflow_fix: None halves weights only where the target can overflow (NNCF: in the first layer, always).
    quantize_outputs: put quantizers in front of the results too.
    inplace_statistics: what is measured is always reduced inside the runtime; False changes nothing, and says so.
    disable_channel_alignment, disable_bias_correction: leave that step out.
    batchwise_statistics: each item of a batch counts as a sample. False changes that with recipe NNCF, whose default it is
        unless the dataset has a batch_size above 1; else it changes nothing, and says so.
    activations_quantization_params, weights_quantization_params: QuantizationParameters, or
        FP8QuantizationParameters in an FP8 mode.
    quantizer_propagation_rule: when quantizers of branches are merged.
    activations_range_estimator_params, weights_range_estimator_params: how ranges are estimated.
    bias_correction_params, smooth_quant_alphas: for those algorithms.
    smooth_quant_alpha: deprecated; negative turns SmoothQuant off, else sets `smooth_quant_alphas.matmul`.
    backend_params: {"compress_weights": bool}: True (default) stores weights as INT8 constants, False leaves
        FakeQuantize on float weights. {"external_data_dir": path}: where the tensors of an onnx.ModelProto lie that it does
        not hold.
    """

    overflow_fix: OverflowFix | None = None
    quantize_outputs: bool = False
    inplace_statistics: bool = True
    disable_channel_alignment: bool = True
    disable_bias_correction: bool = False
    batchwise_statistics: bool | None = None
    activations_quantization_params: QuantizationParameters | FP8QuantizationParameters | None = (
        None
    )
    weights_quantization_params: QuantizationParameters | FP8QuantizationParameters | None = None
    quantizer_propagation_rule: QuantizerPropagationRule = QuantizerPropagationRule.MERGE_ALL_IN_ONE
    activations_range_estimator_params: RangeEstimatorParameters = field(
        default_factory=RangeEstimatorParameters
    )
    weights_range_estimator_params: RangeEstimatorParameters = field(
        default_factory=RangeEstimatorParameters
    )
    bias_correction_params: AdvancedBiasCorrectionParameters = field(
        default_factory=AdvancedBiasCorrectionParameters
    )
    smooth_quant_alphas: AdvancedSmoothQuantParameters = field(
        default_factory=AdvancedSmoothQuantParameters
    )
    smooth_quant_alpha: float | None = None
    backend_params: dict[str, Any] = field(default_factory=dict)


@dataclass
class AdvancedAccuracyRestorerParameters:
    """How accuracy control searches.

    max_num_iterations: how many models with layers in float may be validated; sys.maxsize: as many as it takes.
    tune_hyperparams: True tries other options before layers go back to float, see `tune`.
    ranking_subset_size: samples that layers are ranked on. None: 32 (NNCF: subset_size).
    num_ranking_workers: layers are ranked by two passes, so that there is nothing to divide; changes nothing.
    intermediate_model_dir: a folder; the best model so far is kept there as intermediate_model.xml or .onnx.
    restore_mode: what of a layer goes back to float.
    """

    max_num_iterations: int = sys.maxsize
    tune_hyperparams: bool = False
    ranking_subset_size: int | None = None
    num_ranking_workers: int | None = None
    intermediate_model_dir: str | None = None
    restore_mode: RestoreMode = RestoreMode.ACTIVATIONS_AND_WEIGHTS
