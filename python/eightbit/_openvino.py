"""OpenVINO is a part: the library opens it when the first model needs it, in the place where Python would find it."""

import importlib.util
from pathlib import Path
from types import ModuleType

from eightbit import _eightbit
from eightbit.errors import UnsupportedBackendError


def imported(where: str) -> ModuleType:
    """The package. Raises UnsupportedBackendError, which says what to install."""
    try:
        import openvino
    except ImportError:
        raise UnsupportedBackendError(
            f"[{where}] OpenVINO is missing. Install it with: pip install openvino"
        ) from None
    return openvino


def libraries() -> Path | None:
    """The folder of OpenVINO's libraries: those that `import openvino` will use. None where it is not installed."""
    try:
        spec = importlib.util.find_spec("openvino")
    except (ImportError, ValueError):
        return None
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / "libs"


def look_for_openvino() -> None:
    """Tells the library; opens nothing."""
    folder = libraries()
    if folder is not None:
        _eightbit.look_for_openvino_in(folder)
