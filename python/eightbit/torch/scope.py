"""The names that users of PyTorch have for the nodes of a graph, beside the library's own."""

from __future__ import annotations

from collections.abc import Iterator

from eightbit.external.reading import Reading
from eightbit.torch.names import nncf_name, other_types


def aliases(reading: Reading) -> Iterator[tuple[int, list[str], list[str]]]:
    """Numbers of nodes with their other names (of FX nodes, `layer1/0/conv1/conv2d/0`) and types (`aten.conv2d.default`,
    the class of a module), as eightbit.external.scope.resolved takes them."""
    for number, node in enumerate(reading.nodes):
        if node.op == "call_function":
            yield number, [node.name, nncf_name(node)], other_types(node)
