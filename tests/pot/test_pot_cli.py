"""eightbit pot: POT's command line, with its configuration files and folders of results."""

import json

import numpy as np
import openvino as ov
import pytest
from cli_process import CommandLine, image_model, image_samples
from openvino import opset13 as ops
from PIL import Image

SIDE = 16
COMMENTED = """// a file as people wrote them
{
    /* paths */
    "model": {"model_name": "small", "model": "m.xml", "weights": "m.bin",},
    "engine": {"type": "simplified", "data_source": "pictures"},
    "compression": {
\t"target_device": "CPU", // tabs too
        "algorithms": [
            {
                "name": "DefaultQuantization",
                "params": {"preset": "mixed", "stat_subset_size": 6, "range_estimator": {"max": {"type": "quantile", "outlier_prob": 0.001}},},
            },
        ],
    },
}
"""
CHECKER = """models:
  - name: small
    launchers:
      - framework: openvino
        device: CPU
        adapter: classification
    datasets:
      - name: pictures
        data_source: pictures
        annotation_conversion:
          converter: imagenet
          annotation_file: labels.txt
        preprocessing:
          - type: resize
            size: 20
            aspect_ratio_scale: greater
          - type: crop
            size: 16
          - type: bgr_to_rgb
          - type: normalization
            mean: 127.5
            std: [60, 60, 60]
        metrics:
          - name: accuracy@top1
            type: accuracy
            top_k: 1
"""


@pytest.fixture
def pot(cli, tmp_path):
    """The command line in a folder with a model, pictures, an annotation and both kinds of files."""
    image_model(tmp_path / "m.xml")
    (tmp_path / "pictures").mkdir()
    rng = np.random.default_rng(3)
    for i in range(12):
        noise = rng.integers(0, 255, (24 + i, 30, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / "pictures" / f"{i:02}.png")
    (tmp_path / "labels.txt").write_text("".join(f"{i:02}.png {i % 3}\n" for i in range(12)))
    (tmp_path / "c.json").write_text(COMMENTED)
    (tmp_path / "checker.yml").write_text(CHECKER)
    return CommandLine(cli, tmp_path)


def only(folder, pattern):
    found = sorted(folder.glob(pattern))
    assert len(found) == 1, [str(path) for path in folder.rglob("*")]
    return found[0]


def is_quantized(path):
    types = [op.get_type_name() for op in ov.Core().read_model(path).get_ops()]
    return "FakeQuantize" in types


def options_of(path):
    info = ov.Core().read_model(path).get_rt_info(["eightbit", "quantization", "options"])
    return json.loads(info.astype(str))


def test_a_file_with_comments(pot, tmp_path):
    done = pot("pot", "-c", "c.json")
    assert done.returncode == 0, done.stderr
    model = only(tmp_path, "results/small_DefaultQuantization/*/optimized/small.xml")
    assert is_quantized(model) and model.with_suffix(".bin").exists()
    log = (model.parent.parent / "log.txt").read_text()
    assert "trial run" in log
    options = options_of(model)
    assert options["preset"] == "mixed"
    assert options["target_device"] == "CPU" and options["subset_size"] == 6
    estimator = options["advanced_parameters"]["activations_range_estimator_params"]["max"]
    assert estimator["quantile_outlier_prob"] == 0.001


def test_the_same_as_yaml_makes_the_same_model(pot, tmp_path):
    (tmp_path / "c.yml").write_text(
        "model: {model: m.xml, weights: m.bin, model_name: small}\n"
        "engine:\n  type: simplified\n  data_source: pictures/*.png\n"
        "compression:\n  target_device: CPU\n  algorithms:\n    - name: DefaultQuantization\n      params:\n"
        "        preset: mixed\n        stat_subset_size: 6\n        range_estimator: {max: {type: quantile, outlier_prob: 0.001}}\n"
    )
    for config, folder in (("c.json", "a"), ("c.yml", "b")):
        done = pot("pot", "-c", config, "-d", "--output-dir", folder)
        assert done.returncode == 0, done.stderr
    weights = [(tmp_path / folder / "optimized/small.bin").read_bytes() for folder in "ab"]
    assert weights[0] == weights[1]
    # results right in a folder replace those before
    assert pot("pot", "-c", "c.yml", "-d", "--output-dir", "b").returncode == 0


def test_templates(pot, tmp_path):
    done = pot("pot", "-q", "default", "-m", "m.xml", "-w", "m.bin", "--engine", "simplified",
                   "--data-source", "pictures", "--output-dir", "out", "-n", "named")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert is_quantized(only(tmp_path, "out/named_DefaultQuantization/*/optimized/named.xml"))


def test_accuracy_checker_files(pot, tmp_path):
    done = pot("pot", "-q", "accuracy_aware", "-m", "m.xml", "-w", "m.bin", "--ac-config", "checker.yml",
                   "--max-drop", "1", "-e", "-d", "--output-dir", "out")  # fmt: skip
    assert done.returncode == 0, done.stderr
    model = tmp_path / "out/optimized/m.xml"
    assert is_quantized(model)
    assert is_quantized(tmp_path / "out/accuracy_aware_intermediate/intermediate_model.xml")
    line = next(line for line in done.stdout.splitlines() if line.startswith("accuracy@top1"))
    told = float(line[28:].strip(" :"))
    compiled = ov.Core().compile_model(model, "CPU")
    hits = [
        np.argmax(compiled(prepared(tmp_path / "pictures" / f"{i:02}.png"))[0]) == i % 3
        for i in range(12)
    ]
    assert told == pytest.approx(np.mean(hits), abs=0.2)


def prepared(path):
    """What the checker's file says, by Pillow: the shorter side 20, the middle of it, RGB, normalized."""
    image = Image.open(path)
    by = 20 / min(image.size)
    width, height = (round(side * by) for side in image.size)
    image = image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=None)
    left, top = (width - SIDE) // 2, (height - SIDE) // 2
    pixels = np.asarray(image.crop((left, top, left + SIDE, top + SIDE)), np.float32)
    return ((pixels - 127.5) / 60).transpose(2, 0, 1)[None]


