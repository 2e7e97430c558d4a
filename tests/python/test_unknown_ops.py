"""Ops that ONNX Runtime does not know: plans need no runtime, and what does names the node and says what to do."""

import eightbit as eb
import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from onnx_models import F32, model_of, node, weight

SAMPLES = [
    {"x": np.random.default_rng(i).normal(size=(1, 3, 12, 12)).astype(np.float32)} for i in range(8)
]


def network(kind, domain, imported=True):
    nodes = [
        node("Conv", "x w1", "c", "conv1", pads=[1] * 4),
        node(kind, "c", "u", "special", domain=domain),
        node("Conv", "u w2", "y", "conv2", pads=[1] * 4),
    ]
    constants = {"w1": weight(1, 8, 3, 3, 3), "w2": weight(2, 4, 8, 3, 3)}
    return model_of(
        nodes, [("x", F32, [1, 3, 12, 12])], [("y", F32, [1, 4, 12, 12])], constants,
        domains=[domain] if imported and domain else [],
    )  # fmt: skip


OPS = [("Locate", "my.ops", True), ("Locate", "my.ops", False), ("NoSuchOp", "", True), ("Quantizer", "ai.onnx.contrib", True)]  # fmt: skip


@pytest.mark.parametrize(("kind", "domain", "imported"), OPS)
def test_a_plan_does_without(kind, domain, imported):
    plan = eb.plan(network(kind, domain, imported))
    assert plan.weight_quantizers == 2
    assert "conv1" in plan.text and "conv2" in plan.text


@pytest.mark.parametrize(("kind", "domain", "imported"), OPS)
def test_what_runs_the_model_names_the_node(kind, domain, imported):
    with pytest.raises(eb.ModelError) as raised:
        eb.quantize(network(kind, domain, imported), eb.Dataset(SAMPLES))
    text = str(raised.value)
    assert "node 'special'" in text and kind in text and domain in text
    assert "extract_model" in text


def test_what_stands_behind_two_unknown_ops_is_still_typed():
    model = network("Locate", "my.ops")
    model.graph.node[1].output[0] = "t"
    model.graph.node.insert(2, node("Other", "t", "u", "second", domain="their.ops"))
    model.opset_import.append(onnx.helper.make_opsetid("their.ops", 1))
    assert eb.plan(model).weight_quantizers == 2
