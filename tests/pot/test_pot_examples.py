"""Configurations of the shapes that the 33 examples of POT's repository have, with the Accuracy
Checker files that they name (configs/examples/quantization), through eightbit pot: each is
quantized, or refused by what it asks for."""

import json

import numpy as np
import openvino as ov
import pytest
from cli_process import CommandLine, image_model, weights
from openvino import opset13 as ops
from PIL import Image

SIDE, PICTURES, ROWS, TOKENS = 16, 8, 6, 8


def named(parameter: ov.Node) -> ov.Node:
    parameter.output(0).set_names({parameter.get_friendly_name()})
    return parameter


def save(outputs: list, inputs: list, path) -> None:
    model = ov.Model([ops.result(node) for node in outputs], inputs, "small")
    ov.save_model(model, path, compress_to_fp16=False)


def convolution(x: ov.Node, channels: int, name: str, depth: int = 3) -> ov.Node:
    node = ops.convolution(x, weights(8, channels, 3, 3), [1, 1], [1, 1], [1, 1], [1, 1])
    node.set_friendly_name(name)
    return ops.relu(node)


def detector(path, size=(SIDE, SIDE), told: str | None = None) -> None:
    """A convolution over pictures; told: an input [1, 3] that has their size."""
    x = named(ops.parameter([1, 3, *size], np.float32, name="image"))
    pooled = ops.reduce_mean(convolution(x, 3, "proposals/conv"), ops.constant([2, 3]), False)
    inputs = [x]
    if told:
        inputs.append(named(ops.parameter([1, 3], np.float32, name=told)))
        pooled = ops.concat([pooled, ops.multiply(inputs[1], ops.constant(np.float32(0.01)))], 1)
    width = 11 if told else 8
    save([ops.matmul(pooled, weights(width, 5), False, False)], inputs, path)


def reader_of_texts(path) -> None:
    names = ("input_ids_1", "input_mask_1", "segment_ids_1")
    inputs = [named(ops.parameter([1, TOKENS], np.int64, name=name)) for name in names]
    rows = [ops.gather(weights(20 + i, 6), x, ops.constant(0)) for i, x in enumerate(inputs)]
    hidden = ops.matmul(ops.add(ops.add(*rows[:2]), rows[2]), weights(6, 6), False, False)
    hidden.set_friendly_name("bert/encoder/layer_0/attention/self/key/MatMul")
    save([ops.matmul(ops.relu(hidden), weights(6, 2), False, False)], inputs, path)
    rng = np.random.default_rng(0)
    np.savez(
        path.with_name("rows.npz"),
        **{name: rng.integers(0, 20, (ROWS, TOKENS)) for name in names},
    )


def recommender(path) -> None:
    names = [f"embedding{end}/placeholder" for end in ("", "_1", "_2", "_3")]
    inputs = [named(ops.parameter([1, 1], np.int32, name=name)) for name in names]
    rows = [ops.gather(weights(30 + i, 6), x, ops.constant(0)) for i, x in enumerate(inputs)]
    hidden = ops.relu(ops.matmul(ops.concat(rows, 2), weights(24, 8), False, False))
    save([ops.matmul(hidden, weights(8, 1), False, False)], inputs, path)
    rng = np.random.default_rng(0)
    rows = {name: rng.integers(0, 30, (ROWS, 1)).astype(np.int32) for name in names}
    np.savez(path.with_name("rows.npz"), **rows)


def segmenter(path) -> None:
    """Four modalities of volumes."""
    x = named(ops.parameter([1, 4, 6, 6, 6], np.float32, name="0"))
    node = ops.convolution(x, weights(4, 4, 3, 3, 3), [1] * 3, [1] * 3, [1] * 3, [1] * 3)
    save([node], [x], path)
    folder = path.with_name("volumes")
    folder.mkdir()
    for i in range(4):
        volume = np.random.default_rng(i).standard_normal((4, 6, 6, 6)).astype(np.float32)
        np.save(folder / f"case{i}_data_cropped.npy", volume)
        np.save(folder / f"case{i}_label_cropped.npy", np.full((1, 6, 6, 6), 1e6, np.float32))


