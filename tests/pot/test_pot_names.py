"""Every name that scripts of POT import, every algorithm and every parameter: it is here, or
refused by name with what there is in its place."""

import importlib
import subprocess
import sys

import eightbit as eb
import openvino as ov
import pytest
from cli_process import image_model
from eightbit.pot import DataLoader, IEEngine, create_pipeline, load_model

# By the modules, below openvino.tools.pot, that they are imported from.
NAMES = {
    "": "DataLoader Metric Engine IEEngine load_model save_model compress_model_weights "
    "create_pipeline",
    "api": "DataLoader Metric Engine",
    "engines.ie_engine": "IEEngine",
    "engines.simplified_engine": "SimplifiedEngine",
    "engines.utils": "process_accumulated_stats restore_original_node_names "
    "align_stat_names_with_results add_tensor_names collect_model_outputs "
    "process_raw_output append_stats",
    "graph": "load_model save_model",
    "graph.model_utils": "compress_model_weights get_nodes_by_type get_node_by_name "
    "get_all_operation_nodes add_outputs load_model save_model",
    "graph.nx_model": "CompressedModel NXModel",
    "pipeline.initializer": "create_pipeline",
    "pipeline.pipeline": "Pipeline",
    "samplers.batch_sampler": "BatchSampler",
    "samplers.index_sampler": "IndexSampler",
    "samplers.sampler": "Sampler",
    "samplers.creator": "create_sampler",
    "utils.logger": "init_logger get_logger",
    "app.run": "app main",
    "data_loaders.creator": "create_data_loader",
    "data_loaders.image_loader": "ImageLoader",
}
REFUSED = {
    "": "DefaultQuantization AccuracyAwareQuantization MinMaxQuantization "
    "ActivationChannelAlignment FastBiasCorrection BiasCorrection MagnitudeSparsity "
    "RangeSupervision QuantNoiseEstimator",
    "engines.utils": "cast_friendly_names get_clean_name",
    "engines.ac_engine": "ACEngine",
    "graph.model_utils": "build_model_for_node models_union nx_type_infer",
    "graph.node_utils": "get_node_input get_node_output get_node_value "
    "set_node_value get_weights_for_node get_bias_for_node get_input_shape "
    "get_first_convolutions node_with_quantized_weights",
    "graph.editor": "connect_nodes remove_node_by_name",
    "graph.transformer": "GraphTransformer",
    "statistics.collector": "StatisticsCollector collect_statistics",
    "statistics.statistics": "Statistic TensorStatistic TensorStatisticAxis SQNRStatistic",
    "algorithms.algorithm_selector": "COMPRESSION_ALGORITHMS get_algorithm",
    "configs.config": "Config",
    "app.run": "optimize",
    "app.argparser": "get_common_argument_parser check_dependencies",
    "api.samples.utils.argument_parser": "get_common_argparser",
    "api.samples.object_detection.data_loader": "COCOLoader",
    "api.samples.object_detection.metric": "MAP",
}


def rows(table):
    return [(module, name) for module, names in table.items() for name in names.split()]


def imported(root, module, name):
    statement = f"from {'.'.join(part for part in (root, module) if part)} import {name}"
    found = {}
    exec(statement, found)
    return found[name]


@pytest.fixture
def alias():
    eb.pot.install_alias()
    yield
    for name in [name for name in sys.modules if name.startswith("openvino.tools.pot")]:
        del sys.modules[name]
    vars(importlib.import_module("openvino.tools")).pop("pot", None)


@pytest.mark.parametrize("module,name", rows(NAMES))
def test_a_name_is_here_and_the_same_by_the_alias(module, name, alias):
    assert imported("eightbit.pot", module, name) is imported("openvino.tools.pot", module, name)


@pytest.mark.parametrize("root", ["eightbit.pot", "openvino.tools.pot"])
@pytest.mark.parametrize("module,name", rows(REFUSED))
def test_a_name_that_is_not_here_says_what_to_do(module, name, root, alias):
    with pytest.raises(
        eb.Unsupported, match=r"\[pot\] .*(has no|there is no).*\. [A-Z].*\.$"
    ) as told:
        imported(root, module, name)
    assert isinstance(told.value, ImportError)
    assert name in str(told.value) or f"eightbit.pot.{module.partition('.')[0]}" in str(told.value)


