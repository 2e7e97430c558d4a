"""The interface of torchao's quantizers, or what to install."""

from __future__ import annotations

from eightbit.errors import UnsupportedBackendError

try:
    from torchao.quantization.pt2e.quantizer import (
        DerivedQuantizationSpec,
        FixedQParamsQuantizationSpec,
        QuantizationAnnotation,
        QuantizationSpec,
        Quantizer,
        SharedQuantizationSpec,
    )
except ImportError:
    raise UnsupportedBackendError(
        "[torch] quantizers of PyTorch 2 export live in torchao, which is missing. Install it with: pip install torchao"
    ) from None

ANNOTATION = "quantization_annotation"  # key of a node's meta data

__all__ = [
    "ANNOTATION",
    "DerivedQuantizationSpec",
    "FixedQParamsQuantizationSpec",
    "QuantizationAnnotation",
    "QuantizationSpec",
    "Quantizer",
    "SharedQuantizationSpec",
]
