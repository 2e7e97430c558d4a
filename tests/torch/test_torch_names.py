"""The names and types by which users of PyTorch know nodes."""

import eightbit as eb
import pytest
import torch
from torch_networks import ConvNet, export, trained


@pytest.fixture
def exported():
    return export(trained(ConvNet()), torch.zeros(1, 3, 16, 16))


def reads_float(plan, name):
    return f"float {name} | ignored" in plan.text


@pytest.mark.parametrize(
    "scope",
    [
        eb.IgnoredScope(names=["layer1.0.conv"]),
        eb.IgnoredScope(names=["conv2d_1"]),
        eb.IgnoredScope(names=["layer1/0/conv/conv2d/0"]),
        eb.IgnoredScope(patterns=r"layer1\.0\.conv"),
        eb.IgnoredScope(patterns=".*conv2d_1"),
        eb.IgnoredScope(types=["Conv2d"]),
        eb.IgnoredScope(types=["conv2d"]),
        eb.IgnoredScope(types=["aten.conv2d.default"]),
        eb.IgnoredScope(subgraphs=eb.Subgraph(["layer1.0.conv"], ["layer1.0.act"])),
    ],
    ids=["module", "fx", "nncf", "pattern", "fx pattern", "class", "op", "overload", "subgraph"],
)
def test_ignored_scopes(exported, scope):
    plan = eb.plan(exported, ignored_scope=scope)
    assert reads_float(plan, "layer1.0.conv")
    assert not reads_float(plan, "fc")


def test_a_name_that_nothing_has_is_refused_with_the_nearest(exported):
    with pytest.raises(eb.InvalidArgument, match=r"layer1\.0\.conv"):
        eb.plan(exported, ignored_scope=eb.IgnoredScope(names=["layer1.0.konv"]))


def test_axes_are_counted_from_the_front():
    """By the rank of the input: select and unbind give tensors of one axis less."""
    from eightbit.torch.op_map import attributes_of, op_of

    class Axes(torch.nn.Module):
        def forward(self, x):
            first, second = torch.unbind(x, -2)
            both = torch.stack([first, second], -2)
            return torch.cat([both, both], -1), x.select(-2, 1), torch.softmax(x, -1)

    found = {}
    for node in export(Axes().eval(), torch.zeros(3, 4, 2, 5)).graph.nodes:
        if node.op == "call_function":
            op = op_of(node, lambda source: False)
            found.setdefault(node.name.partition("_")[0], attributes_of(node, op).axis)
    wanted = {"unbind": 2, "stack": 2, "cat": 3, "select": 2, "softmax": 3}
    assert {name: found[name] for name in wanted} == wanted


def test_functions_are_named_after_the_module_that_calls_them(exported):
    assert "layer1.0.add" in eb.plan(exported).text
