"""The names of OpenVINO's Post-training Optimization Tool, for scripts that were written for it.

A script changes `openvino.tools.pot` to `eightbit.pot` in its imports, or calls `eightbit.pot.install_alias()` and changes
nothing. docs/pot.md tells what each name and parameter does here, and what is refused.
"""

import sys
from typing import Any

from eightbit.pot.alias import install_alias
from eightbit.pot.api import DataLoader, Engine, Metric
from eightbit.pot.engines.ie_engine import IEEngine
from eightbit.pot.engines.simplified_engine import SimplifiedEngine
from eightbit.pot.graph import load_model, save_model
from eightbit.pot.graph.model_utils import compress_model_weights
from eightbit.pot.pipeline.initializer import create_pipeline
from eightbit.pot.pipeline.pipeline import Pipeline
from eightbit.pot.refused import Refusals, refuse
from eightbit.pot.utils.logger import get_logger, init_logger

if not any(isinstance(finder, Refusals) for finder in sys.meta_path):
    sys.meta_path.insert(0, Refusals())


def __getattr__(name: str) -> Any:
    return refuse("", name)


__all__ = [
    "compress_model_weights",
    "create_pipeline",
    "DataLoader",
    "Engine",
    "get_logger",
    "IEEngine",
    "init_logger",
    "install_alias",
    "load_model",
    "Metric",
    "Pipeline",
    "save_model",
    "SimplifiedEngine",
]
