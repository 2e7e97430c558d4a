"""Models of the frameworks, in and out."""

from __future__ import annotations

import os
from typing import Any

from eightbit import _eightbit
from eightbit._arguments import as_enum
from eightbit._logging import logger
from eightbit.errors import FileError, ModelError, Unsupported, UnsupportedBackendError
from eightbit.parameters import Engine

_HINTS = {
    "tensorflow": "Convert it first: openvino.convert_model(model).",
    "keras": "Convert it first: openvino.convert_model(model).",
}


def to_native_model(
    model: Any, engine: Engine = Engine.AUTO, external_data_dir: str | os.PathLike | None = None
) -> _eightbit.Model:
    """A path, an openvino.Model or an onnx.ModelProto, as the library's handle. The caller's object is not changed.

    external_data_dir: of an onnx.ModelProto with tensors in other files.
    """
    if external_data_dir is not None and not _is(model, "onnx", "ModelProto"):
        logger.warning(
            "backend_params['external_data_dir'] has no effect: a %s says itself where its data lie",
            type(model).__name__,
        )
    engine = as_enum("model", "engine", Engine, engine or Engine.AUTO)
    if isinstance(model, (str, os.PathLike)):
        return _eightbit.Model.read(os.fspath(model), engine.value)
    if _is(model, "openvino", "Model") and engine != Engine.ONNXRUNTIME:
        return _eightbit.Model.from_openvino(model)
    if _is(model, "onnx", "ModelProto"):
        return _from_onnx(_with_data(model, external_data_dir), engine)
    if _is(model, "openvino", "Model"):
        raise UnsupportedBackendError(
            f"[model] engine {engine.value!r} does not take a {type(model).__name__} object. "
            "Leave the engine out, or pass the path of an .onnx file."
        )
    if is_torch(model):
        from eightbit.torch.prepare import prepare

        return prepare("model", model, None, engine)[0]
    raise UnsupportedBackendError(_refusal(model))


def is_torch(model: Any) -> bool:
    return _is(model, "torch", "Module") or _is(model, "torch", "ExportedProgram")


def is_unexported(model: Any) -> bool:
    """An nn.Module that is still to be exported."""
    if not is_torch(model) or _is(model, "torch", "ExportedProgram"):
        return False
    from eightbit.torch.capture import is_exported

    return not is_exported(model)


def _is(model: Any, package: str, name: str) -> bool:
    return any(
        kind.__module__.partition(".")[0] == package and kind.__name__ == name
        for kind in type(model).__mro__
    )


def _with_data(model: Any, folder: str | os.PathLike | None) -> Any:
    """A copy that holds the tensors in `folder` too; the model itself where no folder is given."""
    if folder is None:
        return model
    import onnx

    whole = onnx.ModelProto()
    whole.CopyFrom(model)
    try:
        onnx.load_external_data_for_model(whole, os.fspath(folder))
    except Exception as error:
        raise FileError(
            f"[model] the external data of the onnx.ModelProto can not be read from '{folder}': {error}. Pass the folder that "
            "they lie in as backend_params['external_data_dir'], or the path of the .onnx file as the model."
        ) from error
    return whole


def _from_onnx(model: Any, engine: Engine) -> _eightbit.Model:
    try:
        serialized = model.SerializeToString()
    except Exception as error:  # protobuf's own classes differ between its implementations
        raise Unsupported(
            f"[model] the onnx.ModelProto can not be serialized: {error}. A model above 2 GB must "
            "be passed as the path of its .onnx file."
        ) from error
    if engine != Engine.OPENVINO:
        return _eightbit.Model.from_onnx(serialized)
    import openvino

    try:
        return _eightbit.Model.from_openvino(openvino.Core().read_model(serialized))
    except RuntimeError as error:
        raise ModelError(
            f"[model] OpenVINO can not read this onnx.ModelProto: {error}. Leave the engine out, or "
            "export the model again."
        ) from error


def _refusal(model: Any) -> str:
    packages = [kind.__module__.partition(".")[0] for kind in type(model).__mro__]
    hint = next((_HINTS[package] + " " for package in packages if package in _HINTS), "")
    return (
        f"[model] a {type(model).__module__}.{type(model).__qualname__} is not supported. {hint}"
        "Supported are openvino.Model, onnx.ModelProto, torch.nn.Module, exported torch.fx.GraphModule, and paths of models: OpenVINO IR (.xml), ONNX (.onnx), TensorFlow Lite (.tflite), TensorFlow (a SavedModel's folder, .pb), PaddlePaddle (.pdmodel)."
    )


def from_native_model(model: _eightbit.Model) -> Any:
    """A new model of the framework that it belongs to."""
    network = _eightbit.network_of(model)
    if network is not None:
        return network.finished()
    return _to_onnx(model) if model.is_onnx else _to_openvino(model)


def _to_onnx(model: _eightbit.Model) -> Any:
    try:
        import onnx
    except ImportError:
        raise UnsupportedBackendError(
            "[model] the quantized model is an ONNX model, and the package that holds such models "
            "is missing. Install it with: pip install onnx"
        ) from None
    return onnx.ModelProto.FromString(model.to_onnx())


def _to_openvino(model: _eightbit.Model) -> Any:
    """Python makes an empty one, because only OpenVINO can make its own Python objects; C++ then fills it in, without a
    copy of the weights."""
    import openvino

    shell = openvino.Model([], [], "model")
    model.write_into(shell)
    return shell
