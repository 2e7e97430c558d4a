"""The float model in OpenVINO, which measures several times faster than PyTorch runs."""

from __future__ import annotations

import torch
from torch import fx

from eightbit import _eightbit
from eightbit.errors import ModelError
from eightbit.torch import op_map
from eightbit.torch.capture import quietly
from eightbit.torch.reading import shape_of
from eightbit.torch.signature import Signature
from eightbit.torch.writing import copy_module


def openvino_twin(
    module: fx.GraphModule, values: list[fx.Node | None]
) -> tuple[_eightbit.Model, dict[int, str]]:
    """A model with a result for every float value, and their names by the numbers of the values. What is not measured is
    not computed for it. Raises ModelError with the reason where OpenVINO can not convert the graph."""
    import openvino

    signature = Signature(module)
    numbers = [number for number, node in enumerate(values) if _is_float(node)]
    sources = {number: _source(values[number]) for number in numbers}
    results = list(dict.fromkeys(sources.values()))
    measured = _with_results(module, results)
    placeholders = signature.placeholders
    tensors = [
        _example(node) if place in signature.tensors else node.meta.get("val")
        for place, node in enumerate(placeholders)
    ]
    open_batch = {0: torch.export.Dim.AUTO}
    shapes = tuple(
        open_batch if place in signature.tensors and -1 in shape_of(node.meta["val"])[:1] else None
        for place, node in enumerate(placeholders)
    )
    try:
        with torch.no_grad(), quietly():
            model = openvino.convert_model(
                torch.export.export(measured, tuple(tensors), dynamic_shapes=shapes)
            )
    except Exception as error:
        reason = str(error).strip().splitlines()
        raise ModelError(
            f"[torch] OpenVINO can not convert the model: {type(error).__name__}: {reason[-1] if reason else ''}. Leave "
            "`engine` out."
        ) from error
    named = {}
    for place, port in zip(signature.tensors, model.inputs, strict=True):
        port.get_tensor().set_names({str(placeholders[place].target)})
        named[port] = openvino.PartialShape(shape_of(placeholders[place].meta["val"]))
    model.reshape(named)
    for node, result in zip(results, model.get_results(), strict=True):
        result.set_friendly_name(f"value {node.name}")
    return _eightbit.Model.from_openvino(model), {
        number: f"value {node.name}" for number, node in sources.items()
    }


def _is_float(node: fx.Node | None) -> bool:
    value = node.meta.get("val") if node is not None and node.op != "get_attr" else None
    return isinstance(value, torch.Tensor) and value.dtype.is_floating_point


def _source(node: fx.Node) -> fx.Node:
    """What holds the same value: OpenVINO has no copies, and can not convert two results of one value."""
    while op_map.op_of(node, lambda source: False) == "identity":
        node = node.args[0]
    return node


def _example(node: fx.Node) -> torch.Tensor:
    value = node.meta["val"]
    shape = [2 if size < 0 else size for size in shape_of(value)]
    return torch.zeros(shape, dtype=value.dtype, device=value.device)


def _with_results(module: fx.GraphModule, nodes: list[fx.Node]) -> fx.GraphModule:
    """The graph with flat inputs, and these values as its outputs."""
    made, twins = copy_module(module)
    (output,) = made.graph.find_nodes(op="output")
    output.args = (tuple(twins[node] for node in nodes),)
    made.graph.set_codegen(fx.graph.CodeGen())
    made.graph.eliminate_dead_code()
    made.recompile()
    return made
