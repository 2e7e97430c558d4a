"""Recipes: what a run decided, as a file that makes the same model again."""

import copy
import json
import random

import eightbit as eb
import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops
from small_models import conv_net, serialized


def attention_free_transformer() -> ov.Model:
    """A layer normalization and two products, with an input channel that is far larger than the others."""
    rng = np.random.default_rng(3)
    tokens = ops.parameter([1, 4, 16], np.float32, name="tokens")
    node = ops.multiply(
        ops.mvn(tokens, ops.constant(np.array([2])), True, 1e-5, "inside_sqrt"),
        ops.constant(np.array([30.0] + [1.0] * 15, np.float32)), name="norm",
    )  # fmt: skip
    for index in range(2):
        weight = ops.constant((rng.standard_normal((16, 16)) * 0.1).astype(np.float32))
        node = ops.matmul(node, weight, False, True, name=f"fc_{index}")
        node = ops.gelu(node, "erf", name=f"act_{index}")
    return ov.Model([ops.result(node)], [tokens], "transformer")


def quantized(model, samples, **options):
    report = eb.Report()
    return eb.quantize(model, eb.Dataset(samples), report=report, **options), report.recipe


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"preset": eb.QuantizationPreset.MIXED, "fast_bias_correction": False},
        {"recipe": eb.Recipe.NNCF},
        {"target_device": eb.TargetDevice.CPU, "ignored_scope": eb.IgnoredScope(names=["conv_1"])},
        {"mode": eb.QuantizationMode.FP8_E4M3},
        {"weight_rounding": eb.WeightRounding.ADAPTIVE},
        {
            "advanced_parameters": eb.AdvancedQuantizationParameters(
                disable_channel_alignment=False, backend_params={"compress_weights": False}
            )
        },
    ],
    ids=["default", "mixed", "nncf", "ignored", "fp8", "adaptive", "alignment"],
)
def test_replay_gives_the_same_bytes(model, samples, options, tmp_path):
    once, recipe = quantized(model, samples, **options)
    recipe.save(tmp_path / "m.recipe.json")
    again = eb.quantize(model, recipe=tmp_path / "m.recipe.json")
    assert serialized(once, tmp_path, "a") == serialized(again, tmp_path, "b")


@pytest.mark.parametrize("options", [{}, {"recipe": eb.Recipe.NNCF}], ids=["eightbit", "nncf"])
def test_replay_with_smooth_quant(options, tmp_path):
    model = attention_free_transformer()
    rng = np.random.default_rng(1)
    samples = [rng.standard_normal((1, 4, 16)).astype(np.float32) for _ in range(8)]
    once, recipe = quantized(model, samples, model_type=eb.ModelType.TRANSFORMER, **options)
    text = recipe.to_json()
    assert json.loads(text)["plan"]["scales"]
    assert '"bytes"' not in text  # weights are told by what was done to them
    again = eb.quantize(model, recipe=eb.QuantizationRecipe.from_json(text))
    assert serialized(once, tmp_path, "a") == serialized(again, tmp_path, "b")


def test_replay_of_an_onnx_model(inputs):
    onnx = pytest.importorskip("onnx")
    path = inputs / "efflite0.onnx"
    if not path.exists():
        pytest.skip("bench/inputs are not there")
    dims = onnx.load(path).graph.input[0].type.tensor_type.shape.dim
    rng = np.random.default_rng(0)
    samples = [
        rng.standard_normal((1, *(d.dim_value for d in dims[1:]))).astype(np.float32)
        for _ in range(4)
    ]
    once, recipe = quantized(path, samples)
    text = recipe.to_json()
    again = eb.quantize(path, recipe=eb.QuantizationRecipe.from_json(text))
    assert once.SerializeToString(deterministic=True) == again.SerializeToString(deterministic=True)
    assert len(text) < 2_000_000


def test_a_replayed_recipe_is_the_recipe(model, samples):
    _, recipe = quantized(model, samples)
    report = eb.Report()
    eb.quantize(model, recipe=recipe, report=report)
    assert report.recipe.to_json() == recipe.to_json()
    assert eb.QuantizationRecipe.from_json(recipe.to_json()).to_json() == recipe.to_json()
    assert report.activation_quantizers > 0


