"""The nodes of a model, by the names that ignored scopes take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from eightbit import _eightbit
from eightbit._models import is_torch, is_unexported, to_native_model
from eightbit.data.dataset import Dataset
from eightbit.errors import InvalidArgument


@dataclass(frozen=True)
class GraphNode:
    """node_name: as IgnoredScope.names takes it. node_type: as IgnoredScope.types takes it."""

    node_name: str
    node_type: str


class ModelGraph:
    """What `build_graph` returns: the nodes of a model, in order."""

    def __init__(self, nodes: list[GraphNode]):
        self._nodes = nodes

    def get_all_nodes(self) -> list[GraphNode]:
        """All of them."""
        return list(self._nodes)

    def get_node_by_name(self, name: str) -> GraphNode:
        """The node of that name. Raises InvalidArgument."""
        found = next((node for node in self._nodes if node.node_name == name), None)
        if found is None:
            raise InvalidArgument(f"[graph] there is no node {name!r}. See get_all_nodes().")
        return found

    def get_nodes_by_types(self, types: list[str]) -> list[GraphNode]:
        """Those of the types."""
        return [node for node in self._nodes if node.node_type in types]


def build_graph(model: Any, *, example_input: Any = None) -> ModelGraph:
    """The nodes that ignored scopes can name.

    model: what `quantize` takes. example_input: what an nn.Module is exported with. Raises what `quantize` raises.
    """
    if is_torch(model):
        return ModelGraph(_of_torch(model, example_input))
    if type(model).__name__ == "ModelProto":
        return ModelGraph([GraphNode(node.name, node.op_type) for node in model.graph.node])
    if not hasattr(model, "get_ordered_ops"):
        import openvino

        to_native_model(model)  # says what is wrong with it
        model = openvino.Core().read_model(model)
    return ModelGraph(
        [
            GraphNode(node.get_friendly_name(), node.get_type_name())
            for node in model.get_ordered_ops()
        ]
    )


def _of_torch(model: Any, example_input: Any) -> list[GraphNode]:
    from eightbit.torch.prepare import prepare

    data = Dataset([example_input]) if is_unexported(model) and example_input is not None else None
    reading = _eightbit.network_of(prepare("build_graph", model, data)[0]).reading
    return [GraphNode(*pair) for pair in zip(reading.names, reading.types, strict=True)]
