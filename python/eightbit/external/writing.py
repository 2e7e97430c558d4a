"""The order in which a plan is carried out."""

from __future__ import annotations

from typing import Any


def carried_out(writer: Any, instructions: Any) -> Any:
    """What `writer.finish()` returns once its `replace`, `scale`, `shift` and `quantize` have seen the library's Instructions."""
    for constant in instructions.constants:
        writer.replace(constant)
    for scale in instructions.scales:
        writer.scale(scale)
    for shift in instructions.shifts:
        writer.shift(shift)
    for quantizer in instructions.quantizers:
        writer.quantize(quantizer)
    return writer.finish()