def test_other_names_are_not_found_as_anywhere(alias):
    for root in ("eightbit.pot", "openvino.tools.pot"):
        for module, name in (
            ("", "Quantizer"),
            ("graph.model_utils", "cut"),
            ("graph.cutter", "cut"),
        ):
            with pytest.raises(ImportError) as told:
                imported(root, module, name)
            assert not isinstance(told.value, eb.Unsupported)
    assert not hasattr(eb.pot, "Quantizer")


def test_the_refusals_leave_a_pot_that_is_installed_alone(tmp_path):
    """Of it, a folder that has a module which is refused here."""
    folder = tmp_path / "openvino/tools/pot/graph"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    (folder / "__init__.py").touch()
    (folder / "node_utils.py").write_text("get_node_input = 1\n")
    script = (
        "import sys, openvino.tools, eightbit.pot\n"
        f"openvino.tools.__path__.append({str(tmp_path / 'openvino/tools')!r})\n"
        "from openvino.tools.pot.graph.node_utils import get_node_input\n"
        "assert get_node_input == 1\n"
        "eightbit.pot.install_alias()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 1 and "is installed here" in done.stderr.splitlines()[-1]


class Nothing(DataLoader):
    def __len__(self):
        return 5

    def __getitem__(self, index):
        raise AssertionError("data were read")


def pipeline_of(name, params=None):
    beside = [{"name": "MinMaxQuantization"}] if name.rpartition(".")[2] in STEPS else []
    entries = [*beside, {"name": name, "params": params or {}}]
    return create_pipeline(entries, IEEngine({}, Nothing({})))


WHOLE = ("DefaultQuantization", "AccuracyAwareQuantization", "MinMaxQuantization")
STEPS = ("ActivationChannelAlignment", "FastBiasCorrection", "BiasCorrection")
OTHERS = (
    "OverflowCorrection",
    "RangeSupervision",
    "MagnitudeSparsity",
    "WeightSparsity",
    "BaseWeightSparsity",
    "QuantizeModelFinetuning",
    "SparseModelFinetuning",
    "TunableQuantization",
    "ParamsTuningSearch",
    "ParamsGridSearchAlgorithm",
    "RangeOptimization",
    "QuantNoiseEstimator",
    "OutlierChannelSplitting",
    "WeightBiasCorrection",
    "DataFreeQuantization",
    "INT4MixedQuantization",
)


@pytest.mark.parametrize("name", WHOLE + STEPS)
def test_an_algorithm_is_done(name):
    assert pipeline_of(name).algo_seq[-1].name == name
    assert pipeline_of(f"QuantizationAlgos.{name}").algo_seq[-1].name == name


@pytest.mark.parametrize("name", OTHERS)
def test_an_algorithm_is_refused_by_name(name):
    with pytest.raises(eb.Unsupported, match=rf"{name}: [A-Z].*\.$"):
        pipeline_of(name)


ESTIMATOR = {
    "min": {"type": "quantile", "outlier_prob": 0.01, "aggregator": "mean", "clipping_value": -1}
}
SIDE = {
    "bits": 8,
    "mode": "symmetric",
    "granularity": "pertensor",
    "level_low": -128,
    "level_high": 127,
}
PARAMETERS = {
    "target_device": ["ANY", "CPU", "GPU", "NPU", "GNA", "GNA3", "GNA3.5", "CPU_SPR"],
    "preset": ["performance", "mixed", "accuracy"],
    "model_type": ["transformer", "None"],
    "stat_subset_size": [3],
    "shuffle_data": [True],
    "seed": [1],
    "use_fast_bias": [False],
    "threshold": [2.0, "inf"],
    "apply_for_all_nodes": [True],
    "saturation_fix": ["first_layer", "all", "no"],
    "ignored": [
        {"scope": ["a", ["If_1", "then", "b"]], "operations": [{"type": "Add"}]},
        {"skip_model": True},
    ],
    "range_estimator": [{"preset": "quantile"}, ESTIMATOR, {"max": ESTIMATOR["min"]}],
    "weights": [SIDE, {"range_estimator": ESTIMATOR}],
    "activations": [SIDE, {"range_estimator": ESTIMATOR}],
    "maximal_drop": [0.1],
    "drop_type": ["absolute", "relative"],
    "max_iter_num": [4],
    "ranking_subset_size": [4],
    "tune_hyperparams": [True],
    "metrics": [[{"name": "a", "type": "a", "baseline_value": 0.5}]],
    "base_algorithm": ["DefaultQuantization"],
    "recipe": ["eightbit", "pot"],
}
WITHOUT_EFFECT = {
    "stat_batch_size": 4,
    "inplace_statistics": True,
    "outputs": SIDE,
    "metric_subset_ratio": 0.5,
    "use_prev_if_drop_increase": True,
    "convert_to_mixed_preset": True,
    "annotation_conf_threshold": 0.5,
    "num_samples_for_tuning": 9,
    "batch_size": 9,
    "optimizer": "Adam",
    "loss": "l2",
    "tuning_iterations": 9,
    "random_seed": 1,
    "use_ranking_subset": True,
    "calibration_indices_pool": 9,
    "weight_decay": 0.1,
    "calculate_grads_on_loss_increase_only": True,
    "exec_log_dir": "x",
}
REFUSED_VALUES = {
    "target_device": ["VPU"],
    "use_layerwise_tuning": [True],
    "layerwise_configs": [[{"a": {}}]],
    "annotation_free": [True],
    "base_algorithm": ["MinMaxQuantization"],
    "ignored": [{"operations": [{"type": "Add", "attributes": {"axis": 1}}]}],
    "range_estimator": [{"max": {"aggregator": "hl_estimator"}}],
    "weights": [{"level_low": -3}],
}


def values(table):
    return [(key, value) for key, given in table.items() for value in given]


@pytest.mark.parametrize("key,value", values(PARAMETERS))
def test_a_parameter_has_its_effect(key, value, caplog):
    pipeline_of("AccuracyAwareQuantization", {key: value})
    assert f"params.{key}" not in caplog.text


@pytest.mark.parametrize("key", WITHOUT_EFFECT)
def test_a_parameter_without_effect_is_told(key, caplog):
    pipeline_of("AccuracyAwareQuantization", {key: WITHOUT_EFFECT[key]})
    assert f"params.{key}: " in caplog.text and "It changes nothing" in caplog.text


@pytest.mark.parametrize("key,value", values(REFUSED_VALUES))
def test_a_value_is_refused_by_name(key, value):
    with pytest.raises(eb.Unsupported, match=f"params.{key}.*\\. [A-Z]|params.{key}"):
        pipeline_of("AccuracyAwareQuantization", {key: value})


def test_members_of_a_model(tmp_path):
    image_model(tmp_path / "m.xml")
    model = load_model({"model": tmp_path / "m.xml", "weights": tmp_path / "m.bin"})
    assert model.is_cascade is False and model.name == "image_model"
    assert model.number_of_nodes() == len(model.node_labels()) > 10
    assert "conv_0" in model.node_labels().values()
    assert [node.get_type_name() for node in model.get_final_output_nodes()] == ["Result"]
    assert isinstance(model.models[0]["model"], ov.Model) and model.clean_up() is None


def test_the_command_line_from_python(build_dir, tmp_path):
    """`python -m eightbit.pot`, and app.run.app."""
    for arguments in (
        ["-m", "eightbit.pot"],
        ["-c", "from eightbit.pot.app.run import app; import sys; sys.exit(app(sys.argv[1:]))"],
    ):
        done = subprocess.run(
            [sys.executable, *arguments, "-q", "default"], capture_output=True, text=True
        )
        assert done.returncode == 2 and "--model and --weights" in done.stderr
