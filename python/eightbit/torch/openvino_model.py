"""Exported graphs as models of OpenVINO."""

from __future__ import annotations

import openvino
import torch
from torch import fx

from eightbit.errors import ModelError
from eightbit.torch import op_map
from eightbit.torch.capture import quietly
from eightbit.torch.reading import shape_of
from eightbit.torch.shapes import example, open_dimensions
from eightbit.torch.signature import Signature
from eightbit.torch.writing import copy_module


def to_openvino(module: fx.GraphModule, results: list[fx.Node], hint: str) -> openvino.Model:
    """A model with these values as its results, in order. Inputs are the tensors among the graph's, flat and under their
    names; a batch that is open stays open. Values that `source_of` calls one cannot both be results.

    Raises ModelError with OpenVINO's reason, and `hint` on what to do, where it cannot convert the graph.
    """
    signature = Signature(module)
    placeholders = signature.placeholders
    values = [node.meta.get("val") for node in placeholders]
    examples = [example(value) if isinstance(value, torch.Tensor) else value for value in values]
    shapes = tuple(open_dimensions(value) for value in values)
    try:
        with torch.no_grad(), quietly():
            model = openvino.convert_model(
                torch.export.export(
                    _with_results(module, results), tuple(examples), dynamic_shapes=shapes
                )
            )
    except Exception as error:
        reason = str(error).strip().splitlines()
        raise ModelError(
            f"[torch] OpenVINO cannot convert the model: {type(error).__name__}: {reason[-1] if reason else ''}. {hint}"
        ) from error
    shape_of_port = {}
    for place, port in zip(signature.tensors, model.inputs, strict=True):
        port.get_tensor().set_names({str(placeholders[place].target)})
        shape_of_port[port] = openvino.PartialShape(shape_of(placeholders[place].meta["val"]))
    model.reshape(shape_of_port)
    return model


def source_of(node: fx.Node) -> fx.Node:
    """What holds the same value: OpenVINO has no copies, and cannot convert two results of one value."""
    while op_map.op_of(node, lambda source: False) == "identity":
        node = node.args[0]
    return node


def _with_results(module: fx.GraphModule, nodes: list[fx.Node]) -> fx.GraphModule:
    """The graph with flat inputs, and these values as its outputs."""
    made, twins = copy_module(module)
    (output,) = made.graph.find_nodes(op="output")
    output.args = (tuple(twins[node] for node in nodes),)
    made.graph.set_codegen(fx.graph.CodeGen())
    made.graph.eliminate_dead_code()
    made.recompile()
    return made