def cascade(path) -> None:
    for i, part in enumerate(("pnet", "rnet", "onet")):
        detector(path.with_name(f"{part}.xml"))
        rows = np.random.default_rng(i).standard_normal((ROWS, 3, SIDE, SIDE))
        np.savez(path.with_name(f"{part}.npz"), image=rows.astype(np.float32))


MODELS = {
    "classifier": image_model,
    "detector": detector,
    "detector told the size": lambda path: detector(path, (24, 32), "image_info"),
    "detector of any size": lambda path: detector(path, (-1, -1)),
    "texts": reader_of_texts,
    "recommender": recommender,
    "volumes": segmenter,
    "cascade": cascade,
}

TOP1 = {"type": "accuracy", "name": "accuracy@top1", "top_k": 1}
TOP5 = {"type": "accuracy", "name": "accuracy@top5", "top_k": 5}
MAP = {"type": "map", "integral": "11point", "ignore_difficult": True, "presenter": "print_scalar"}
CROP = {"type": "crop", "size": SIDE}
GREATER = {"type": "resize", "size": 20, "aspect_ratio_scale": "greater"}
PILLOW = {**GREATER, "use_pillow": True, "interpolation": "BILINEAR"}
AS_PILLOW = [{"type": "bgr_to_rgb"}, PILLOW, {**CROP, "use_pillow": True}]


def launcher(adapter="classification", **more) -> dict:
    return {"framework": "dlsdk", "device": "CPU", "adapter": adapter, **more}


def labelled(preprocessing: list, more=(), metrics=(TOP1, TOP5), **conversion) -> dict:
    """A data set whose labels an annotation file has."""
    return {
        "name": "classification_dataset",
        "data_source": "pictures",
        "annotation_conversion": {
            "converter": "imagenet",
            "annotation_file": "labels.txt",
            **conversion,
        },
        "preprocessing": preprocessing,
        "metrics": list(metrics),
        **dict(more),
    }


def boxed(preprocessing: list, converter="voc_detection", metrics=(MAP,), **more) -> dict:
    """One with boxes, which are not read: all pictures of the folder calibrate."""
    return {
        "name": "boxes",
        "data_source": "pictures",
        "annotation_conversion": {"converter": converter, "annotations_dir": "nowhere"},
        "preprocessing": preprocessing,
        "postprocessing": [{"type": "resize_prediction_boxes"}],
        "metrics": list(metrics),
        **more,
    }


def checker(dataset: dict, adapter: object = "classification", **more) -> dict:
    return {
        "models": [{"name": "m", "launchers": [launcher(adapter, **more)], "datasets": [dataset]}]
    }


