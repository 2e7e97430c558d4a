"""Presets and schemes."""

from eightbit.parameters import QuantizationPreset, QuantizationScheme

__all__ = ["QuantizationPreset", "QuantizationScheme"]
