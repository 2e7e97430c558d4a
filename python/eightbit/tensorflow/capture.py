"""From a model of TensorFlow or Keras to a Graph that can be measured and rewritten. The model itself stays as it is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from eightbit.errors import Error, InvalidArgument, ModelError
from eightbit.frameworks import is_a
from eightbit.tensorflow.batch_norms import fold_batch_norms
from eightbit.tensorflow.clean import clean
from eightbit.tensorflow.flatten import flatten
from eightbit.tensorflow.graph import Graph
from eightbit.tensorflow.products import join_tensordots, select_masks, take_einsums_apart
from eightbit.tensorflow.shapes import largest_batch, measure_shapes
from eightbit.tensorflow.signature import Signature, names_of_outputs

_DEFAULT_SIGNATURE = "serving_default"


@dataclass
class Captured:
    """keras: the package that a Keras model is of, else "". source: the model, which tables that the graph reads belong to."""

    graph: Graph
    signature: Signature
    largest_batch: int
    keras: str
    source: Any


def keras_of(model: Any) -> str:
    """ "keras" or "tf_keras" for models of Keras 3 and 2; "" for anything else."""
    for kind in type(model).__mro__:
        package = kind.__module__.partition(".")[0]
        if package in ("keras", "tf_keras") and kind.__name__ == "Model":
            return package
    return ""


def is_concrete(model: Any) -> bool:
    return is_a(model, "tensorflow", "ConcreteFunction")


def capture(model: Any, samples: Sequence[Any]) -> Captured:
    """samples: as callers write them; with none the model must tell the shapes of its inputs. Raises ModelError where the model
    cannot be traced, InvalidArgument where it has several signatures, DataError where a sample does not fit."""
    function, signature, keras = trace(model, *samples)
    graph = flatten(function)
    clean(graph)
    arrays = [_inputs(signature, sample, number) for number, sample in enumerate(samples)]
    arrays = arrays or [_zeros(signature)]
    singles = [_first_item(each) for each in arrays]
    batched = measure_shapes(graph, singles)
    take_einsums_apart(graph)
    join_tensordots(graph)
    select_masks(graph)
    fold_batch_norms(graph)
    return Captured(graph, signature, largest_batch(graph) if batched else 1, keras, model)


def _inputs(signature: Signature, sample: Any, number: int) -> list[np.ndarray]:
    return list(signature.flatten(sample, number).values())


def _zeros(signature: Signature) -> list[np.ndarray]:
    """An item of the shapes that the model has; sizes of axis 0 that are open are 1."""
    arrays = []
    for name, spec in zip(signature.names, signature.specs, strict=True):
        sizes = list(spec.shape) if spec.shape.rank is not None else [None, None]
        if None in sizes[1:]:
            raise _needs_sample(f"its input '{name}' has the shape {spec.shape}")
        arrays.append(np.zeros([size or 1 for size in sizes], spec.dtype.as_numpy_dtype))
    return arrays


def _needs_sample(reason: str) -> InvalidArgument:
    return InvalidArgument(
        f"[tensorflow] the model cannot be traced without a sample: {reason}. Pass an eightbit.Dataset, or a function or model "
        "with the shapes of its inputs."
    )


def _first_item(arrays: list[np.ndarray]) -> list[np.ndarray]:
    """One item of a batch, where the first axes agree."""
    sizes = {array.shape[0] if array.ndim else 0 for array in arrays}
    if len(sizes) != 1 or sizes.pop() < 2:
        return arrays
    return [array[:1] for array in arrays]


def trace(model: Any, *samples: Any) -> tuple[Any, Signature, str]:
    """A concrete function, what it is called with, and the Keras that the model is of. samples: for models that do not tell; sizes
    that differ among them are open."""
    keras = keras_of(model)
    if keras:
        return *_of_keras(model, samples), keras
    if is_concrete(model):
        return *_of_concrete(model), ""
    signatures = getattr(model, "signatures", None)
    if signatures:
        return *_of_concrete(_chosen(signatures)), ""
    if is_a(model, "tensorflow", "Module") or hasattr(model, "get_concrete_function"):
        return *_of_function(model, samples), ""
    raise ModelError(
        f"[tensorflow] a {type(model).__name__} has no signature and cannot be called. Pass a Keras model, a tf.function, a "
        "tf.Module with __call__, or a signature of a SavedModel."
    )


def _chosen(signatures: Any) -> Any:
    if len(signatures) == 1:
        return next(iter(signatures.values()))
    if _DEFAULT_SIGNATURE in signatures:
        return signatures[_DEFAULT_SIGNATURE]
    raise InvalidArgument(
        f"[tensorflow] the SavedModel has the signatures {', '.join(sorted(signatures))}. Pass one of them: model.signatures[name]."
    )


def _of_concrete(function: Any) -> tuple[Any, Signature]:
    """Inputs by the names of the function's own arguments."""
    captured = {id(inner) for _, inner in function.graph.captures}
    tensors = [tensor for tensor in function.graph.inputs if id(tensor) not in captured]
    args, kwargs = function.structured_input_signature
    named = dict(kwargs) if kwargs and not args else {}
    by_name = {spec.name or key: key for key, spec in named.items()}
    names = [by_name.get(tensor.op.name, tensor.op.name) for tensor in tensors]
    specs = [
        tf.TensorSpec(tensor.shape, tensor.dtype, name)
        for tensor, name in zip(tensors, names, strict=True)
    ]
    structure = {name: name for name in names} if named else tuple(names)
    flat = tf.nest.flatten(function.structured_outputs)
    return function, Signature(
        names,
        specs,
        structure,
        function.structured_outputs,
        names_of_outputs(function.structured_outputs, flat),
    )


