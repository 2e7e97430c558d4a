"""The nodes of a model, by the names that ignored scopes take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from eightbit.errors import InvalidArgument
from eightbit.frameworks import framework_of


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
    nodes = framework_of(model).nodes(model, example_input)
    return ModelGraph([GraphNode(*node) for node in nodes])
