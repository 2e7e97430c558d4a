"""The same network as IR, as ONNX and as an exported graph: the same quantizers with the same ranges."""

import json

import eightbit as eb
import numpy as np
import openvino as ov
import pytest
import torch
from test_torch_layers import FunctionalAttention
from torch_networks import ConvNet, Upsampler, trained

onnx = pytest.importorskip("onnx")
_TOLERANCE = 1e-3  # relative, of the wider end of a range


def quantizers(model, samples, **options) -> list[dict]:
    report = eb.Report()
    eb.quantize(model, eb.Dataset(samples), report=report, **options, trial_run=False)
    return json.loads(report.plan_json)["quantizers"]


def plans_of(network, shape: tuple[int, ...], folder, in_onnx: bool, **options) -> dict:
    random = np.random.default_rng(3)
    samples = [{"x": random.standard_normal(shape).astype(np.float32)} for _ in range(12)]
    example = (torch.from_numpy(samples[0]["x"]),)
    path = folder / "model.onnx"
    torch.onnx.export(network, example, path, dynamo=False, opset_version=17, input_names=["x"])
    exported = torch.export.export(network, example).module()
    forms = {"fx": exported, "ir": ov.convert_model(path)}
    if in_onnx:
        forms["onnx"] = onnx.load(path)
    plans = {form: quantizers(model, samples, **options) for form, model in forms.items()}
    if in_onnx:  # hard swish has a quantizer in front of it in ONNX Runtime alone
        plans["onnx"] = [q for q in plans["onnx"] if not q["uses"][0].endswith("HardSwish:0")]
    return plans


def ends(quantizer: dict) -> np.ndarray:
    return np.stack([np.ravel(quantizer[end]) for end in ("low", "high")])


def close(one: dict, other: dict) -> np.ndarray:
    """By channel, whether both ends agree."""
    a, b = ends(one), ends(other)
    return np.abs(a - b).max(0) <= _TOLERANCE * np.abs(b).max(0)


# The network, its input, options, and whether the ONNX form takes part. It does not where ONNX cannot hold the scales of
# grouped transposed weights, and where OpenVINO leaves products of activations in float, which ONNX Runtime quantizes.
NETWORKS = {
    "convolutions": (ConvNet, (1, 3, 16, 16), {}, True),
    "convolutions, mixed": (ConvNet, (1, 3, 16, 16), {"preset": "mixed"}, True),
    "transposed": (Upsampler, (1, 4, 6, 6), {}, False),
    "attention": (FunctionalAttention, (1, 5, 8), {"model_type": "transformer"}, False),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_forms_of_one_network(name, tmp_path):
    network, shape, options, in_onnx = NETWORKS[name]
    plans = plans_of(trained(network()), shape, tmp_path, in_onnx, **options)
    assert len(plans["ir"]) > 3
    for plan in plans.values():
        assert [q["weight"] for q in plan] == [q["weight"] for q in plans["ir"]]
    for fx, ir in zip(plans["fx"], plans["ir"], strict=True):
        assert fx["levels"] == ir["levels"] and ends(fx).shape == ends(ir).shape, fx["value"]
        assert close(fx, ir).all(), (fx["value"], ends(fx), ends(ir))
    for other, ir in zip(plans.get("onnx", []), plans["ir"], strict=False):
        # ONNX Runtime adds pairs of products in 16 bits on CPUs without VNNI: scales of weights may have to be wider.
        wider = np.abs(ends(other)).max(0) > np.abs(ends(ir)).max(0)
        assert (close(other, ir) | (wider & ir["weight"])).all(), (other["value"], ends(other))
