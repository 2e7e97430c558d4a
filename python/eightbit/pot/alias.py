"""Lets scripts run that import from openvino.tools.pot."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys

from eightbit.errors import Unsupported
from eightbit.pot.refused import HERE, THERE


def install_alias() -> None:
    """Makes `openvino.tools.pot` and its submodules names of these modules, in this process. Raises Unsupported where the
    tool itself is installed: it is not replaced."""
    tools = importlib.import_module("openvino.tools")
    installed = sys.modules.get(THERE)
    if installed is None and importlib.util.find_spec(THERE) is not None:
        installed = True
    package = importlib.import_module(HERE)
    if installed not in (None, package):
        raise Unsupported(
            f"[pot] {THERE} is installed here. Import from {HERE} instead, or uninstall openvino-dev."
        )
    sys.modules[THERE] = package
    tools.pot = package
    for found in pkgutil.walk_packages(package.__path__, f"{HERE}."):
        below = found.name.removeprefix(HERE)
        if not below.endswith("__main__"):
            sys.modules[THERE + below] = importlib.import_module(found.name)