def test_a_model_of_one_channel_sees_grey_pictures(pot, tmp_path):
    image_model(tmp_path / "m.xml", channels=1)
    done = pot("pot", "-c", "c.json", "-d", "--output-dir", "out")
    assert done.returncode == 0, done.stderr
    assert is_quantized(tmp_path / "out/optimized/small.xml")


def test_a_cascade_of_one_part_is_a_plain_model(pot, tmp_path):
    part = '{"name": "only", "model": "m.xml", "weights": "m.bin"}'
    plain = '"model": "m.xml", "weights": "m.bin",'
    (tmp_path / "c.json").write_text(COMMENTED.replace(plain, f'"cascade": [{part}],'))
    done = pot("pot", "-c", "c.json", "-d", "--output-dir", "out")
    assert done.returncode == 0, done.stderr
    assert is_quantized(tmp_path / "out/optimized/small.xml")
    (tmp_path / "c.json").write_text(COMMENTED.replace(plain, f'"cascade": [{part}, {part}],'))
    pot.fails("pot", "-c", "c.json", saying=["model.cascade[1].name", "a name of its own"])


@pytest.fixture
def cascade(pot, tmp_path):
    """A file with two parts: one is fed by pictures, one by arrays."""
    image_model(tmp_path / "second.xml", channels=1)
    np.savez(tmp_path / "crops.npz", image=image_samples(9)[:, :1])
    parts = [
        {"name": "finder", "model": "m.xml", "weights": "m.bin"},
        {"name": "judge", "model": "second.xml", "weights": "second.bin"},
    ]
    params = {"stat_subset_size": 6, "ignored": {"judge": {"scope": ["judge_conv_1"]}}}
    return {
        "model": {"model_name": "two", "cascade": parts},
        "engine": {
            "type": "simplified",
            "data_source": {"finder": "pictures", "judge": "crops.npz"},
        },
        "compression": {"algorithms": [{"name": "DefaultQuantization", "params": params}]},
    }