READ_PILLOW = {"reader": "pillow_imread"}
DENSE = checker(labelled([{"type": "resize", "size": 20}, CROP]))
FIRST_MOBILE = checker(labelled([GREATER, CROP], has_background=True))
SECOND_MOBILE = checker(
    labelled(
        [{**GREATER, "use_pillow": True}, {**CROP, "use_pillow": True}, {"type": "bgr_to_rgb"}],
        READ_PILLOW,
    )
)
WINDOW = {"dst_height": 24, "dst_width": 32}
IN_A_WINDOW = checker(
    boxed(
        [
            {"type": "resize", "aspect_ratio_scale": "fit_to_window", **WINDOW},
            {"type": "padding", "pad_type": "right_bottom", **WINDOW},
        ],
        "mscoco_detection",
        [{"type": "coco_precision", "max_detections": 100}],
    ),
    {"type": "mask_rcnn", "detection_out": "d", "raw_masks_out": "m"},
    inputs=[{"name": "image_info", "type": "CONST_INPUT", "value": [[24, 32, 1]]}],
)
EAST = checker(
    boxed(
        [
            {
                "type": "resize",
                "dst_height": 96,
                "dst_width": 32,
                "aspect_ratio_scale": "east_keep_aspect_ratio",
            },
            {"type": "bgr_to_rgb"},
        ],
        "icdar_detection",
        [{"type": "incidental_text_hmean", "name": "f-measure"}],
    ),
    {"type": "east_text_detection", "score_map_out": "s"},
    allow_reshape_input=True,
)
SSD = checker(boxed([{"type": "resize", "size": SIDE}]), "ssd", batch=1)
SSD_PILLOW = checker(
    boxed(
        [{"type": "resize", "size": SIDE, "use_pillow": True, "interpolation": "BILINEAR"}],
        **READ_PILLOW,
    ),
    {"type": "ssd_onnx", "scores_out": ".*scores.*"},
)
FEATURES = ("input_ids", "input_mask", "segment_ids")
SQUAD = {
    "models": [
        {
            "name": "bert",
            "launchers": [
                launcher(
                    {"type": "bert_question_answering", "start_token_logits_output": "unstack"},
                    batch=1,
                    mo_params={"data_type": "FP32"},
                    mo_flags=["disable_nhwc_to_nchw"],
                    inputs=[{"name": f"{n}_1", "type": "INPUT", "value": n} for n in FEATURES],
                )
            ],
            "datasets": [
                {
                    "name": "squad",
                    "data_source": "squad1.1/",
                    "annotation": "squad.pickle",
                    "reader": {"type": "annotation_features_extractor", "features": list(FEATURES)},
                    "postprocessing": [{"type": "extract_answers_tokens", "max_answer": 30}],
                    "metrics": [{"name": "F1", "type": "f1", "reference": 88.57}],
                }
            ],
        }
    ]
}
FILMS = checker(
    {
        "name": "ncf_dataset",
        "data_source": "ncf",
        "annotation": "converted/ncf.pickle",
        "annotation_conversion": {"converter": "movie_lens_converter", "rating_file": "r.csv"},
        "reader": "ncf_data_reader",
        "metrics": [{"type": "hit_ratio"}, {"type": "ndcg"}],
    },
    "hit_ratio_adapter",
    batch=2048,
)
FACES = {
    "evaluations": [
        {
            "name": "mtcnn",
            "module": "custom_evaluators.mtcnn_evaluator.MTCNNEvaluator",
            "module_config": {"network_info": {"pnet": {"outputs": {"probability_out": "prob1"}}}},
        }
    ]
}

EIGHT = {
    "weights": {"bits": 8, "mode": "symmetric", "granularity": "perchannel"},
    "activations": {"bits": 8, "mode": "symmetric", "granularity": "pertensor"},
}
LEVELS = {
    **EIGHT,
    "weights": {**EIGHT["weights"], "level_low": -127, "level_high": 127},
}
ASYMMETRIC = {kind: {**how, "mode": "asymmetric"} for kind, how in EIGHT.items()}
KEYS = {"ignored": {"scope": ["bert/encoder/layer_0/attention/self/key/MatMul", "loss/MatMul"]}}
PROPOSALS = {"ignored": {"scope": ["proposals/conv"]}}
LARGEST = {"activations": {"range_estimator": {"max": {"aggregator": "max", "type": "abs_max"}}}}
NUMBERS = {"ignored": {"scope": ["400", "402", "416", "conv_1"]}}
TRANSFORMER = {"model_type": "transformer"}
TPE = {
    "name": "Tpe",
    "params": {
        "max_trials": 200,
        "trials_load_method": "cold_start",
        "latency_reduce": 1.5,
        "benchmark": {"performance_count": False, "nstreams": 1, "api_type": "async"},
    },
}


def default(preset="performance", size=300, **more) -> list:
    params = {"preset": preset, "stat_subset_size": size, **more}
    return [("DefaultQuantization", params)]


def tunable(scope: list, **more) -> list:
    size = {"stat_subset_size": 1000}
    return [
        ("ActivationChannelAlignment", size),
        ("TunableQuantization", {**size, "preset": "performance", "tuning_scope": scope, **more}),
        ("FastBiasCorrection", size),
    ]


