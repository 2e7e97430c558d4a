"""What scripts of POT import that is not here: an import of it says what there is in its place."""

from __future__ import annotations

import importlib.abc
import sys
from collections.abc import Sequence
from typing import Any

from eightbit.errors import Unsupported

HERE = "eightbit.pot"
THERE = "openvino.tools.pot"

_GRAPHS = (
    "Graphs are not edited by hand. Use the openvino.Model of load_model(...).models[0]['model']."
)
_MEASURED = "Pass functions of your own to engine.predict(stats_layout={node: {name: function}})."
_ALGORITHM = "Name it in create_pipeline([{'name': '%s', 'params': {...}}], engine)."
_CONFIGURED = "Run a file by `eightbit pot -c FILE`, or eightbit.pot.app.run.app(['-c', FILE])."
_SAMPLES = "Samples are written anew: see examples/ (face_cascade, detection, speech, ...)."

# Modules, below eightbit.pot; what is in a package that is named is refused with it.
MODULES = {
    "algorithms.algorithm_selector": "Algorithms are named in create_pipeline([{'name': ...}], engine).",
    "algorithms.quantization": "Algorithms are named in create_pipeline([{'name': ...}], engine).",
    "algorithms.sparsity": "Sparsity is not done: it needs training to keep accuracy.",
    "api.samples": _SAMPLES,
    "app.argparser": _CONFIGURED,
    "configs": _CONFIGURED,
    "engines.ac_engine": "Accuracy Checker's files are read by `eightbit pot`; in Python derive a DataLoader.",
    "graph.editor": _GRAPHS,
    "graph.node_utils": _GRAPHS,
    "graph.transformer": _GRAPHS,
    "optimization": "There is no Tpe search. Use eightbit.tune.",
    "statistics": _MEASURED,
}

# Names in modules that are here.
NAMES = {
    "": {
        name: _ALGORITHM % name
        for name in (
            "AccuracyAwareQuantization",
            "ActivationChannelAlignment",
            "BiasCorrection",
            "DefaultQuantization",
            "FastBiasCorrection",
            "MinMaxQuantization",
        )
    }
    | {
        name: "It is not done here; docs/pot.md names what is."
        for name in (
            "BaseWeightSparsity",
            "DataFreeQuantization",
            "INT4MixedQuantization",
            "MagnitudeSparsity",
            "OutlierChannelSplitting",
            "OverflowCorrection",
            "ParamsGridSearchAlgorithm",
            "ParamsTuningSearch",
            "QuantizeModelFinetuning",
            "QuantNoiseEstimator",
            "RangeOptimization",
            "RangeSupervision",
            "SparseModelFinetuning",
            "TunableQuantization",
            "WeightBiasCorrection",
            "WeightSparsity",
        )
    },
    "app.run": {
        "optimize": "Use app(['-c', FILE]), or create_pipeline(...).run(model) for the model."
    },
    "engines.utils": {
        "cast_friendly_names": "Results of an inference are looked up by all names of their ports.",
        "get_clean_name": "Nodes keep their names.",
    },
    "graph.model_utils": {
        "build_model_for_node": _GRAPHS,
        "models_union": _GRAPHS,
        "nx_type_infer": _GRAPHS,
    },
}


class UnsupportedImport(Unsupported, ImportError):
    """Also an ImportError, so that code that tries an import goes on."""


def refuse(module: str, name: str) -> Any:
    """What the __getattr__ of the module `module` (below eightbit.pot) returns. Raises UnsupportedImport for a name of POT that
    is not here, AttributeError for any other."""
    advice = NAMES.get(module, {}).get(name)
    where = ".".join(part for part in (HERE, module) if part)
    if advice is None:
        raise AttributeError(f"module {where!r} has no attribute {name!r}")
    raise UnsupportedImport(f"[pot] {where} has no {name}. {advice}")


class Refusals(importlib.abc.MetaPathFinder):
    """Finds modules of POT that are not here, and says so."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: Any = None) -> None:
        for root in (HERE, THERE):
            below = fullname.removeprefix(root + ".")
            if below == fullname:
                continue
            if root == THERE and getattr(sys.modules.get(THERE), "__name__", "") != HERE:
                return  # POT itself
            for module, advice in MODULES.items():
                if below == module or below.startswith(module + "."):
                    raise UnsupportedImport(f"[pot] there is no {HERE}.{below}. {advice}")
