"""The float model in OpenVINO, which measures it in place of TensorFlow."""

from __future__ import annotations

import os
import tempfile

import openvino

from eightbit import _eightbit
from eightbit.errors import ModelError
from eightbit.tensorflow.graph import CONSTANT, HANDLE, Graph, Output, attribute
from eightbit.tensorflow.graph_def import whole_graph_def
from eightbit.tensorflow.signature import Signature


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
    _name(model, watched, signature)
    return _eightbit.Model.from_openvino(model), names


def _converted(graph: Graph) -> openvino.Model:
    """By way of a file: OpenVINO reads what is in memory through Python, a constant at a time."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "graph.pb")
        try:
            with open(path, "wb") as file:
                file.write(whole_graph_def(graph).SerializeToString())
            return openvino.Core().read_model(path)
        except Exception as error:
            reason = str(error).strip().splitlines()
            raise ModelError(
                f"[tensorflow] OpenVINO cannot convert the model: {type(error).__name__}: {reason[-1] if reason else ''}. Leave "
                "`engine` out."
            ) from error


def _name(model: openvino.Model, graph: Graph, signature: Signature) -> None:
    """Inputs by the names of the signature, results by those of their copies. The conversion keeps no order."""
    own = {node.name: name for node, name in zip(graph.inputs, signature.names, strict=True)}
    for port in model.inputs:
        name = port.get_node().get_friendly_name().partition(":")[0]
        port.get_tensor().set_names({own[name]})
    for result in model.get_results():
        result.set_friendly_name(result.get_friendly_name().partition(":")[0])
