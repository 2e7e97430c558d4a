"""Names, defaults and values that scripts written for nncf rely on."""

import dataclasses
import importlib
import inspect
import subprocess
import sys

import eightbit as eb
import pytest

ENUMS = {
    "TargetDevice": {"ANY": "ANY", "CPU": "CPU", "GPU": "GPU", "NPU": "NPU", "CPU_SPR": "CPU_SPR",
                     "GNA": "GNA", "GNA3": "GNA3", "GNA3_5": "GNA3.5"},
    "ModelType": {"TRANSFORMER": "transformer"},
    "QuantizationPreset": {"PERFORMANCE": "performance", "MIXED": "mixed"},
    "QuantizationMode": {"FP8_E4M3": "fp8_e4m3", "FP8_E5M2": "fp8_e5m2"},
    "DropType": {"ABSOLUTE": "absolute", "RELATIVE": "relative"},
    "RestoreMode": {
        "ACTIVATIONS_AND_WEIGHTS": "activations_and_weights", "ONLY_ACTIVATIONS": "only_activations",
    },
    "OverflowFix": {"ENABLE": "enable", "FIRST_LAYER": "first_layer_only", "DISABLE": "disable"},
    "FP8Type": {"E4M3": "f8e4m3", "E5M2": "f8e5m2"},
    "StatisticsType": {
        "MAX": "max", "MIN": "min", "ABS_MAX": "abs_max", "QUANTILE": "quantile",
        "ABS_QUANTILE": "abs_quantile", "MEAN": "mean", "RAW": "raw",
    },
    "AggregatorType": {
        "MEAN": "mean", "MAX": "max", "MIN": "min", "MEDIAN": "median",
        "MEAN_NO_OUTLIERS": "mean_no_outliers", "MEDIAN_NO_OUTLIERS": "median_no_outliers",
        "HISTOGRAM": "histogram",
    },
}  # fmt: skip

DEFAULTS = {
    "IgnoredScope": {"names": [], "patterns": [], "types": [], "subgraphs": [], "validate": True},
    "Subgraph": {"inputs": [], "outputs": []},
    "QuantizationParameters": dict.fromkeys(
        ("num_bits", "mode", "signedness_to_force", "per_channel", "narrow_range")
    ),
    "FP8QuantizationParameters": {"destination_type": None},
    "StatisticsCollectorParameters": {
        "statistics_type": None, "aggregator_type": None, "clipping_value": None,
        "quantile_outlier_prob": 1e-4,
    },
    "AdvancedBiasCorrectionParameters": {"apply_for_all_nodes": False, "threshold": None},
    "AdvancedSmoothQuantParameters": {"convolution": None, "matmul": None},  # NNCF: -1, None
    "AdvancedAccuracyRestorerParameters": {
        "max_num_iterations": sys.maxsize, "tune_hyperparams": False, "ranking_subset_size": None,
        "num_ranking_workers": None, "intermediate_model_dir": None,
        "restore_mode": eb.RestoreMode.ACTIVATIONS_AND_WEIGHTS,
    },
    "AdvancedQuantizationParameters": {
        "overflow_fix": None, "quantize_outputs": False, "inplace_statistics": True,
        "disable_channel_alignment": True, "disable_bias_correction": False,
        "batchwise_statistics": None, "activations_quantization_params": None,
        "weights_quantization_params": None,
        "quantizer_propagation_rule": eb.QuantizerPropagationRule.MERGE_ALL_IN_ONE,
        "activations_range_estimator_params": eb.RangeEstimatorParameters(),
        "weights_range_estimator_params": eb.RangeEstimatorParameters(),
        "bias_correction_params": eb.AdvancedBiasCorrectionParameters(),
        "smooth_quant_alphas": eb.AdvancedSmoothQuantParameters(),
        "smooth_quant_alpha": None, "backend_params": {},
    },
}  # fmt: skip


@pytest.mark.parametrize("name", ENUMS)
def test_enum_members(name):
    enum = getattr(eb, name)
    assert {member.name: member.value for member in enum} == ENUMS[name]


@pytest.mark.parametrize("name", DEFAULTS)
def test_dataclass_fields_and_defaults(name):
    options = getattr(eb, name)()
    values = {field.name: getattr(options, field.name) for field in dataclasses.fields(options)}
    assert values == DEFAULTS[name]


def test_transformer_has_both_spellings():
    assert eb.ModelType.Transformer is eb.ModelType.TRANSFORMER


