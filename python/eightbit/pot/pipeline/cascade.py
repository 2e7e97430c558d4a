"""Parts of a cascade: their observers, and what becomes of each."""

from __future__ import annotations

from functools import partial
from typing import Any

from eightbit import _eightbit
from eightbit.parameters import DropType
from eightbit.pot.algorithms.accuracy import Accuracy
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
    """part: the ObservedPart of `model`. One that no item came to stays as it is, with a warning.
    Raises DataError for a model that is no cascade and was never run."""
    if not _is_changed(part, read):
        return model
    _log.info("%s: %d inferences, %d samples", part.name, part.calls, part.samples)
    return part.quantize(_options(read))


def controlled_parts(
    accuracy: Accuracy,
    model: CompressedModel,
    parts: dict[str, Any],
    reads: list[_eightbit.PotAlgorithms],
) -> CompressedModel:
    """The cascade with as few layers in float as its metrics need. Parts come one after the other,
    those first that cost least; each may lose its share of what may be lost, and what those before
    it have left of theirs."""
    observed = [parts[part_name(part)] for part in model.models]
    floats = [part["model"] for part in model.models]
    quantized = [quantized_part(*row) for row in zip(observed, floats, reads, strict=True)]
    if accuracy.margin_of(model.with_models(quantized)) >= -1:
        return model.with_models(quantized)
    changed = [at for at, read in enumerate(reads) if _is_changed(observed[at], read, told=True)]

    def margin_with(models: list[Any], at: int, candidate: Any) -> float:
        return accuracy.margin_of(model.with_models([*models[:at], candidate, *models[at + 1 :]]))

    cost = {at: -margin_with(floats, at, quantized[at]) for at in changed}
    chosen, left = list(floats), reads[0].control.max_num_iterations
    for place, at in enumerate(sorted(changed, key=cost.get), 1):
        control = reads[at].control
        lost = -accuracy.margin_of(model.with_models(chosen))
        control.max_drop = max(place / len(changed) - lost, 0.0)
        control.drop_type = DropType.ABSOLUTE
        if left is not None:
            control.max_num_iterations = left
        chosen[at], result = observed[at].quantize_with_accuracy_control(
            partial(margin_with, chosen, at), _options(reads[at]), control
        )
        if left is not None:
            left = max(left - max(len(result.trials) - 1, 0), 0)
        _log.info(
            "%s: %d of %d quantizers are left",
            observed[at].name,
            result.quantizers,
            result.all_quantizers,
        )
    margin = accuracy.margin_of(model.with_models(chosen))
    if margin < -1:
        _log.warning(
            "the cascade loses %.3g times of what it may. Allow a larger maximal_drop or more "
            "iterations",
            -margin,
        )
    return model.with_models(chosen)


def _options(read: _eightbit.PotAlgorithms) -> _eightbit.QuantizeOptions:
    options = read.options
    advanced = options.advanced_parameters
    advanced.disable_channel_alignment = True  # it asks for quantiles of channels
    options.advanced_parameters = advanced
    return options


def _is_changed(part: Any, read: _eightbit.PotAlgorithms, told: bool = False) -> bool:
    if read.skip_model:
        return False
    if part.calls == 0 and not told:
        _log.warning(
            "the part '%s' was never run and stays in float. Give items that come to it, and compile "
            "it by the engine's own _ie",
            part.name,
        )
    return part.calls > 0