def test_parts_of_a_cascade_are_quantized_for_data_of_their_own(pot, cascade, tmp_path):
    (tmp_path / "c.json").write_text(json.dumps(cascade))
    done = pot("pot", "-c", "c.json")
    assert done.returncode == 0, done.stderr
    folder = only(tmp_path, "results/two_DefaultQuantization/*/optimized")
    assert {path.name for path in folder.iterdir()} == {
        f"two_{part}.{kind}" for part in ("finder", "judge") for kind in ("xml", "bin")
    }
    finder, judge = (ov.Core().read_model(folder / f"two_{n}.xml") for n in ("finder", "judge"))
    assert [behind_a_quantizer(finder, n) for n in ("conv_0", "conv_1")] == [True, True]
    assert [behind_a_quantizer(judge, n) for n in ("conv_0", "conv_1")] == [True, False]
    assert options_of(folder / "two_judge.xml")["subset_size"] == 6
    # and by flags, where the file says nothing
    del cascade["engine"]["data_source"]
    (tmp_path / "d.json").write_text(json.dumps(cascade))
    flags = ("--data-source", "finder=pictures", "--data-source", "judge=crops.npz")
    done = pot("pot", "-c", "d.json", "-d", "--output-dir", "out", *flags)
    assert done.returncode == 0, done.stderr
    for part in ("finder", "judge"):
        first, second = folder / f"two_{part}.bin", tmp_path / f"out/optimized/two_{part}.bin"
        assert first.read_bytes() == second.read_bytes()


def behind_a_quantizer(model, name):
    node = next(op for op in model.get_ops() if op.get_friendly_name() == name)
    return node.input_value(0).get_node().get_type_name() == "FakeQuantize"


def test_what_a_cascade_in_a_file_cannot(pot, cascade, tmp_path):
    def fails(*flags, saying):
        (tmp_path / "c.json").write_text(json.dumps(cascade, indent=1))
        pot.fails("pot", "-c", "c.json", *flags, saying=saying)

    fails("-e", saying=["--evaluate of a cascade", "IEEngine"])
    cascade["engine"]["data_source"].pop("judge")
    fails(saying=["'judge'", "judge=FOLDER", "IEEngine", "c.json:17"])
    cascade["compression"]["algorithms"][0]["name"] = "AccuracyAwareQuantization"
    fails(saying=["AccuracyAwareQuantization of a cascade", "IEEngine"])


def test_arrays_in_the_place_of_pictures(pot, tmp_path):
    np.savez(tmp_path / "rows.npz", image=image_samples(9))
    text = COMMENTED.replace('"pictures"', '"rows.npz"').replace(
        '"stat_subset_size": 6', '"stat_subset_size": 5, "shuffle_data": true'
    )
    (tmp_path / "c.json").write_text(text)
    done = pot("pot", "-c", "c.json", "-d", "--output-dir", "out")
    assert done.returncode == 0, done.stderr
    assert options_of(tmp_path / "out/optimized/small.xml")["subset_size"] == 5


@pytest.mark.parametrize(
    "old, new, words",
    [
        ('"preset"', '"presset"', ["c.json:11", "presset", "preset"]),
        ('"mixed"', '"fast"', ["params.preset", "'fast'", "performance", "c.json:11"]),
        ('"DefaultQuantization"', '"MagnitudeSparsity"', ["MagnitudeSparsity", "c.json:10"]),
        ('"CPU"', '"VPU"', ["VPU", "plug-in", "c.json:7"]),
        ('"m.xml"', '"<MODEL_PATH>"', ["placeholder <MODEL_PATH>", "c.json:4"]),
        ('"m.xml"', '"n.xml"', ["'n.xml' does not exist", "c.json:4"]),
        ('"simplified"', '"data_free"', ["data_free", "c.json:5"]),
        ('"pictures"', '"nowhere"', ["nowhere"]),
        ('"compression": {', '"compression": [', ["c.json", "line"]),
        ('"engine"', '"optimizer": {"name": "Tpe"}, "engine"', ["Tpe", "--tune-hyperparams"]),
    ],
)
def test_mistakes_have_their_place(pot, tmp_path, old, new, words):
    assert old in COMMENTED
    (tmp_path / "c.json").write_text(COMMENTED.replace(old, new, 1))
    pot.fails("pot", "-c", "c.json", saying=words)


