"""The report: causes that were planted are found, numbers agree with a measurement of its own, the page holds them."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import eightbit as eb
import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops

sys.path.extend(str(Path(__file__).parents[1] / folder) for folder in ("python", "parity"))
from networks import build  # noqa: E402
from small_models import conv_net  # noqa: E402


@pytest.fixture(scope="module")
def model() -> ov.Model:
    return conv_net()


@pytest.fixture(scope="module")
def samples() -> list[np.ndarray]:
    rng = np.random.default_rng(11)
    return [rng.standard_normal((1, 3, 16, 16)).astype(np.float32) for _ in range(24)]


@pytest.fixture(scope="module")
def recipe(model, samples) -> dict:
    run = eb.Report()
    plain = eb.AdvancedQuantizationParameters(disable_bias_correction=True)
    eb.quantize(model, eb.Dataset(samples), report=run, advanced_parameters=plain, trial_run=False)
    return json.loads(run.recipe.to_json())


def replayed(model, recipe: dict) -> ov.Model:
    return eb.quantize(model, recipe=eb.QuantizationRecipe.from_json(json.dumps(recipe)))


def changed(recipe: dict, use: str, **entry) -> dict:
    """With other numbers in the quantizer that has this use."""
    out = json.loads(json.dumps(recipe))
    next(q for q in out["plan"]["quantizers"] if use in q["uses"]).update(entry)
    return out


def reported(model, quantized, samples, **options):
    report = eb.report(model, quantized, eb.Dataset(samples), **options)
    return report, {layer.name: layer for layer in report.layers}


def test_all_layers_are_there(model, samples, recipe):
    report, layers = reported(model, replayed(model, recipe), samples)
    assert {"conv_0", "conv_1", "classifier"} <= set(layers)
    assert report.samples == 24 and not report.float_check.problems
    assert report.outputs[0].sqnr_db > 15 and 0 <= report.agreement <= 1
    assert report.bytes < report.bytes_before and report.milliseconds > 0
    for name in ("conv_0", "conv_1", "classifier"):
        layer = layers[name]
        assert (
            layer.quantized and layer.alone_db > 15 and layer.weights_alone_db >= layer.alone_db - 1
        )
        assert layer.precision and layer.milliseconds is not None
        (quantizer,) = layer.inputs
        assert sum(quantizer.shares) == pytest.approx(1, abs=1e-3)
        assert quantizer.low < quantizer.high
    assert layers["conv_0"].alone_db == pytest.approx(layers["conv_0"].accumulated_db, abs=6)


def with_output(model: ov.Model, name: str) -> ov.CompiledModel:
    model = model.clone()
    node = next(op for op in model.get_ops() if op.get_friendly_name() == name)
    model.add_outputs([node.output(0)])
    options = {"INFERENCE_PRECISION_HINT": "f32", "LP_TRANSFORMS_MODE": "NO"}
    return ov.Core().compile_model(model, "CPU", options)


def own_sqnr(model, quantized, name, samples) -> float:
    a, b = with_output(model, name), with_output(quantized, name)
    signal = noise = 0.0
    for sample in samples:
        x, y = (
            np.asarray(compiled(sample)[len(compiled.outputs) - 1], np.float64)
            for compiled in (a, b)
        )
        signal += (x**2).sum()
        noise += ((x - y) ** 2).sum()
    return 10 * np.log10(signal / noise)


@pytest.mark.parametrize("name", ["conv_0", "conv_1", "classifier"])
def test_alone_is_what_a_model_with_that_layer_alone_quantized_gives(model, samples, recipe, name):
    _, layers = reported(model, replayed(model, recipe), samples)
    single = json.loads(json.dumps(recipe))
    plan = single["plan"]
    plan["quantizers"] = [
        q for q in plan["quantizers"] if any(use.split(":")[0] == name for use in q["uses"])
    ]
    for q in plan["quantizers"]:
        q["uses"] = [use for use in q["uses"] if use.split(":")[0] == name]
    plan["constants"] = [c for c in plan["constants"] if c["uses"][0].split(":")[0] == name]
    plan["biases"] = []
    assert layers[name].alone_db == pytest.approx(
        own_sqnr(model, replayed(model, single), name, samples), abs=0.05
    )
    plan["quantizers"] = [q for q in plan["quantizers"] if q["weight"]]
    assert layers[name].weights_alone_db == pytest.approx(
        own_sqnr(model, replayed(model, single), name, samples), abs=0.05
    )


@pytest.mark.parametrize("name", ["layout", "detector", "preprocessing", "shuffle"])
def test_what_quantizers_met_is_the_same_in_every_run(name):
    """Weights that are stored as integers are computed when a model is compiled, where OpenVINO mixes them up."""
    case = build(name)
    quantized = eb.quantize(case.model, eb.Dataset(case.samples), trial_run=False)
    met = []
    for _ in range(3):
        report, _ = reported(case.model, quantized, case.samples)
        met.append(
            {(layer.name, q.value): (q.min, q.max) for layer in report.layers for q in layer.inputs}
        )
    assert met[0] and met[1] == met[0] and met[2] == met[0]


def test_clipping_is_found(model, samples, recipe):
    broken = changed(recipe, "conv_1:0", low=[0.0], high=[0.2])
    report, layers = reported(model, replayed(model, broken), samples)
    worst = report.layers[0]
    assert (worst.name, worst.cause) == ("conv_1", "clipping")
    assert worst.inputs[0].clipped > 0.1 and worst.inputs[0].high == pytest.approx(0.2)
    assert "MINMAX" in worst.fix.python
    assert 'IgnoredScope(names=["conv_1"])' in worst.leave_out.python
    assert layers["conv_0"].cause != "clipping"
    assert any("MINMAX" in fix.python for fix in report.fixes)


def test_a_constant_error_is_blamed_where_no_bias_makes_up_for_it(model, recipe):
    rng = np.random.default_rng(5)
    flat = [
        (5.03 + 1e-3 * rng.standard_normal((1, 3, 16, 16))).astype(np.float32) for _ in range(8)
    ]
    moved = changed(recipe, "conv_0:0", low=[-6.0], high=[6.0], levels=16)
    _, layers = reported(model, replayed(model, moved), flat)
    assert (layers["conv_0"].cause, layers["conv_0"].fix.flags) == (
        "bias shift",
        "--no-fast-bias-correction",
    )
    assert layers["conv_0"].bias_shift > 0.5
    moved["plan"]["biases"] = [{"node": "conv_0", "axis": 1, "shift": [0.01] * 8}]
    _, corrected = reported(model, replayed(model, moved), flat)
    assert (
        corrected["conv_0"].bias_shift == 0
        and corrected["conv_0"].alone_db > layers["conv_0"].alone_db + 3
    )


def test_coarse_weights_are_found(model, samples, recipe):
    coarse = json.loads(json.dumps(recipe))
    quantizer = next(q for q in coarse["plan"]["quantizers"] if "conv_1:1" in q["uses"])
    quantizer["levels"] = 8
    coarse["plan"]["constants"] = [
        c for c in coarse["plan"]["constants"] if "conv_1:1" not in c["uses"]
    ]
    report, _ = reported(model, replayed(model, coarse), samples)
    assert (report.layers[0].name, report.layers[0].cause) == ("conv_1", "weight")
    assert report.layers[0].fix.flags == "--weight-rounding adaptive"
    assert "eightbit.IgnoredScope" in report.fixes[-1].python


def transformer() -> ov.Model:
    rng = np.random.default_rng(3)
    tokens = ops.parameter([1, 4, 16], np.float32, name="tokens")
    wide = ops.constant(np.array([1.0] * 5 + [60.0] + [1.0] * 10, np.float32))
    node = ops.multiply(tokens, wide, name="norm")
    weight = ops.constant(
        (rng.standard_normal((16, 16)) * np.where(np.arange(16) == 5, 0.01, 0.3)).astype(np.float32)
    )
    node = ops.matmul(node, weight, False, True, name="fc")
    return ov.Model([ops.result(node)], [tokens], "transformer")


def test_an_outlier_channel_is_found_and_its_fix_helps():
    model = transformer()
    rng = np.random.default_rng(1)
    samples = [rng.standard_normal((1, 4, 16)).astype(np.float32) for _ in range(16)]
    before, _ = reported(model, eb.quantize(model, eb.Dataset(samples), trial_run=False), samples)
    worst = before.layers[0]
    assert (worst.name, worst.cause, worst.inputs[0].widest_channel) == ("fc", "outlier channel", 5)
    assert worst.fix.python == "model_type=eightbit.ModelType.TRANSFORMER"
    options = eval(f"dict({worst.fix.python})", {"eightbit": eb})
    after, _ = reported(
        model, eb.quantize(model, eb.Dataset(samples), **options, trial_run=False), samples
    )
    assert after.layers[0].alone_db > worst.alone_db + 6


def test_fixes_are_valid_options(model, samples, recipe):
    report, _ = reported(
        model, replayed(model, changed(recipe, "conv_1:0", low=[0.0], high=[0.2])), samples
    )
    for fix in [*report.fixes, *(layer.leave_out for layer in report.layers if layer.quantized)]:
        options = eval(f"dict({fix.python})", {"eightbit": eb})
        assert eb.quantize(model, eb.Dataset(samples), **options, trial_run=False)


def test_layers_in_floating_point_are_listed(model, samples):
    quantized = eb.quantize(
        model, eb.Dataset(samples), ignored_scope=eb.IgnoredScope(names=["conv_1"]), trial_run=False
    )
    _, layers = reported(model, quantized, samples)
    assert not layers["conv_1"].quantized and "floating point" in layers["conv_1"].note
    assert layers["conv_1"].alone_db is None and layers["conv_1"].accumulated_db > 0


def branching() -> ov.Model:
    rng = np.random.default_rng(2)
    x = ops.parameter([1, 8], np.float32, name="x")
    first = ops.parameter([1], bool, name="first")

    def branch(name, scale):
        inner = ops.parameter([1, 8], np.float32)
        weight = ops.constant((rng.standard_normal((8, 8)) * scale).astype(np.float32))
        product = ops.matmul(inner, weight, False, False, name=name)
        return ov.Model([ops.result(ops.relu(product))], [inner], name)

    chosen = ops.if_op(first)
    one, other = branch("then_fc", 0.3), branch("else_fc", 0.5)
    chosen.set_then_body(one)
    chosen.set_else_body(other)
    chosen.set_input(x.output(0), one.get_parameters()[0], other.get_parameters()[0])
    result = chosen.set_output(one.get_results()[0], other.get_results()[0])
    for parameter in (x, first):
        parameter.output(0).get_tensor().set_names({parameter.friendly_name})
    return ov.Model([ops.result(result)], [x, first], "branching")


def test_layers_in_branches_are_measured():
    model = branching()
    rng = np.random.default_rng(4)
    samples = [
        {"x": rng.standard_normal((1, 8)).astype(np.float32), "first": np.array([i % 2 == 0])}
        for i in range(16)
    ]
    quantized = eb.quantize(model, eb.Dataset(samples), trial_run=False)
    _, layers = reported(model, quantized, samples)
    for name in ("then_fc", "else_fc"):
        assert layers[name].quantized and "branch" in layers[name].note
        assert 15 < layers[name].accumulated_db < 80
        assert layers[name].inputs and sum(layers[name].inputs[0].shares) > 0.99
    compared = eb.compare(model, quantized, eb.Dataset(samples[::2]))
    assert "then_fc" in {layer.name for layer in compared.layers}
    assert "else_fc" in {layer.name for layer in compared.unseen}


def test_a_model_that_ignores_its_input_is_not_blamed_on_quantization(samples):
    image = ops.parameter([1, 3, 16, 16], np.float32, name="image")
    zero = ops.multiply(image, ops.constant(np.float32(0)))
    weight = ops.constant(np.ones((3 * 256, 4), np.float32))
    flat = ops.reshape(zero, ops.constant(np.array([1, 768])), False)
    model = ov.Model(
        [ops.result(ops.matmul(flat, weight, False, False, name="fc"))], [image], "dead"
    )
    report, _ = reported(model, eb.quantize(model, eb.Dataset(samples), trial_run=False), samples)
    assert any("does not depend on the input" in text for text in report.float_check.problems)
    assert not report.fixes and "float model itself" in report.notes[0]


def test_compare_tells_layers_alone(model, samples, recipe):
    quantized = replayed(model, changed(recipe, "conv_1:0", low=[0.0], high=[0.2]))
    result = eb.compare(model, quantized, eb.Dataset(samples))
    alone = {layer.name: layer.alone_db for layer in result.layers}
    assert alone["conv_1"] < 10 < alone["classifier"]
    assert all(row.alone_db is None for row in result.outputs)
    assert json.loads(result.to_json())["layers"][0]["name"]


def onnx_report(inputs, count=6):
    onnx = pytest.importorskip("onnx")
    path = inputs / "efflite0.onnx"
    if not path.exists():
        pytest.skip("bench/inputs are not there")
    dims = onnx.load(path).graph.input[0].type.tensor_type.shape.dim
    rng = np.random.default_rng(0)
    images = [
        rng.standard_normal((1, *(d.dim_value for d in dims[1:]))).astype(np.float32)
        for _ in range(count)
    ]
    return eb.report(
        path,
        eb.quantize(path, eb.Dataset(images), trial_run=False),
        eb.Dataset(images),
        subset_size=count,
    )


def test_onnx_models_have_reports(inputs):
    report = onnx_report(inputs)
    quantized = [layer for layer in report.layers if layer.quantized]
    assert len(quantized) > 40
    assert all(layer.alone_db is not None and layer.alone_db > 5 for layer in quantized)
    assert sum(bool(layer.inputs and layer.inputs[0].shares) for layer in quantized) > 40
    assert sum(layer.precision in ("u8", "i8") for layer in quantized) > 20


def test_refusals(model, samples, tmp_path):
    quantized = eb.quantize(model, eb.Dataset(samples), trial_run=False)
    with pytest.raises(eb.InvalidArgument, match="subset_size"):
        eb.report(model, quantized, eb.Dataset(samples), subset_size=0)
    with pytest.raises(eb.InvalidArgument, match="input 'tokens'|input 'image'"):
        eb.report(model, transformer(), eb.Dataset(samples))
    with pytest.raises(eb.DataError, match="no samples"):
        eb.report(model, quantized, eb.Dataset([]))
    report = eb.report(model, quantized, eb.Dataset(samples))
    with pytest.raises(eb.InvalidArgument, match=".html or .json"):
        report.save(tmp_path / "report.pdf")
    report.save(tmp_path / "report.json")
    with pytest.raises(eb.FileError):
        report.save(tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_text()) == json.loads(report.to_json())


@pytest.fixture(scope="module")
def page(model, samples, recipe, tmp_path_factory) -> Path:
    broken = changed(recipe, "conv_1:0", low=[0.0], high=[0.2])
    path = tmp_path_factory.mktemp("page") / "report.html"
    eb.report(model, replayed(model, broken), eb.Dataset(samples)).save(path)
    return path


def embedded(html: str) -> dict:
    return json.loads(
        re.search(r'<script type="application/json" id="report">(.*?)</script>', html, re.S)[1]
    )


def test_the_page_stands_alone(page):
    html = page.read_text(encoding="utf8")
    assert len(html) < 2_000_000
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", html)
    assert "{{" not in re.sub(r"<script.*?</script>", "", html, flags=re.S)
    assert "MIT License" in html and "Chart.js" in html
    report = embedded(html)
    worst = report["layers"][0]
    assert report["schema"] == "eightbit.report"
    assert (worst["name"], worst["cause"]) == ("conv_1", "clipping"), worst


def test_names_can_not_break_out_of_the_page(samples):
    image = ops.parameter([1, 768], np.float32, name="image")
    weight = ops.constant(np.random.default_rng(0).standard_normal((768, 4)).astype(np.float32))
    evil = '</script><script>document.title="broken"</script>'
    model = ov.Model([ops.result(ops.matmul(image, weight, False, False, name=evil))], [image], "m")
    flat = [sample.reshape(1, 768) for sample in samples]
    html = eb.report(
        model, eb.quantize(model, eb.Dataset(flat), trial_run=False), eb.Dataset(flat)
    ).to_html()
    assert evil not in html
    assert embedded(html)["layers"][0]["name"] == evil


def chromium() -> str:
    found = (
        shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )
    if not found:
        pytest.skip("Chromium is not installed: the page is not opened in a browser")
    return found


def test_the_page_in_a_browser(page):
    command = [
        chromium(),
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--virtual-time-budget=4000",
        "--dump-dom",
    ]
    done = subprocess.run([*command, page.as_uri()], capture_output=True, text=True, timeout=60)
    dom = done.stdout
    table = re.search(r'<tbody id="rows">(.*?)</tbody>', dom, re.S)[1]
    rows = re.findall(r"<tr.*?</tr>", table, re.S)
    assert len(rows) == len(embedded(page.read_text())["layers"])
    assert "conv_1" in rows[0] and "clipping" in rows[0]
    detail = re.search(r'<aside id="detail">(.*?)</aside>', dom, re.S)[1]
    assert "conv_1" in detail and "lie outside of" in detail and "IgnoredScope" in detail
    assert re.search(r"<canvas[^>]+width=", detail)  # the histogram was drawn
    assert "The float model by itself looks sound" in dom
