"""Loads the libraries of OpenVINO before the extension module that needs them."""

import ctypes
import importlib.util
from pathlib import Path

_RELEASE = "2026.4.1"
_LIBRARY = "libopenvino.so.2641"


def load_openvino() -> None:
    """Loads the very library that `import openvino` will use: two copies in one process could not share a model.

    Raises ImportError, which says what to install, when it is missing or of another release.
    """
    spec = importlib.util.find_spec("openvino")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError(
            f"eightbit needs OpenVINO {_RELEASE}. Install it with: pip install openvino=={_RELEASE}"
        )
    library = Path(spec.submodule_search_locations[0]) / "libs" / _LIBRARY
    if not library.exists():
        raise ImportError(
            f"eightbit was built for OpenVINO {_RELEASE}, but {library.parent} holds another release. "
            f"Install it with: pip install openvino=={_RELEASE}"
        )
    ctypes.CDLL(str(library))