@pytest.mark.parametrize(
    "old, new, words",
    [
        ("type: crop", "type: auto_resize", ["auto_resize", "checker.yml:17", "DataLoader"]),
        ("type: accuracy", "type: map", None),  # calibration needs no metric
        ("adapter: classification", "adapter: classification\n        reader: x", None),
        ("annotation_file: labels.txt", "annotation_file: gone.txt", ["gone.txt"]),
        ("size: 16", "size: 15", ["15x15", "16x16"]),
    ],
)
def test_what_a_checker_file_may_not_say(pot, tmp_path, old, new, words):
    assert old in CHECKER
    (tmp_path / "checker.yml").write_text(CHECKER.replace(old, new, 1))
    done = pot("pot", "-q", "default", "-m", "m.xml", "-w", "m.bin", "--ac-config", "checker.yml")
    if words is None:  # launchers have keys that concern nobody here
        assert done.returncode == 0, done.stderr
        return
    assert done.returncode == 2, done.stderr
    for word in words:
        assert word in done.stderr


def model_told_the_size(path):
    """Inputs `image` [1,3,16,16] and `info` [1,3]."""
    image = ops.parameter([1, 3, 16, 16], np.float32, name="image")
    info = ops.parameter([1, 3], np.float32, name="info")
    for port in (image, info):
        port.output(0).set_names({port.get_friendly_name()})
    kernel = np.random.default_rng(0).standard_normal((8, 3, 3, 3)).astype(np.float32) / 30
    h = ops.relu(ops.convolution(image, ops.constant(kernel), [1, 1], [0, 0], [0, 0], [1, 1]))
    pooled = ops.reduce_mean(h, ops.constant(np.array([2, 3])), False)
    both = ops.concat([pooled, ops.multiply(info, ops.constant(np.float32(0.01)))], 1)
    scores = ops.matmul(both, ops.constant(np.ones((11, 5), np.float32)), False, False)
    ov.save_model(ov.Model([ops.result(scores)], [image, info], "two"), path)


def test_constant_inputs(pot, tmp_path):
    """As detectors have them that are told the size of the picture."""
    model_told_the_size(tmp_path / "m.xml")
    inputs = "adapter: classification\n        inputs:\n          - {name: image, type: INPUT, layout: NCHW}\n"
    constant = "          - {name: info, type: CONST_INPUT, value: [16, 16, 1]}"
    flags = (
        "pot",
        "-q",
        "default",
        "-m",
        "m.xml",
        "-w",
        "m.bin",
        "--ac-config",
        "checker.yml",
        "-d",
    )
    text = CHECKER.replace("adapter: classification", inputs + constant)
    (tmp_path / "checker.yml").write_text(text)
    done = pot(*flags, "--output-dir", "out")
    assert done.returncode == 0, done.stderr
    assert is_quantized(tmp_path / "out/optimized/m.xml")
    for old, new, words in (
        ("[16, 16, 1]", "[16, 16]", ["'info' has 2 values"]),
        ("name: info", "name: inf", ["no input 'inf'"]),
        ("CONST_INPUT", "LSTM_INPUT", ["LSTM_INPUT", "CONST_INPUT"]),
        ("NCHW", "CHWN", ["CHWN"]),
    ):
        (tmp_path / "checker.yml").write_text(text.replace(old, new))
        pot.fails(*flags, saying=words)


@pytest.mark.parametrize("kind", ["IMAGE_INFO", "ORIG_IMAGE_INFO"])
def test_inputs_that_are_told_the_size_of_each_picture(kind, pot, tmp_path):
    model_told_the_size(tmp_path / "m.xml")
    told = f"adapter: x\n        inputs:\n          - {{name: info, type: {kind}}}"
    (tmp_path / "checker.yml").write_text(CHECKER.replace("adapter: classification", told))
    flags = ("pot", "-q", "default", "-m", "m.xml", "-w", "m.bin", "-d", "--output-dir", "out")
    done = pot(*flags, "--ac-config", "checker.yml")
    assert done.returncode == 0, done.stderr
    assert is_quantized(tmp_path / "out/optimized/m.xml")
    done = pot(*flags, "--engine", "simplified", "--data-source", "pictures")
    assert done.returncode == 0, done.stderr


