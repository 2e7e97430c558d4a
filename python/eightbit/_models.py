"""Models of the frameworks, in and out."""

from __future__ import annotations

import os
from typing import Any

from eightbit import _eightbit
from eightbit.errors import UnsupportedBackendError

_HINTS = {
    "onnx": "Pass the path of the .onnx file instead of the model object.",
    "torch": "Convert it first: openvino.convert_model(model, example_input=...).",
    "tensorflow": "Convert it first: openvino.convert_model(model).",
    "keras": "Convert it first: openvino.convert_model(model).",
}


def to_native_model(model: Any) -> _eightbit.Model:
    """A path or an openvino.Model, as the library's handle. The caller's object is not changed."""
    if isinstance(model, (str, os.PathLike)):
        return _eightbit.Model.read(os.fspath(model))
    if any(
        kind.__module__.startswith("openvino") and kind.__name__ == "Model"
        for kind in type(model).__mro__
    ):
        return _eightbit.Model.from_openvino(model)
    raise UnsupportedBackendError(_refusal(model))


def _refusal(model: Any) -> str:
    packages = [kind.__module__.partition(".")[0] for kind in type(model).__mro__]
    hint = next((_HINTS[package] + " " for package in packages if package in _HINTS), "")
    return (
        f"[model] a {type(model).__module__}.{type(model).__qualname__} is not supported. {hint}"
        "Supported are openvino.Model and paths of OpenVINO IR (.xml) and ONNX (.onnx) files."
    )


def to_openvino(model: _eightbit.Model) -> Any:
    """A new openvino.Model. Python makes an empty one, because only OpenVINO can make its own Python objects; C++ then
    fills it in, without a copy of the weights."""
    import openvino

    shell = openvino.Model([], [], "model")
    model.write_into(shell)
    return shell
