"""A quantized graph as a layer of Keras 2 or 3, whose weights can be trained, saved and loaded."""

from __future__ import annotations

import base64
import functools
from importlib import import_module
from typing import Any

import tensorflow as tf

from eightbit.tensorflow.graph_def import Function


def keras_package(name: str) -> Any:
    """ "keras" or "tf_keras"."""
    return import_module(name)


@functools.cache
def layer_class(package: str) -> type:
    """Of the Keras of that name."""
    keras = keras_package(package)

    @keras.saving.register_keras_serializable("eightbit", "QuantizedGraph")
    class QuantizedGraph(keras.layers.Layer):
        """Takes the list of the graph's inputs, gives the list of its outputs."""

        def __init__(self, function: Function, inputs: int, trained: list[bool], **options: Any):
            super().__init__(**{"autocast": False, "dtype": "float32", **options})
            self._function = function
            self._inputs = inputs
            self._trained = list(trained)
            specs = list(function.specs.items())[inputs:]
            self._own = [
                self.add_weight(
                    name=name.replace("/", ".").replace(":", "."),
                    shape=tuple(spec.shape),
                    dtype=spec.dtype.name,
                    initializer="zeros",
                    trainable=one,
                )
                for (name, spec), one in zip(specs, trained, strict=True)
            ]
            self.built = True

        def fill(self, arrays: list[Any]) -> None:
            """Weights in the order of the function's arguments; set_weights() takes trained ones first."""
            for weight, array in zip(self._own, arrays, strict=True):
                weight.assign(array)

        def call(self, inputs: Any) -> list[Any]:
            weights = [tf.convert_to_tensor(weight) for weight in self._own]
            return self._function(*tf.nest.flatten(inputs), *weights)

        def get_config(self) -> dict[str, Any]:
            own = {"inputs": self._inputs, "trained": self._trained}
            return {**super().get_config(), "graph": _as_config(self._function), **own}

        @classmethod
        def from_config(cls, config: dict[str, Any]) -> Any:
            config = dict(config)
            function = _from_config(config.pop("graph"))
            return cls(function, config.pop("inputs"), config.pop("trained"), **config)

    return QuantizedGraph


def _as_config(function: Function) -> dict[str, Any]:
    return {
        "definition": base64.b64encode(function.definition.SerializeToString()).decode(),
        "specs": {
            name: [list(spec.shape) if spec.shape.rank is not None else None, spec.dtype.name]
            for name, spec in function.specs.items()
        },
        "outputs": function.outputs,
    }


def _from_config(config: dict[str, Any]) -> Function:
    definition = tf.compat.v1.GraphDef.FromString(base64.b64decode(config["definition"]))
    specs = {
        name: tf.TensorSpec(shape, tf.as_dtype(dtype))
        for name, (shape, dtype) in config["specs"].items()
    }
    return Function(definition, specs, config["outputs"])
