"""Quantization and its options."""

from eightbit.parameters import QuantizationPreset
from eightbit.quantization.quantize_model import calibrate, plan, quantize

__all__ = ["QuantizationPreset", "calibrate", "plan", "quantize"]