class Example:
    """engine: an Accuracy Checker file (`models`, `evaluations`), or the section itself. words: of
    what it is refused with. flags: with which it is not; then: `words` of what is refused next."""

    def __init__(
        self, engine, algorithms, model="classifier", words=None, flags=(), then=None, **more
    ):
        self.engine, self.algorithms, self.model = engine, algorithms, model
        self.words, self.flags, self.then, self.more = words, flags, then, more


ARRAYS = ("--engine", "simplified", "--data-source", "rows.npz")
OF_PARTS = ("--engine", "simplified")
for _part in ("pnet", "rnet", "onet"):
    OF_PARTS = (*OF_PARTS, "--data-source", f"{_part}={_part}.npz")

AWARE = {
    "metric_subset_ratio": 1,
    "ranking_subset_size": 300,
    "max_iter_num": 500,
    "maximal_drop": 0.01,
    "drop_type": "relative",
    "base_algorithm": "DefaultQuantization",
    "use_prev_if_drop_increase": True,
    "range_estimator": {"preset": "default"},
    "stat_subset_size": 1000,
}
NO_FEATURES = ["annotation_features_extractor", "--data-source", "checker.yml"]
NO_METRIC = ["AccuracyAwareQuantization needs a metric"]

EXAMPLES = {
    "densnet_121": Example(DENSE, default("mixed")),
    "inceptionV3": Example(
        {
            "datasets": [
                labelled(
                    [{"type": "crop", "central_fraction": 0.875}, {"type": "resize", "size": SIDE}],
                    has_background=True,
                )
            ],
            "launchers": [launcher()],
        },
        default(),
    ),
    "mobilenetV1": Example(FIRST_MOBILE, default("mixed")),
    "mobilenetV2_engine_config": Example(
        {
            "launchers": [{"framework": "dlsdk", "adapter": "classification"}],
            "datasets": [labelled(AS_PILLOW, READ_PILLOW)],
        },
        default(),
    ),
    "mobilenetV2_pytorch": Example(SECOND_MOBILE, default("mixed")),
    "mobilenetV2": Example(FIRST_MOBILE, default()),
    "mobilenetV2_accuracy_aware": Example(
        FIRST_MOBILE,
        [("AccuracyAwareQuantization", {"preset": "performance", "stat_subset_size": 300})],
    ),
    "mobilenetV2_simple_mode": Example(
        {"type": "simplified", "data_source": "pictures"}, default()
    ),
    "mobilenetV2_sqnr": Example(
        FIRST_MOBILE,
        [
            *default(),
            (
                "QuantNoiseEstimator",
                {"stat_subset_size": 100, "mode": "full_fq_noise", "type": "sqnr"},
            ),
        ],
        words=["QuantNoiseEstimator", "eightbit report"],
    ),
    "mobilenetV2_mixed_precision": Example(
        FIRST_MOBILE,
        [*default(), ("INT4MixedQuantization", {"stat_subset_size": 300, "maximal_drop": 0.01})],
        words=["INT4MixedQuantization"],
    ),
    "se_resnet50": Example(
        {"launchers": [launcher()], "datasets": [labelled(AS_PILLOW, READ_PILLOW)]},
        [
            (
                "MinMaxQuantization",
                {
                    "target_device": "CPU",
                    "preset": "mixed",
                    "stat_subset_size": 1000,
                    **NUMBERS,
                    **EIGHT,
                },
            ),
            ("FastBiasCorrection", {"stat_subset_size": 1000}),
        ],
    ),
    "squeezenet1_1": Example(
        {
            "launchers": [launcher()],
            "datasets": [labelled(AS_PILLOW, READ_PILLOW, has_background=False)],
        },
        default("mixed", 1000, **EIGHT),
    ),
    "bert_base": Example(
        SQUAD,
        default("accuracy", 1000, **LEVELS, **KEYS),
        "texts",
        NO_FEATURES,
        ARRAYS,
        key="name",
        compression=TRANSFORMER,
    ),
    "bert_base_accuracy_aware": Example(
        SQUAD,
        [("AccuracyAwareQuantization", {**AWARE, **KEYS})],
        "texts",
        NO_FEATURES,
        ARRAYS,
        NO_METRIC,
        key="name",
        compression=TRANSFORMER,
    ),
    "bert_large": Example(
        SQUAD,
        default(size=100, **KEYS),
        "texts",
        NO_FEATURES,
        ARRAYS,
        key="name",
        compression=TRANSFORMER,
    ),
    "bert_large_accuracy_aware": Example(
        SQUAD,
        [("AccuracyAwareQuantization", {"max_iter_num": 500, "stat_subset_size": 100, **KEYS})],
        "texts",
        NO_FEATURES,
        ARRAYS,
        NO_METRIC,
        key="name",
        compression={"target_device": "CPU", **TRANSFORMER},
    ),
    "faster_rcnn_resnet101": Example(
        IN_A_WINDOW, default(**PROPOSALS, **LARGEST), "detector told the size"
    ),
    "faster_rcnn_resnet50": Example(
        IN_A_WINDOW, default(size=4, **PROPOSALS, **LARGEST), "detector told the size"
    ),
    "mask_rcnn_resnet50": Example(IN_A_WINDOW, default(**PROPOSALS), "detector told the size"),
    "mtcnn": Example(
        FACES, default("mixed"), "cascade", ["evaluations", "PART=FOLDER", "IEEngine"], OF_PARTS
    ),
    "ssd_mobilenet_v1_voc": Example(SSD, default(), "detector"),
    "ssd_mobilenetv1": Example(
        {"launchers": [launcher("ssd")], "datasets": [boxed([{"type": "resize", "size": SIDE}])]},
        [
            (
                "MinMaxQuantization",
                {
                    "preset": "mixed",
                    "range_estimator": {"preset": "quantile"},
                    "stat_subset_size": 1000,
                },
            )
        ],
        "detector",
    ),
    "ssd_resnet34": Example(
        SSD_PILLOW, default(ignored={"scope": ["Mul_490", "Add_labels"]}), "detector"
    ),
    "ssd_resnet50_512": Example(
        {"launchers": [launcher("ssd")], "datasets": [boxed([{"type": "resize", "size": SIDE}])]},
        default(),
        "detector",
    ),
    "mobilenetV1_tpe": Example(
        FIRST_MOBILE, tunable(["layer"]), words=["Tpe", "--tune-hyperparams"], optimizer=TPE
    ),
    "mobilenetV2_rangeopt": Example(
        SECOND_MOBILE,
        [
            ("MinMaxQuantization", {"preset": "mixed", "stat_subset_size": 1000, **ASYMMETRIC}),
            (
                "RangeOptimization",
                {"stat_subset_size": 5000, "maxiter": 1500, "metric_name": "accuracy@top1"},
            ),
        ],
        words=["RangeOptimization", "--tune-hyperparams"],
    ),
    "mobilenetV2_tpe": Example(SECOND_MOBILE, tunable(["layer"]), words=["Tpe"], optimizer=TPE),
    "mobilenetV2_tune_quantile": Example(
        SECOND_MOBILE,
        [
            (
                "QuantileTuningAlgorithm",
                {"opt_backend": "skopt", "maxiter": 100, "preset": "mixed", **ASYMMETRIC},
            )
        ],
        words=["QuantileTuningAlgorithm", "--tune-hyperparams"],
    ),
    "ssd_mobilenetv1_tpe": Example(
        SSD,
        tunable(["range_estimator"], outlier_prob_choices=[1e-3, 1e-4]),
        "detector",
        ["Tpe"],
        optimizer=TPE,
    ),
    "ncf": Example(
        FILMS,
        [("MinMaxQuantization", {"preset": "mixed", "stat_subset_size": 1000, **LEVELS})],
        "recommender",
        ["ncf_data_reader", "--data-source"],
        ARRAYS,
    ),
    "ncf_tpe": Example(
        FILMS,
        tunable(["range_estimator"], estimator_tuning_scope=["preset"]),
        "recommender",
        ["Tpe"],
        optimizer=TPE,
    ),
    "brain-tumor-segmentation": Example(
        {
            "launchers": [{"framework": "dlsdk", "adapter": {"type": "brain_tumor_segmentation"}}],
            "datasets": [
                {
                    "name": "BraTS",
                    "data_source": "volumes",
                    "annotation_conversion": {
                        "converter": "brats_numpy",
                        "data_dir": "volumes",
                        "ids_file": "ids.p",
                    },
                    "reader": "numpy_reader",
                    "metrics": [
                        {"type": "dice_index", "median": True, "presenter": "print_vector"}
                    ],
                }
            ],
        },
        default(size=72),
        "volumes",
    ),
    "east_resnet_v1_50": Example(
        EAST, default(ignored={"scope": ["feature_fusion/Conv_4/Conv2D"]}), "detector of any size"
    ),
}