def test_a_decision_is_a_line(model, samples):
    _, all_of_it = quantized(model, samples)
    _, without = quantized(model, samples, ignored_scope=eb.IgnoredScope(names=["classifier"]))
    assert all(line.count('"levels"') <= 1 for line in all_of_it.to_json().splitlines())
    gone = [
        line
        for line in all_of_it.to_json().splitlines()
        if line not in without.to_json().splitlines()
    ]
    assert 2 <= len([line for line in gone if '"levels"' in line]) <= 3
    assert [entry["node"] for entry in json.loads(without.to_json())["plan"]["left_float"]] == [
        "classifier"
    ]


def test_ranges_may_be_edited_by_hand(model, samples, tmp_path):
    _, recipe = quantized(model, samples)
    edited = json.loads(recipe.to_json())
    first = edited["plan"]["quantizers"][0]
    first["low"], first["high"] = [-4.0], [4.0]
    again = eb.quantize(model, recipe=eb.QuantizationRecipe.from_json(json.dumps(edited)))
    ranges = [
        node.input_value(2).get_node().data.item()
        for node in again.get_ordered_ops()
        if node.get_type_name() == "FakeQuantize"
    ]
    assert 4.0 in ranges


def test_refusals(model, samples, tmp_path):
    _, recipe = quantized(model, samples)
    with pytest.raises(eb.InvalidArgument, match="belongs to another model"):
        eb.quantize(conv_net(channels=16), recipe=recipe)
    for options in (
        {"preset": eb.QuantizationPreset.MIXED},
        {"subset_size": 10},
        {"checkpoint": "x"},
    ):
        with pytest.raises(eb.InvalidArgument, match="no effect with a saved recipe"):
            eb.quantize(model, recipe=recipe, **options)
    with pytest.raises(eb.InvalidArgument, match="no effect with a saved recipe"):
        eb.quantize(model, eb.Dataset(samples), recipe=recipe)
    with pytest.raises(eb.FileError):
        eb.quantize(model, recipe=tmp_path / "missing.json")
    with pytest.raises(eb.InvalidArgument, match="calibration_dataset"):
        eb.quantize(model)
    newer = json.loads(recipe.to_json()) | {"version": 2}
    with pytest.raises(eb.InvalidArgument, match="version 2.*Install a newer eightbit"):
        eb.QuantizationRecipe.from_json(json.dumps(newer))
    for text in ("", "[]", "{}", '{"schema": "other"}', "[" * 100000):
        with pytest.raises(eb.InvalidArgument):
            eb.QuantizationRecipe.from_json(text)


def places(node, path=()):
    """Every way into the JSON."""
    yield path
    items = (
        node.items()
        if isinstance(node, dict)
        else enumerate(node)
        if isinstance(node, list)
        else ()
    )
    for key, value in items:
        yield from places(value, (*path, key))


def mutate(tree, rng: random.Random):
    tree = copy.deepcopy(tree)
    *way, last = rng.choice([path for path in places(tree) if path])
    parent = tree
    for key in way:
        parent = parent[key]
    kind = rng.randrange(4)
    if kind == 0:
        del parent[last]
    elif kind == 1 and isinstance(parent, list):
        parent.append(parent[last])
    else:
        parent[last] = rng.choice(
            [
                None,
                True,
                -1,
                0,
                2**40,
                2**64,
                1e30,
                float("nan"),
                "",
                "conv_0:0",
                "conv_0:7",
                "\x00",
                [],
                {},
                [0],
                {"a": 1},
            ]
        )
    return json.dumps(tree)


def test_damaged_recipes_give_clear_errors(model, samples):
    _, recipe = quantized(model, samples)
    text = recipe.to_json()
    tree = json.loads(text)
    rng = random.Random(17)
    refused = 0
    for turn in range(600):
        if turn % 2:
            damaged = mutate(tree, rng)
        else:
            at = rng.randrange(len(text))
            damaged = (
                text[:at]
                + rng.choice(["", "7", '"', "}", "]", ",", "x" * 40])
                + text[at + rng.randrange(1, 30) :]
            )
        try:
            eb.quantize(model, recipe=eb.QuantizationRecipe.from_json(damaged))
        except eb.InternalError:
            raise
        except eb.Error as error:
            assert isinstance(error, eb.InvalidArgument), (error, damaged)
            assert len(str(error)) > 20
            refused += 1
    assert 300 < refused < 600