def test_pictures_that_are_arrays(pot, tmp_path):
    """As Accuracy Checker turns them: channels to the front, a batch axis."""
    rows = image_samples(8)
    np.savez(tmp_path / "rows.npz", image=rows)
    (tmp_path / "arrays").mkdir()
    for i, row in enumerate(rows):
        np.save(tmp_path / f"arrays/{i}.npy", row.transpose(1, 2, 0))
        row.tofile(tmp_path / f"arrays/{i}.bin")
    flags = ("pot", "-q", "default", "-m", "m.xml", "-w", "m.bin", "-d")
    weights = []
    for reader, kind in (("numpy_reader", "*.npy"), ("numpy_bin_reader", "*.bin")):
        dataset = {"name": "d", "data_source": f"arrays/{kind}", "reader": reader}
        model = {"name": "m", "launchers": [], "datasets": [dataset]}
        (tmp_path / "checker.yml").write_text(json.dumps({"models": [model]}))
        done = pot(*flags, "--ac-config", "checker.yml", "--output-dir", reader)
        assert done.returncode == 0, done.stderr
        weights.append((tmp_path / reader / "optimized/m.bin").read_bytes())
    done = pot(
        *flags, "--engine", "simplified", "--data-source", "rows.npz", "--output-dir", "rows"
    )
    assert done.returncode == 0, done.stderr
    weights.append((tmp_path / "rows/optimized/m.bin").read_bytes())
    assert weights[0] == weights[1] == weights[2]
    steps = {**dataset, "preprocessing": [{"type": "resize", "size": 16}]}
    (tmp_path / "checker.yml").write_text(json.dumps({"models": [{**model, "datasets": [steps]}]}))
    pot.fails(*flags, "--ac-config", "checker.yml", saying=["arrays are taken as they are"])


@pytest.mark.parametrize(
    "step, words",
    [
        ("size: 16\n            pad_type: top", ["pad_type", "left_top", "checker.yml"]),
        ("size: 16\n            pad_value: background", ["background"]),
        ("size: 16\n            pad_value: 1,2", ["2 values"]),
        ("size: 16\n            pad_value: 300", ["300"]),
        ("size: 16\n            enable_resize: true", ["enable_resize", "false"]),
        ("size: 20", ["20x20", "16x16"]),
        ("sise: 20", ["sise", "size"]),
    ],
)
def test_paddings_that_are_not_done(step, words, pot, tmp_path):
    text = CHECKER.replace("type: crop\n            size: 16", f"type: padding\n            {step}")
    (tmp_path / "checker.yml").write_text(text)
    flags = ("-m", "m.xml", "-w", "m.bin", "--ac-config", "checker.yml")
    pot.fails("pot", "-q", "default", *flags, saying=words)


def test_a_metric_that_is_not_known_is_refused_where_one_is_needed(pot, tmp_path):
    (tmp_path / "checker.yml").write_text(CHECKER.replace("type: accuracy", "type: map"))
    flags = ("-m", "m.xml", "-w", "m.bin", "--ac-config", "checker.yml")
    pot.fails("pot", "-q", "default", "-e", *flags, saying=["--evaluate", "'map'", "DataLoader"])
    pot.fails("pot", "-q", "accuracy_aware", "--max-drop", "1", *flags, saying=["'map'"])


@pytest.mark.parametrize(
    "flags, words",
    [
        ([], ["--config", "--quantize"]),
        (["-c", "c.json", "-q", "default"], ["both"]),
        (["-c", "c.json", "-m", "m.xml"], ["--model has no effect"]),
        (["-q", "default"], ["--model", "--weights"]),
        (["-q", "accuracy_aware", "-m", "m.xml", "-w", "m.bin", "--ac-config", "checker.yml"], ["--max-drop"]),
        (["-q", "default", "-m", "m.xml", "-w", "m.bin", "--engine", "simplified"], ["--data-source"]),
        (["-c", "c.json", "-e"], ["--evaluate", "simplified", "Metric"]),
    ],
)  # fmt: skip
def test_flags_that_do_not_go_together(pot, flags, words):
    pot.fails("pot", *flags, saying=words)


def test_a_picture_list_and_the_middle_of_pictures(pot, tmp_path):
    (tmp_path / "list.txt").write_text("pictures/03.png\npictures/07.png\n")
    text = COMMENTED.replace(
        '"data_source": "pictures"', '"data_source": "list.txt", "central_fraction": 0.5'
    )
    (tmp_path / "c.json").write_text(text)
    done = pot("pot", "-c", "c.json", "-d", "--output-dir", "out", "--log-level", "DEBUG")
    assert done.returncode == 0, done.stderr
    assert options_of(tmp_path / "out/optimized/small.xml")["subset_size"] == 2
    assert (tmp_path / "out/log.txt").exists()