def _of_keras(model: Any, samples: Sequence[Any]) -> tuple[Any, Signature]:
    """Functional models know their inputs; others are called with what a sample looks like."""
    structure = getattr(model, "_inputs_struct", None)
    if structure is None:
        structure = getattr(model, "_nested_inputs", None)
    if structure is not None:
        flat = tf.nest.flatten(structure)
        names = [_plain_name(each.name) for each in flat]
        specs = [
            tf.TensorSpec(tuple(each.shape), tf.as_dtype(each.dtype), name)
            for each, name in zip(flat, names, strict=True)
        ]
        nested = tf.nest.pack_sequence_as(structure, names)
    else:
        names, specs, nested = _of_samples([_as_argument(sample) for sample in samples])
    return _of_call(model, lambda inputs: model(inputs, training=False), names, specs, nested)


def _plain_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name.partition(":")[0])


def _as_argument(sample: Any) -> Any:
    return sample[0] if isinstance(sample, (list, tuple)) and len(sample) == 1 else sample


def _of_samples(samples: Sequence[Any]) -> tuple[list[str], list[tf.TensorSpec], Any]:
    """Axis 0 is a batch of any size, as Keras has it."""
    if not samples:
        raise _needs_sample("it takes whatever it is called with")
    sample = samples[0]
    flat = [np.asarray(each) for each in tf.nest.flatten(sample)]
    others = [[np.asarray(each) for each in tf.nest.flatten(other)] for other in samples[1:]]
    others = [other for other in others if len(other) == len(flat)]  # else said in its turn
    if isinstance(sample, dict):
        names = [_plain_name(str(key)) for key in sorted(sample)]
    else:
        names = ["input"] if len(flat) == 1 else [f"input_{number}" for number in range(len(flat))]
    specs = [
        tf.TensorSpec(_open_shape(array, [other[place] for other in others]), array.dtype, name)
        for place, (array, name) in enumerate(zip(flat, names, strict=True))
    ]
    return names, specs, tf.nest.pack_sequence_as(sample, names)


def _open_shape(array: np.ndarray, others: list[np.ndarray]) -> tuple[int | None, ...]:
    alike = [other.shape for other in others if other.ndim == array.ndim]
    sizes = zip(array.shape, *alike, strict=True)
    return tuple(
        None if axis == 0 or len(set(each)) > 1 else each[0] for axis, each in enumerate(sizes)
    )


def _of_function(model: Any, samples: Sequence[Any]) -> tuple[Any, Signature]:
    """A tf.function with a signature of its own, or a callable for what a sample looks like."""
    call = model if hasattr(model, "get_concrete_function") else type(model).__call__
    if getattr(call, "input_signature", None) is not None:
        bound = model if hasattr(model, "get_concrete_function") else model.__call__
        return _of_concrete(bound.get_concrete_function())
    names, specs, nested = _of_samples(samples)
    if isinstance(nested, dict):
        return _of_call(model, lambda inputs: model(**inputs), names, specs, nested)
    if isinstance(nested, (list, tuple)):
        return _of_call(model, lambda inputs: model(*inputs), names, specs, nested)
    return _of_call(model, model, names, specs, nested)


def _of_call(model: Any, call: Any, names, specs, nested) -> tuple[Any, Signature]:
    def inputs_of(*tensors: Any) -> Any:
        return call(tf.nest.pack_sequence_as(nested, list(tensors)))

    try:
        function = tf.function(inputs_of, autograph=False).get_concrete_function(*specs)
    except (Error, KeyboardInterrupt):
        raise
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise ModelError(
            f"[tensorflow] {type(model).__name__} cannot be traced: {type(error).__name__}: {lines[0] if lines else ''}. Make "
            "tf.function(model).get_concrete_function(...) work, or pass the part of the model that it works for."
        ) from error
    outputs = function.structured_outputs
    flat = tf.nest.flatten(outputs)
    signature = Signature(names, specs, nested, outputs, names_of_outputs(outputs, flat))
    return function, signature
