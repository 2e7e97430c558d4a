"""Parts of a cascade: their observers, and what becomes of each."""

from __future__ import annotations

from typing import Any

from eightbit import _eightbit
from eightbit.pot.engines.statistics import part_name
from eightbit.pot.graph.compressed_model import CompressedModel
from eightbit.pot.utils.logger import get_logger

_log = get_logger(__name__)

_MOST_SAMPLES = 1 << 40  # all inferences of the chosen items count


def observed_parts(model: CompressedModel, options: _eightbit.QuantizeOptions) -> dict[str, Any]:
    """An ObservedPart for each part, by name."""
    from eightbit.pot.engines.observed import ObservedPart

    measured = _eightbit.CalibrateOptions()
    measured.subset_size = _MOST_SAMPLES
    measured.model_type = options.model_type
    measured.activations_range_estimator_params = (
        options.advanced_parameters.activations_range_estimator_params
    )
    return {
        part_name(part): ObservedPart(part_name(part), part["model"], measured)
        for part in model.models
    }


def quantized_part(part: Any, model: Any, read: _eightbit.PotAlgorithms) -> Any:
    """part: the ObservedPart of `model`. One that no item came to stays as it is, with a warning. Raises DataError for a model
    that is no cascade and was never run."""
    if read.skip_model:
        return model
    if part.calls == 0:
        _log.warning(
            "the part '%s' was never run and stays in float. Give items that come to it, and compile it by the engine's own _ie",
            part.name,
        )
        return model
    options = read.options
    advanced = options.advanced_parameters
    advanced.disable_channel_alignment = True  # it asks for quantiles of channels
    options.advanced_parameters = advanced
    _log.info("%s: %d inferences, %d samples", part.name, part.calls, part.samples)
    return part.quantize(options)