def test_ready_made_range_estimators():
    chosen = eb.RangeEstimatorParametersSet.MEAN_MINMAX
    assert chosen.min.statistics_type is eb.StatisticsType.MIN
    assert chosen.max.aggregator_type is eb.AggregatorType.MEAN
    names = [name for name in vars(eb.RangeEstimatorParametersSet) if name[0] != "_"]
    assert sorted(names) == [
        "HISTOGRAM", "MEAN_MINMAX", "MEAN_NO_OUTLIERS_MINMAX", "MEAN_QUANTILE", "MEDIAN_MINMAX", "MINMAX",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("parameters", ["TargetDevice", "ModelType", "DropType", "QuantizationMode"]),
        ("scopes", ["IgnoredScope", "Subgraph"]),
        ("data", ["Dataset"]),
        ("errors", ["ValidationError", "UnsupportedBackendError", "ParameterNotSupportedError", "InternalError"]),
        ("quantization", ["QuantizationPreset", "quantize"]),
        ("quantization.quantize_model", ["quantize"]),
        ("quantization.advanced_parameters", [
            "AdvancedQuantizationParameters", "AdvancedSmoothQuantParameters", "AdvancedBiasCorrectionParameters",
            "OverflowFix", "FP8QuantizationParameters", "QuantizationParameters", "RangeEstimatorParameters",
        ]),
        ("quantization.range_estimator", [
            "RangeEstimatorParametersSet", "StatisticsCollectorParameters", "StatisticsType", "AggregatorType",
        ]),
        ("common.quantization.structs", ["QuantizationPreset", "QuantizationScheme"]),
    ],
)  # fmt: skip
def test_module_paths_of_nncf(module, names):
    found = importlib.import_module(f"eightbit.{module}")
    for name in names:
        assert getattr(found, name) is getattr(eb, name, getattr(found, name))


def test_names_of_nncf_exist_with_the_same_values():
    nncf = pytest.importorskip("nncf")
    for name in (
        "TargetDevice",
        "ModelType",
        "QuantizationPreset",
        "QuantizationMode",
        "DropType",
        "OverflowFix",
    ):
        theirs = {member.name: member.value for member in getattr(nncf, name)}
        # devices that only POT knew
        beyond = {n: v for n, v in ENUMS[name].items() if n.startswith("GNA")}
        assert theirs | beyond == {member.name: member.value for member in getattr(eb, name)}
    theirs = {field.name for field in dataclasses.fields(nncf.AdvancedQuantizationParameters)}
    assert theirs <= {field.name for field in dataclasses.fields(eb.AdvancedQuantizationParameters)}


def verbs():
    from eightbit.quantization import accuracy_control, options

    return [
        (eb.quantize, options.QuantizeKeywords, options.QuantizeOptions),
        (eb.plan, options.PlanKeywords, options.QuantizeOptions),
        (eb.tune, options.TuneKeywords, options.QuantizeOptions),
        (
            eb.quantize_with_accuracy_control,
            accuracy_control.AccuracyKeywords,
            accuracy_control.AccuracyOptions,
        ),
    ]


def test_keywords_of_verbs_are_fields_with_the_defaults_that_help_shows():
    for verb, keywords, options in verbs():
        fields = {field.name: field.default for field in dataclasses.fields(options)}
        shown = {
            name: parameter.default
            for name, parameter in inspect.signature(verb).parameters.items()
            if parameter.kind is parameter.KEYWORD_ONLY
        }
        taken = {name: fields[name] for name in keywords.__annotations__}
        assert taken.items() <= shown.items(), verb.__name__
        assert set(shown) - set(taken) <= {"result"}, verb.__name__
        assert not any(
            parameter.kind is parameter.VAR_KEYWORD
            for parameter in inspect.signature(verb).parameters.values()
        )


def test_quantize_takes_all_options():
    verb, keywords, options = verbs()[0]
    assert set(keywords.__annotations__) == {field.name for field in dataclasses.fields(options)}


def test_a_keyword_that_is_none_is_a_type_error():
    for verb, *_ in verbs():
        with pytest.raises(TypeError, match=rf"{verb.__name__}\(\) .*'presets'"):
            verb(None, None, None, None, presets="mixed")


def test_one_string_is_a_list_of_one():
    scope = eb.IgnoredScope(names="a", patterns=".*layer_.*", types=("MatMul", "Add"))
    assert (scope.names, scope.patterns, scope.types) == (["a"], [".*layer_.*"], ["MatMul", "Add"])
    assert eb.Subgraph(inputs="x", outputs="y") == eb.Subgraph(inputs=["x"], outputs=["y"])


def test_all_names_that_are_promised_exist_and_have_docs():
    for name in eb.__all__:
        assert getattr(eb, name).__doc__ or not callable(getattr(eb, name)), name


def test_importing_needs_no_framework():
    code = (
        "import sys, eightbit; "
        "print(sorted({n.split('.')[0] for n in sys.modules} & {'torch','onnx','nncf','tensorflow','openvino'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert done.stderr == ""


def test_error_classes():
    for name, bases in {
        "InvalidArgument": (ValueError, eb.ValidationError, eb.ParameterNotSupportedError),
        "DataError": (ValueError, eb.ValidationError),
        "FileError": (OSError,),
        "Unsupported": (NotImplementedError, eb.ParameterNotSupportedError),
        "UnsupportedBackendError": (eb.Unsupported,),
        "ModelError": (ValueError,),
        "InternalError": (RuntimeError,),
    }.items():
        for base in (*bases, eb.Error):
            assert issubclass(getattr(eb, name), base), (name, base)


def test_type_stubs_are_complete():
    """Everything public in the extension module is in its stub file."""
    from pathlib import Path

    from eightbit import _eightbit

    stub = Path(_eightbit.__file__).with_name("_eightbit.pyi").read_text()
    for name in dir(_eightbit):
        if not name.startswith("_"):
            assert f"class {name}" in stub or f"def {name}" in stub, name
    assert Path(_eightbit.__file__).with_name("py.typed").exists()
