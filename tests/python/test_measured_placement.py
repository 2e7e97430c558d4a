"""placement="measured": where integers do not pay on this machine, layers stay in float."""

import json
import time

import eightbit
import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops
from small_models import serialized


def thin_net(steps: int = 4) -> ov.Model:
    """Products of few channels, each behind an op that computes in floats: integers cost conversions and save nothing."""
    random = np.random.default_rng(3)
    image = ops.parameter([1, 4, 192, 192], np.float32, name="image")
    node = image
    for step in range(steps):
        weights = (0.4 * random.standard_normal((4, 4, 1, 1))).astype(np.float32)
        node = ops.convolution(node, ops.constant(weights), [1, 1], [0, 0], [0, 0], [1, 1], name=f"conv_{step}")
        node = ops.sin(node, name=f"sin_{step}")
    return ov.Model([ops.result(node, name="out")], [image], "thin_net")


@pytest.fixture
def pictures() -> list[np.ndarray]:
    random = np.random.default_rng(5)
    return [random.standard_normal((1, 4, 192, 192)).astype(np.float32) for _ in range(24)]


def milliseconds(models: dict[str, ov.Model], sample: np.ndarray) -> dict[str, float]:
    requests = {key: ov.Core().compile_model(model, "CPU").create_infer_request() for key, model in models.items()}
    best = dict.fromkeys(models, np.inf)
    for _ in range(60):
        for key, request in requests.items():
            begin = time.perf_counter()
            request.infer({0: sample})
            best[key] = min(best[key], 1e3 * (time.perf_counter() - begin))
    return best


def test_the_result_is_as_fast_as_the_better_model(pictures):
    data = eightbit.Dataset(pictures)
    report = eightbit.Report()
    models = {
        "float": thin_net(),
        "rules": eightbit.quantize(thin_net(), data),
        "measured": eightbit.quantize(thin_net(), data, placement="measured", report=report),
    }
    times = milliseconds(models, pictures[0])
    assert times["measured"] <= 1.1 * min(times["float"], times["rules"]), times
    assert "measured placement" in [step.step for step in report.steps]
    assert any("placement measured" in note or "integers do not pay" in note for note in report.notes)


def test_what_left_is_told_and_the_recipe_makes_the_same_model(pictures, tmp_path):
    report = eightbit.Report()
    model = eightbit.quantize(thin_net(), eightbit.Dataset(pictures), placement="measured", report=report)
    plan = json.loads(report.plan_json)
    reasons = [row["reason"] for row in plan["left_float"]]
    quantized = {use for row in plan["quantizers"] for use in row["uses"]}
    for step in range(4):
        assert f"conv_{step}:0" in quantized or any("integers do not pay here" in reason for reason in reasons)
    report.recipe.save(tmp_path / "recipe.json")
    again = eightbit.quantize(thin_net(), recipe=tmp_path / "recipe.json")
    assert serialized(again, tmp_path, "again") == serialized(model, tmp_path, "model")


def test_without_a_trial_run_it_is_refused(pictures):
    with pytest.raises(eightbit.InvalidArgument, match="placement has no effect"):
        eightbit.quantize(thin_net(), eightbit.Dataset(pictures), placement="measured", trial_run=False)
