"""Pipelines of configurations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eightbit.errors import Unsupported
from eightbit.pot.api import Engine
from eightbit.pot.attributes import Attributes
from eightbit.pot.pipeline.pipeline import QUANTIZERS, Algorithm, Pipeline
from eightbit.pot.utils.logger import get_logger

_log = get_logger(__name__)

_REFUSED = {
    "MagnitudeSparsity": "Sparsity is not done: it needs training to keep accuracy.",
    "WeightSparsity": "Sparsity is not done: it needs training to keep accuracy.",
    "BaseWeightSparsity": "Sparsity is not done: it needs training to keep accuracy.",
    "QuantizeModelFinetuning": "Layerwise tuning is not done. use_fast_bias False rounds weights together to the same end.",
    "SparseModelFinetuning": "Layerwise tuning is not done.",
    "DataFreeQuantization": "Ranges are measured on samples. Give a loader of a few dozen, and use DefaultQuantization.",
    "TunableQuantization": "Use eightbit.tune, or tune_hyperparams of AccuracyAwareQuantization.",
    "ParamsTuningSearch": "Use eightbit.tune.",
    "ParamsGridSearchAlgorithm": "Use eightbit.tune.",
    "RangeOptimization": "Use eightbit.tune.",
    "RangeSupervision": "It is not done.",
    "QuantNoiseEstimator": "Use eightbit.report or eightbit.compare.",
    "OverflowCorrection": "It belongs to GNA, which no current OpenVINO runs on.",
    "OutlierChannelSplitting": "It is not done.",
    "WeightBiasCorrection": "Bias correction sees what rounded weights do to the outputs.",
    "INT4MixedQuantization": "It belongs to VPU. Use DefaultQuantization with 8 bits.",
}


def create_pipeline(
    algo_config: Sequence[Mapping[str, Any]] | Mapping[str, Any],
    engine: Engine,
    interface: str = "API",
) -> Pipeline:
    """algo_config: a list of `{"name", "params"}`; an empty one makes a pipeline that only evaluates. Raises KeyError for a name
    that there never was, Unsupported for an algorithm that is not done here, with the way out."""
    if isinstance(algo_config, Mapping):
        algo_config = [algo_config] if algo_config else []
    pipeline = Pipeline(engine)
    for entry in algo_config:
        name = str(entry.get("name", "")).rpartition(".")[2]
        if name in _REFUSED:
            raise Unsupported(f"[pot] {name}: {_REFUSED[name]}")
        if name not in QUANTIZERS:
            raise KeyError(
                f"QuantizationAlgos has no {name!r}. There are: {', '.join(QUANTIZERS)}."
            )
        for key in entry:
            if key not in ("name", "params"):
                _log.warning(
                    "%s: '%s' stands beside 'params' and has no effect. Put it into params.",
                    name,
                    key,
                )
        pipeline.add_algo(Algorithm(name, Attributes(entry.get("params") or {})))
    pipeline.check()
    return pipeline