@pytest.fixture
def pot(cli, tmp_path):
    (tmp_path / "pictures").mkdir()
    rng = np.random.default_rng(3)
    for i in range(PICTURES):
        noise = rng.integers(0, 255, (24 + i, 30, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / "pictures" / f"{i:02}.png")
    lines = [f"{i:02}.png {i % 3}\n" for i in range(PICTURES)]
    (tmp_path / "labels.txt").write_text("".join(lines))
    return CommandLine(cli, tmp_path)


def configuration(example: Example, folder) -> None:
    """Writes the model, config.json and, where it names one, the file checker.yml: JSON is YAML."""
    MODELS[example.model](folder / "m.xml")
    engine = example.engine
    if "models" in engine or "evaluations" in engine:
        (folder / "checker.yml").write_text(json.dumps(engine, indent=1))
        engine = {"config": "./checker.yml"}
    files = {"model": "m.xml", "weights": "m.bin"}
    if example.model == "cascade":
        files = {
            "cascade": [
                {"name": part, "model": f"{part}.xml", "weights": f"{part}.bin"}
                for part in ("pnet", "rnet", "onet")
            ]
        }
    config = {
        "model": {example.more.get("key", "model_name"): "small", **files},
        "engine": engine,
        "compression": {
            **example.more.get("compression", {}),
            "algorithms": [{"name": name, "params": params} for name, params in example.algorithms],
        },
    }
    if "optimizer" in example.more:
        config["optimizer"] = example.more["optimizer"]
    text = json.dumps(config, indent=4)
    (folder / "config.json").write_text(text.replace('"engine"', '// whose data\n"engine"', 1))


def quantizers(path) -> int:
    types = [op.get_type_name() for op in ov.Core().read_model(path).get_ops()]
    return types.count("FakeQuantize")


def test_they_are_all_there():
    assert len(EXAMPLES) == 33
    assert sum(not example.words for example in EXAMPLES.values()) == 19
    assert sum(bool(example.flags) for example in EXAMPLES.values()) == 6


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_quantized_or_refused_by_name(name, pot, tmp_path):
    example = EXAMPLES[name]
    configuration(example, tmp_path)
    if example.words:
        pot.fails("pot", "-c", "config.json", saying=example.words)
        if not example.flags:
            return
    if example.then:
        pot.fails("pot", "-c", "config.json", *example.flags, saying=example.then)
        return
    done = pot(
        "pot",
        "-c",
        "config.json",
        *example.flags,
        "-d",
        "--output-dir",
        "out",
        "--log-level",
        "ERROR",
    )
    assert done.returncode == 0, done.stderr
    parts = ("_pnet", "_rnet", "_onet") if example.model == "cascade" else ("",)
    assert {path.stem for path in (tmp_path / "out/optimized").glob("*.xml")} == {
        f"small{part}" for part in parts
    }
    # what the ignored scope names stays as it is, and is all that there is in one of the models
    for part in parts:
        assert quantizers(tmp_path / f"out/optimized/small{part}.xml") > 0
