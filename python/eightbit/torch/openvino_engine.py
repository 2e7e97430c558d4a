"""The float model in OpenVINO, which measures several times faster than PyTorch runs."""

from __future__ import annotations

import torch
from torch import fx

from eightbit import _eightbit
from eightbit._openvino import imported


def openvino_twin(
    module: fx.GraphModule, values: list[fx.Node | None]
) -> tuple[_eightbit.Model, dict[int, str]]:
    """A model with a result for every float value, and their names by the numbers of the values. What is not measured is
    not computed for it. Raises ModelError with the reason where OpenVINO cannot convert the graph."""
    imported("engine")
    from eightbit.torch.openvino_model import source_of, to_openvino

    numbers = [number for number, node in enumerate(values) if _is_float(node)]
    sources = {number: source_of(values[number]) for number in numbers}
    results = list(dict.fromkeys(sources.values()))
    model = to_openvino(module, results, "Leave `engine` out.")
    for node, result in zip(results, model.get_results(), strict=True):
        result.set_friendly_name(f"value {node.name}")
    return _eightbit.Model.from_openvino(model), {
        number: f"value {node.name}" for number, node in sources.items()
    }


def _is_float(node: fx.Node | None) -> bool:
    value = node.meta.get("val") if node is not None and node.op != "get_attr" else None
    return isinstance(value, torch.Tensor) and value.dtype.is_floating_point
