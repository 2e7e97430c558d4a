"""Lets scripts run that import from openvino.tools.pot."""

from __future__ import annotations

import importlib
import importlib.util
import sys

from eightbit.errors import Unsupported

_HERE = "eightbit.pot"
_THERE = "openvino.tools.pot"
_MODULES = (
    "api",
    "data_loaders",
    "data_loaders.creator",
    "data_loaders.image_loader",
    "engines",
    "engines.ie_engine",
    "engines.simplified_engine",
    "engines.utils",
    "graph",
    "graph.model_utils",
    "pipeline",
    "pipeline.initializer",
    "pipeline.pipeline",
    "samplers",
    "samplers.batch_sampler",
    "samplers.creator",
    "samplers.index_sampler",
    "samplers.sampler",
    "utils",
    "utils.logger",
)


def install_alias() -> None:
    """Makes `openvino.tools.pot` and its submodules names of these modules, in this process. Raises Unsupported where the
    tool itself is installed: it is not replaced."""
    tools = importlib.import_module("openvino.tools")
    installed = sys.modules.get(_THERE)
    if installed is None and importlib.util.find_spec(_THERE) is not None:
        installed = True
    package = importlib.import_module(_HERE)
    if installed not in (None, package):
        raise Unsupported(
            f"[pot] {_THERE} is installed here. Import from {_HERE} instead, or uninstall openvino-dev."
        )
    sys.modules[_THERE] = package
    tools.pot = package
    for name in _MODULES:
        sys.modules[f"{_THERE}.{name}"] = importlib.import_module(f"{_HERE}.{name}")
