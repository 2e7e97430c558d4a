"""The float model in OpenVINO, which measures several times faster than TensorFlow runs."""

from __future__ import annotations

import openvino
import tensorflow as tf

from eightbit import _eightbit
from eightbit.errors import ModelError
from eightbit.tensorflow.graph import CONSTANT, HANDLE, Graph, Output, attribute
from eightbit.tensorflow.graph_def import function_of
from eightbit.tensorflow.signature import Signature

_INPUT = "input_{}"


def openvino_twin(
    graph: Graph, signature: Signature, values: list[Output | None]
) -> tuple[_eightbit.Model, dict[int, str]]:
    """A model with a result for every float value, and their names by the numbers of the values. Raises ModelError with the
    reason where OpenVINO cannot convert the graph."""
    watched, twins = graph.copy()
    names = {}
    watched.outputs = []
    for number, value in enumerate(values):
        if value is None or not value.dtype.is_floating or value.node.op in (CONSTANT, HANDLE):
            continue
        # What something reads is no result, so that each has a copy of its own.
        kind = {"T": attribute(value.dtype)}
        copy = watched.add(f"value_{number}", "Identity", [twins[value]], [value.dtype], kind)
        watched.outputs.append(copy.output)
        names[number] = copy.name
    watched.prune()
    model = _converted(watched)
    _name(model, signature)
    return _eightbit.Model.from_openvino(model), names


def _converted(graph: Graph) -> openvino.Model:
    try:
        function = function_of(graph)
        specs = [
            tf.TensorSpec(spec.shape, spec.dtype, _INPUT.format(place))
            for place, spec in enumerate(function.specs.values())
        ]
        return openvino.convert_model(tf.compat.v1.wrap_function(function.build, specs))
    except Exception as error:
        reason = str(error).strip().splitlines()
        raise ModelError(
            f"[tensorflow] OpenVINO cannot convert the model: {type(error).__name__}: {reason[-1] if reason else ''}. Leave "
            "`engine` out."
        ) from error


def _name(model: openvino.Model, signature: Signature) -> None:
    """Inputs by the names of the signature, results by those of their copies. The conversion keeps no order."""
    own = {_INPUT.format(place): name for place, name in enumerate(signature.names)}
    for port in model.inputs:
        (name,) = {each.partition(":")[0] for each in port.get_names()} & set(own)
        port.get_tensor().set_names({own[name]})
    for result in model.get_results():
        result.set_friendly_name(result.get_friendly_name().partition(":")[0])
