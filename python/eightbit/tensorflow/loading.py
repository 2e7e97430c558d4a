"""Files of Keras."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from eightbit.errors import FileError, UnsupportedBackendError


def _safe_mode(package: str) -> Any:
    """Keras has it on for its own format; Keras 2 leaves it out for HDF5."""
    return import_module(f"{package}.src.saving.serialization_lib").SafeModeScope(True)


def load(path: str | os.PathLike) -> Any:
    """A model out of a .keras, .h5 or .hdf5 file, by the Keras that can: 3, else 2. Nothing in the file is executed that Keras's
    safe mode refuses. Raises FileError with the reason."""
    reasons = []
    for package in ("keras", "tf_keras"):
        try:
            keras = import_module(package)
        except ImportError:
            continue
        try:
            with _safe_mode(package):
                return keras.models.load_model(os.fspath(path), compile=False)
        except Exception as error:
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            reasons.append(f"{package}: {lines[0] if lines else type(error).__name__}")
    if not reasons:
        raise UnsupportedBackendError(
            f"[tensorflow] '{path}' is a file of Keras, which is missing. Install it with: pip install keras tensorflow"
        )
    raise FileError(
        f"[tensorflow] '{path}' cannot be loaded: {'; '.join(reasons)}. Load it yourself, with what it needs, and pass the model."
    )
