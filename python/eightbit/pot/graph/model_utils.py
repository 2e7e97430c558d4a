"""What scripts ask of a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eightbit.pot.graph import load_model, save_model
from eightbit.pot.graph.compressed_model import CompressedModel
from eightbit.pot.refused import refuse


@dataclass(frozen=True)
class NodeView:
    """A node as scripts look at it. fullname: with the part's name in front in a cascade."""

    name: str
    fullname: str
    type: str
    node: Any

    @property
    def shape(self) -> list[int] | None:
        shape = self.node.output(0).partial_shape if self.node.get_output_size() else None
        return [int(n) for n in shape.to_shape()] if shape is not None and shape.is_static else None


def compress_model_weights(model: CompressedModel) -> None:
    """Weights are stored as 8-bit integers when a pipeline has run; there is nothing left to do, and nothing is returned."""


def add_outputs(
    models: list[dict[str, Any]], node_names: Mapping[str, Mapping[Any, Any]]
) -> dict[str, list[Any]]:
    """models: what an engine runs, a dict a part. node_names: of each part, by its model's name, {key: (node, port)}. Returns
    the new outputs of each."""
    added = {}
    for part in models:
        name = part["model"].friendly_name
        wanted = list(node_names[name].values())
        added[name] = part["model"].add_outputs(wanted) if wanted else []
    return added


def get_all_operation_nodes(model: CompressedModel, recursively: bool = True) -> list[NodeView]:
    views = []
    for part in model.models:
        prefix = f"{part['name']}_" if "name" in part else ""
        for node in part["model"].get_ordered_ops():
            name = node.get_friendly_name()
            views.append(NodeView(name, prefix + name, node.get_type_name(), node))
    return views


def get_nodes_by_type(
    model: CompressedModel, types: list[str], recursively: bool = True
) -> list[NodeView]:
    return [node for node in get_all_operation_nodes(model) if node.type in types]


def get_node_by_name(
    model: CompressedModel, name: str, recursively: bool = True
) -> NodeView | None:
    """Raises RuntimeError where parts of a cascade share the name; the name with the part's in front tells them apart."""
    found = [node for node in get_all_operation_nodes(model) if name in (node.name, node.fullname)]
    if len(found) > 1:
        raise RuntimeError(
            f"[pot] {len(found)} nodes have the name '{name}'. Put the part's name in front."
        )
    return found[0] if found else None


def __getattr__(name: str) -> Any:
    return refuse("graph.model_utils", name)


__all__ = [
    "add_outputs",
    "compress_model_weights",
    "get_all_operation_nodes",
    "get_node_by_name",
    "get_nodes_by_type",
    "load_model",
    "save_model",
]
