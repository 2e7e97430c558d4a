"""What the caller gets: a Keras model of the same Keras, or a tf.Module."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from eightbit.tensorflow.capture import Captured
from eightbit.tensorflow.clean import is_quantizer
from eightbit.tensorflow.graph import CONSTANT, HANDLE, Graph, Node
from eightbit.tensorflow.graph_def import function_of
from eightbit.tensorflow.signature import Signature

_SMALL = 1024  # elements of a number of the graph that stays in it


def finished_model(captured: Captured, metadata: dict[str, str]) -> Any:
    """metadata: what was done, kept as `eightbit_metadata`."""
    handles = any(node.op == HANDLE for node in captured.graph.nodes)
    if captured.keras and not handles:
        model = _keras_model(captured)
    else:
        model = module_of(captured)
    model.eightbit_metadata = metadata
    return model


def weights_of(graph: Graph) -> list[Node]:
    """Constants that are no part of a GraphDef: what was a variable, ranges, and what is large."""
    return [
        node
        for node in graph.nodes
        if node.op == CONSTANT
        and node.array.dtype.kind not in "OSU"
        and (node.trainable is not None or node.array.size > _SMALL)
    ]


def _keras_model(captured: Captured) -> Any:
    from eightbit.tensorflow.keras_layer import keras_package, layer_class

    keras = keras_package(captured.keras)
    weights = weights_of(captured.graph)
    function = function_of(captured.graph, weights)
    layer = layer_class(captured.keras)(
        function, len(captured.graph.inputs), [bool(node.trainable) for node in weights]
    )
    signature = captured.signature
    inputs = [
        keras.Input(batch_shape=tuple(spec.shape), dtype=spec.dtype.name, name=name)
        if captured.keras == "keras"
        else keras.Input(
            shape=tuple(spec.shape[1:]), batch_size=spec.shape[0], dtype=spec.dtype.name, name=name
        )
        for name, spec in zip(signature.names, signature.specs, strict=True)
    ]
    outputs = signature.packed_outputs(layer(inputs))
    layer.fill([node.array for node in weights])
    name = getattr(captured.source, "name", "model")
    return keras.Model(
        tf.nest.pack_sequence_as(signature.structure, inputs), outputs, name=f"{name}_quantized"
    )


def module_of(captured: Captured) -> tf.Module:
    """What holds integers is not trained any more, and needs no gradients."""
    graph, signature = captured.graph, captured.signature
    frozen = any(node.array is not None and node.array.dtype == np.int8 for node in graph.nodes)
    weights = _stored_weights(graph) if frozen else weights_of(graph)
    function = function_of(graph, weights)
    body = function.build if frozen else function
    handles = [node.tensor for node in graph.nodes if node.op == HANDLE]

    class QuantizedModule(tf.Module):
        """Called with the flat inputs in order."""

        def __init__(self):
            super().__init__(name="quantized")
            self.weights = [
                tf.Variable(
                    node.array, bool(node.trainable) and not frozen, name=_variable_name(node)
                )
                for node in weights
            ]
            self.source = captured.source if handles else None  # whose tables are read

        @tf.function(input_signature=_named_specs(signature), autograph=False)
        def __call__(self, *inputs: Any) -> Any:
            return signature.packed_outputs(list(body(*inputs, *self.weights, *handles)))

        @property
        def signatures(self) -> dict[str, Any]:
            """As a loaded SavedModel has them. To save the module, leave them out: the same one is made."""
            return {"serving_default": self.__call__.get_concrete_function()}

    return QuantizedModule()


def _stored_weights(graph: Graph) -> list[Node]:
    """Variables take more room in a SavedModel than a bias: those that no kernel takes in wrongly are constants. As constants
    TensorFlow would fold the others into layer normalizations of another epsilon (docs/tensorflow.md)."""
    readers = graph.readers()
    return [
        node
        for node in weights_of(graph)
        if not all(
            reader.op == "BiasAdd" or is_quantizer(reader)
            for reader, _ in readers.get(node.output, [])
        )
    ]


def _variable_name(node: Node) -> str:
    return node.name.replace(":", "_")


def _named_specs(signature: Signature) -> list[tf.TensorSpec]:
    return [
        tf.TensorSpec(spec.shape, spec.dtype, name)
        for name, spec in zip(signature.names, signature.specs, strict=True)
    ]
