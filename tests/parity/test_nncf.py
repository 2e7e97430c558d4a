"""Recipe "nncf" puts the same quantizers in the same places, with the same ranges, as NNCF 3.4."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field

import eightbit as eb
import numpy as np
import openvino as ov
import pytest
from networks import BUILDERS, SAMPLES, Case, build, inputs_of
from quantizers import edges_of
from random_networks import random_network

nncf = pytest.importorskip("nncf", minversion="3.4", reason="nncf is what is compared with")

TOLERANCE = 1e-4


@dataclass
class Setting:
    """Options of both, by their common names."""

    options: dict[str, str] = field(default_factory=dict)

    def of(self, package) -> dict:
        enums = {
            "preset": package.QuantizationPreset,
            "model_type": package.ModelType,
            "target_device": package.TargetDevice,
        }
        return {name: getattr(enums[name], value) for name, value in self.options.items()}


SETTINGS = {
    "default": Setting(),
    "mixed": Setting({"preset": "MIXED"}),
    "transformer": Setting({"model_type": "TRANSFORMER"}),
    "spr": Setting({"target_device": "CPU_SPR"}),
}
CASES = [
    *[(name, "default") for name in BUILDERS],
    *[
        (name, "mixed")
        for name in (
            "residual",
            "squeeze_excite",
            "dense",
            "inception",
            "u_net",
            "lstm",
            "detector",
        )
    ],
    *[
        (name, "spr")
        for name in (
            "residual",
            "inverted_residual",
            "squeeze_excite",
            "preprocessing",
            "arithmetic",
        )
    ],
    *[(name, "transformer") for name in ("encoder", "text_encoder", "mixer", "embedding_product")],
]


@dataclass
class Deliberate:
    network: str
    setting: str
    edges: str  # regular expression over "op:port"
    reason: str


# Deliberate differences. An entry that no longer hides one fails the test.
DIFFERENCES: list[Deliberate] = []


def quantize_with(package, case: Case, setting: Setting, **more) -> ov.Model:
    advanced = package.AdvancedQuantizationParameters(
        disable_bias_correction=True, backend_params={"compress_weights": False}
    )
    return package.quantize(
        case.model,
        package.Dataset(case.samples),
        subset_size=SAMPLES,
        advanced_parameters=advanced,
        **setting.of(package),
        **more,
    )


def both(case: Case, setting: Setting) -> tuple[dict, dict]:
    logging.getLogger("nncf").setLevel(logging.ERROR)
    theirs = quantize_with(nncf, case, setting)
    ours = quantize_with(eb, case, setting, recipe=eb.Recipe.NNCF, trial_run=False)
    return edges_of(theirs), edges_of(ours)


def same_numbers(a: np.ndarray, b: np.ndarray) -> bool:
    if a.shape != b.shape:
        return False
    return bool(np.all(np.abs(a - b) <= TOLERANCE * max(float(np.max(np.abs(a))), 1e-12)))


def difference(theirs, ours) -> str:
    """How two edges differ; empty when they do not."""
    kinds = [edge.kind() if edge else "float" for edge in (theirs, ours)]
    if kinds[0] != kinds[1]:
        return f"nncf has {kinds[0]}; eightbit has {kinds[1]}"
    if theirs.scale is not None and not same_numbers(theirs.scale, ours.scale):
        return f"smooth quantization differs: {theirs.scale[:4]} and {ours.scale[:4]}"
    for a, b in zip(theirs.quantizers, ours.quantizers, strict=True):
        for end in ("low", "high"):
            if not same_numbers(getattr(a, end), getattr(b, end)):
                return f"{end} differs: {getattr(a, end)[:4]} and {getattr(b, end)[:4]}"
    return ""


def differences(theirs: dict, ours: dict) -> dict[str, str]:
    found = {use: difference(theirs.get(use), ours.get(use)) for use in sorted({*theirs, *ours})}
    return {use: text for use, text in found.items() if text}


@pytest.mark.parametrize(("network", "setting"), CASES)
def test_same_quantizers(network, setting):
    theirs, ours = both(build(network), SETTINGS[setting])
    assert theirs, "nncf quantized nothing: the network tests nothing"
    found = differences(theirs, ours)
    for known in DIFFERENCES:
        if (known.network, known.setting) != (network, setting):
            continue
        hidden = [use for use in found if re.fullmatch(known.edges, use)]
        assert hidden, f"no difference at {known.edges} any more: remove the entry ({known.reason})"
        for use in hidden:
            del found[use]
    assert not found, "\n" + "\n".join(f"{use}: {text}" for use, text in found.items())


@pytest.mark.parametrize("seed", range(24))
def test_same_quantizers_in_random_networks(seed):
    setting = ("default", "mixed", "transformer")[seed % 3]
    found = differences(*both(random_network(seed), SETTINGS[setting]))
    assert not found, "\n" + "\n".join(f"{use}: {text}" for use, text in found.items())


@pytest.mark.parametrize(
    ("name", "setting", "samples"),
    [("efflite0", "default", 2), ("minilm", "transformer", 2), ("ocr_rec", "mixed", 2)],
)
def test_same_quantizers_in_reference_models(inputs, name, setting, samples):
    path = inputs / f"{name}.xml"
    if not path.exists():
        pytest.skip(f"{path} is missing: make it with bench/make_inputs.py")
    model = ov.Core().read_model(path)
    small = {
        port: [d if d.is_static else ov.Dimension(16) for d in port.get_partial_shape()]
        for port in model.inputs
    }
    model.reshape({port: ov.PartialShape(shape) for port, shape in small.items()})
    random = np.random.default_rng(3)
    case = Case(model, [inputs_of(model, random) for _ in range(samples)])
    found = differences(*both(case, SETTINGS[setting]))
    assert not found, "\n" + "\n".join(f"{use}: {text}" for use, text in found.items())


def biases_of(model: ov.Model) -> dict[str, np.ndarray]:
    """Constants that are added to what convolutions and products give."""
    biases = {}
    for node in model.get_ordered_ops():
        layer = node.get_type_name() == "Add" and node.input_value(0).get_node().get_type_name()
        if (
            layer in ("Convolution", "MatMul")
            and node.input_value(1).get_node().get_type_name() == "Constant"
        ):
            biases[node.get_friendly_name()] = np.asarray(
                node.input_value(1).get_node().data
            ).ravel()
    return biases


def test_fast_bias_correction_shifts_alike():
    """Without padding and strides both come to (W - W_q) * mean(x); else nncf sees border noise."""
    case = build("pointwise")
    before = biases_of(case.model)
    theirs = nncf.quantize(case.model, nncf.Dataset(case.samples), subset_size=SAMPLES)
    ours = eb.quantize(
        case.model, eb.Dataset(case.samples), subset_size=SAMPLES, recipe=eb.Recipe.NNCF
    )
    shifts = [
        (name, theirs - old, ours - old)
        for (name, old), theirs, ours in zip(
            before.items(), biases_of(theirs).values(), biases_of(ours).values(), strict=True
        )
    ]
    assert len(shifts) == 5
    assert all(np.any(a != 0) for _, a, _ in shifts), "nncf corrected less: the network tests less"
    for name, a, b in shifts:
        assert np.max(np.abs(a - b)) <= 1e-2 * np.max(np.abs(a)) + 1e-6, f"{name}: {a} and {b}"
