"""Products in the form that is known to the op table: einsum as the batched product that torch makes of it."""

from __future__ import annotations

import torch
from torch import fx
from torch._subclasses.fake_tensor import FakeTensor
from torch.fx.experimental.proxy_tensor import make_fx

from eightbit.torch.tensors import add_tensor, constant_of

aten = torch.ops.aten


def take_einsum_apart(module: fx.GraphModule) -> None:
    for node in module.graph.find_nodes(op="call_function", target=aten.einsum.default):
        operands = [operand.meta.get("val") for operand in node.args[1]]
        if all(isinstance(value, FakeTensor) for value in operands):
            _inline(module.graph, node, operands)


def _inline(graph: fx.Graph, node: fx.Node, operands: list[FakeTensor]) -> None:
    def product(*tensors: torch.Tensor) -> torch.Tensor:
        return aten.einsum.default.decompose(node.args[0], list(tensors), **node.kwargs)

    with operands[0].fake_mode, torch.no_grad():
        traced = make_fx(product)(*operands)
    twins = dict(zip(traced.graph.find_nodes(op="placeholder"), node.args[1], strict=True))
    with graph.inserting_before(node):
        result = graph.graph_copy(traced.graph, twins)
    for old, twin in twins.items():
        if old.op != "call_function":
            continue
        twin.meta = {key: node.meta[key] for key in ("nn_module_stack",) if key in node.meta}
        twin.meta["val"] = old.meta["val"]
        if twin.target in (aten.view.default, aten._unsafe_view.default):
            twin.target = aten.reshape.default  # quantizers may change how a tensor lies in memory
    node.replace_all_uses_with(result)
    graph.erase_node(node)


def drop_batches_of_one(module: fx.GraphModule) -> None:
    """A batched product with a constant [1, K, N] is a product with [K, N], whose scales lie along one axis."""
    for node in module.graph.find_nodes(op="call_function", target=aten.bmm.default):
        weight = constant_of(module, node.args[1])
        if weight is None or weight.shape[0] != 1 or len(node.args[1].users) != 1:
            continue
        old = node.args[1]
        with module.graph.inserting_before(node):
            flat = add_tensor(
                module,
                module.graph,
                old.target,
                weight.detach()[0],
                isinstance(weight, torch.nn.Parameter),
            )
        node.target = aten.matmul.default
        node.args = (node.args[0], flat)
