"""Whose models there are: a row a framework, and how its models get into the library and out of it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from eightbit import _eightbit
from eightbit._logging import logger
from eightbit._openvino import imported
from eightbit.data.dataset import Dataset
from eightbit.errors import FileError, ModelError, Unsupported, UnsupportedBackendError
from eightbit.parameters import Engine

Nodes = list[tuple[str, str]]  # names and types


@dataclass(frozen=True)
class Settings:
    """How a model is read. external_data_dir: of an onnx.ModelProto with tensors in other files. subset_size: samples that
    will be used."""

    engine: Engine = Engine.AUTO
    external_data_dir: str | os.PathLike | None = None
    subset_size: int = 1


class Framework:
    """A row. What it does not say for itself is that of models which OpenVINO runs."""

    name = ""
    what = ""  # is taken, in the words of messages
    extension = ".xml"  # of a model that is written on the way

    def owns(self, model: Any) -> bool:
        """Whether this is one of its models."""
        raise NotImplementedError

    def needs_sample(self, model: Any) -> bool:
        """Whether the model can be read only together with a first sample."""
        return False

    def prepare(
        self, where: str, model: Any, data: Any, settings: Settings
    ) -> tuple[_eightbit.Model, Any]:
        """The library's handle, and the library's twin of `data` (a Dataset; anything else stays as it is). The caller's
        model is not changed."""
        native = self.read(model, settings)
        return native, data._native() if isinstance(data, Dataset) else data

    def read(self, model: Any, settings: Settings) -> _eightbit.Model:
        """The handle alone."""
        raise NotImplementedError

    def prepare_two(
        self, models: Sequence[Any], data: Any, subset_size: int
    ) -> tuple[list[_eightbit.Model], Any]:
        """Two models that read the same data."""
        native = data._native() if isinstance(data, Dataset) else data
        return [self.read(model, Settings()) for model in models], native

    def unwrap(self, model: _eightbit.Model) -> Any:
        """A new object of the framework. Python makes an empty one, because only OpenVINO can make its own Python objects;
        C++ then fills it in, without a copy of the weights."""
        shell = imported("model").Model([], [], "model")
        model.write_into(shell)
        return shell

    def for_inference(self, model: _eightbit.Model) -> Any:
        """What a validation function is given, as NNCF hands it out."""
        config = {"INFERENCE_PRECISION_HINT": "f32"}
        return imported("model").compile_model(self.unwrap(model), "CPU", config)

    def samples(self, model: _eightbit.Model, items: Iterable[Any]) -> Iterator[Any]:
        """Items as the handle takes them."""
        return iter(items)

    def nodes(self, model: Any, example_input: Any) -> Nodes:
        """The nodes that ignored scopes can name."""
        return [
            (node.get_friendly_name(), node.get_type_name()) for node in model.get_ordered_ops()
        ]


class OpenVino(Framework):
    name = "openvino"
    what = "openvino.Model"

    def owns(self, model: Any) -> bool:
        return is_a(model, "openvino", "Model")

    def read(self, model: Any, settings: Settings) -> _eightbit.Model:
        _warn_of_data_dir(model, settings)
        if settings.engine == Engine.ONNXRUNTIME:
            raise UnsupportedBackendError(
                f"[model] engine {settings.engine.value!r} does not take a {type(model).__name__} object. "
                "Leave the engine out, or pass the path of an .onnx file."
            )
        return _eightbit.Model.from_openvino(model)


class Onnx(Framework):
    name = "onnx"
    what = "onnx.ModelProto"
    extension = ".onnx"

    def owns(self, model: Any) -> bool:
        return is_a(model, "onnx", "ModelProto")

    def read(self, model: Any, settings: Settings) -> _eightbit.Model:
        try:
            serialized = _with_data(model, settings.external_data_dir).SerializeToString()
        except FileError:
            raise
        except Exception as error:  # protobuf's own classes differ between its implementations
            raise Unsupported(
                f"[model] the onnx.ModelProto cannot be serialized: {error}. A model above 2 GB must "
                "be passed as the path of its .onnx file."
            ) from error
        if settings.engine != Engine.OPENVINO:
            return _eightbit.Model.from_onnx(serialized)
        core = imported("model").Core()
        try:
            return _eightbit.Model.from_openvino(core.read_model(serialized))
        except RuntimeError as error:
            raise ModelError(
                f"[model] OpenVINO cannot read this onnx.ModelProto: {error}. Leave the engine out, or "
                "export the model again."
            ) from error

    def unwrap(self, model: _eightbit.Model) -> Any:
        try:
            import onnx
        except ImportError:
            raise UnsupportedBackendError(
                "[model] the quantized model is an ONNX model, and the package that holds such models "
                "is missing. Install it with: pip install onnx"
            ) from None
        return onnx.ModelProto.FromString(model.to_onnx())

    def for_inference(self, model: _eightbit.Model) -> Any:
        return self.unwrap(model)

    def nodes(self, model: Any, example_input: Any) -> Nodes:
        return [(node.name, node.op_type) for node in model.graph.node]


class Files(Framework):
    """Paths. What is in the file decides whose model it becomes."""

    name = "files"
    what = (
        "paths of models: OpenVINO IR (.xml), ONNX (.onnx), TensorFlow Lite (.tflite), TensorFlow (a SavedModel's folder, "
        ".pb), PaddlePaddle (.pdmodel)"
    )

    def owns(self, model: Any) -> bool:
        return isinstance(model, (str, os.PathLike))

    def read(self, model: Any, settings: Settings) -> _eightbit.Model:
        _warn_of_data_dir(model, settings)
        return _eightbit.Model.read(os.fspath(model), settings.engine.value)

    def nodes(self, model: Any, example_input: Any) -> Nodes:
        if self.read(model, Settings()).is_onnx:  # says what is wrong with it
            import onnx

            return ONNX.nodes(onnx.load(model, load_external_data=False), example_input)
        return super().nodes(imported("build_graph").Core().read_model(model), example_input)


class PythonFramework(Framework):
    """A framework that runs and saves its models itself: a package eightbit.<name>, whose module `prepare` has functions `prepare`,
    `prepare_two` and `needs_sample` like the methods here, and makes networks (see eightbit.external.network)."""

    extension = ""

    def __init__(
        self, name: str, what: str, *kinds: tuple[str, str], suffixes: tuple[str, ...] = ()
    ):
        """kinds: of its models, packages and names of classes; the package is not imported to ask. suffixes: of its files."""
        self.name, self.what, self._kinds, self._suffixes = name, what, kinds, suffixes

    def owns(self, model: Any) -> bool:
        if isinstance(model, (str, os.PathLike)):
            return os.fspath(model).lower().endswith(self._suffixes)
        return any(is_a(model, *kind) for kind in self._kinds)

    def needs_sample(self, model: Any) -> bool:
        return self._module().needs_sample(model)

    def prepare(self, where, model, data, settings) -> tuple[_eightbit.Model, Any]:
        _warn_of_data_dir(model, settings)
        return self._module().prepare(where, model, data, settings.engine, settings.subset_size)

    def read(self, model: Any, settings: Settings) -> _eightbit.Model:
        return self.prepare("model", model, None, settings)[0]

    def prepare_two(self, models, data, subset_size) -> tuple[list[_eightbit.Model], Any]:
        return self._module().prepare_two(models, data, subset_size)

    def unwrap(self, model: _eightbit.Model) -> Any:
        return _eightbit.network_of(model).finished()

    def for_inference(self, model: _eightbit.Model) -> Any:
        return self.unwrap(model)

    def samples(self, model: _eightbit.Model, items: Iterable[Any]) -> Iterator[Any]:
        flatten = _eightbit.network_of(model).flatten
        return (flatten(item, number) for number, item in enumerate(items))

    def nodes(self, model: Any, example_input: Any) -> Nodes:
        with_sample = self.needs_sample(model) and example_input is not None
        data = Dataset([example_input]) if with_sample else None
        native, _ = self.prepare("build_graph", model, data, Settings())
        reading = _eightbit.network_of(native).reading
        return list(zip(reading.names, reading.types, strict=True))

    def _module(self) -> Any:
        return import_module(f"eightbit.{self.name}.prepare")


OPENVINO, ONNX = OpenVino(), Onnx()
FRAMEWORKS: tuple[Framework, ...] = (
    OPENVINO,
    ONNX,
    PythonFramework(
        "torch",
        "torch.nn.Module, exported torch.fx.GraphModule",
        ("torch", "Module"),
        ("torch", "ExportedProgram"),
    ),
    PythonFramework(
        "tensorflow",
        "Keras models and their files (.keras, .h5), tf.Module, tf.function, SavedModels that are loaded",
        ("keras", "Model"),
        ("tf_keras", "Model"),
        ("tensorflow", "Module"),
        ("tensorflow", "ConcreteFunction"),
        ("tensorflow", "Function"),
        ("tensorflow", "AutoTrackable"),
        suffixes=(".keras", ".h5", ".hdf5"),
    ),
    Files(),
)


def framework_of(model: Any) -> Framework:
    """Whose model it is. Raises UnsupportedBackendError."""
    for framework in FRAMEWORKS:
        if framework.owns(model):
            return framework
    *firsts, last = [framework.what for framework in FRAMEWORKS]
    raise UnsupportedBackendError(
        f"[model] a {type(model).__module__}.{type(model).__qualname__} is not supported. "
        f"Supported are {', '.join(firsts)}, and {last}."
    )


def home_of(model: _eightbit.Model) -> Framework:
    """Whose object a handle becomes."""
    network = _eightbit.network_of(model)
    if network is not None:
        return next(framework for framework in FRAMEWORKS if framework.name == network.backend)
    return ONNX if model.is_onnx else OPENVINO


def is_a(model: Any, package: str, name: str) -> bool:
    """Whether a class of that name, of that package, is among the model's; without importing the package."""
    return any(
        kind.__module__.partition(".")[0] == package and kind.__name__ == name
        for kind in type(model).__mro__
    )


def _warn_of_data_dir(model: Any, settings: Settings) -> None:
    if settings.external_data_dir is not None:
        logger.warning(
            "backend_params['external_data_dir'] has no effect: a %s says itself where its data lie",
            type(model).__name__,
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
            f"[model] the external data of the onnx.ModelProto cannot be read from '{folder}': {error}. Pass the folder that "
            "they lie in as backend_params['external_data_dir'], or the path of the .onnx file as the model."
        ) from error
    return whole
