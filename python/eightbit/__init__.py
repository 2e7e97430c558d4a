"""Post-training quantization to 8 bits: a trained model in, a model that runs in 8 bits out.

    import eightbit as eb

    quantized = eb.quantize(model, eb.Dataset(loader, transform_fn), preset=eb.QuantizationPreset.MIXED)

The names of functions, options and their values are those that users of nncf.quantize know.
"""

from importlib import import_module

from eightbit import parameters
from eightbit._eightbit import (
    AccuracyResult,
    BenchmarkRow,
    CompareResult,
    GroupReport,
    Inspection,
    LayerDifference,
    LayerInfo,
    LayerReport,
    ModelReport,
    PlanPreview,
    QuantizationRecipe,
    Report,
    Statistics,
    StepTime,
    TrialOutput,
    TrialReport,
    TrialRun,
    TuneResult,
    TuneTrial,
    UnfusedPair,
)
from eightbit._eightbit import version as _version
from eightbit._graph import GraphNode, ModelGraph, build_graph
from eightbit._logging import disable_logging, set_log_level
from eightbit._logging import logger as nncf_logger
from eightbit._openvino import look_for_openvino
from eightbit.analysis import benchmark, compare, inspect, report
from eightbit.data import Dataset, open_files, open_texts
from eightbit.errors import (
    AccuracyNotReached,
    BufferFullError,
    DataError,
    Error,
    FileError,
    InstallationError,
    InternalError,
    Interrupted,
    InvalidArgument,
    InvalidCollectorTypeError,
    InvalidGroupSizeError,
    InvalidPathError,
    InvalidQuantizerGroupError,
    ModelError,
    ModuleNotFoundError,
    ParameterNotSupportedError,
    StatisticsCacheError,
    UnknownDatasetError,
    Unsupported,
    UnsupportedBackendError,
    UnsupportedDatasetError,
    UnsupportedModelError,
    UnsupportedVersionError,
    ValidationError,
)
from eightbit.executors import ray_executor
from eightbit.observing import Observation, Observer, observe
from eightbit.parameters import *  # noqa: F403
from eightbit.quantization.accuracy_control import quantize_with_accuracy_control
from eightbit.quantization.advanced_parameters import (
    AdvancedAccuracyRestorerParameters,
    AdvancedBiasCorrectionParameters,
    AdvancedQuantizationParameters,
    AdvancedSmoothQuantParameters,
    FP8QuantizationParameters,
    FP8Type,
    OverflowFix,
    QuantizationParameters,
    QuantizerPropagationRule,
    RestoreMode,
)
from eightbit.quantization.quantize_model import calibrate, plan, quantize, tune
from eightbit.quantization.range_estimator import (
    AggregatorType,
    RangeEstimatorParameters,
    RangeEstimatorParametersSet,
    StatisticsCollectorParameters,
    StatisticsType,
)
from eightbit.scopes import IgnoredScope, Subgraph
from eightbit.stripping import strip

look_for_openvino()

__version__ = _version()


def __getattr__(name: str) -> object:
    """`eightbit.torch` and `eightbit.tensorflow` are there for those who have these, and cost others nothing."""
    if name in ("torch", "tensorflow"):
        return import_module(f"eightbit.{name}")
    raise AttributeError(f"module 'eightbit' has no attribute '{name}'")


__all__ = [
    "BufferFullError",
    "InstallationError",
    "InvalidCollectorTypeError",
    "InvalidGroupSizeError",
    "InvalidPathError",
    "InvalidQuantizerGroupError",
    "ModuleNotFoundError",
    "StatisticsCacheError",
    "UnknownDatasetError",
    "UnsupportedDatasetError",
    "UnsupportedModelError",
    "UnsupportedVersionError",
    "build_graph",
    "disable_logging",
    "GraphNode",
    "ModelGraph",
    "nncf_logger",
    "AccuracyNotReached",
    "AccuracyResult",
    "AdvancedAccuracyRestorerParameters",
    "AdvancedBiasCorrectionParameters",
    "AdvancedQuantizationParameters",
    "AdvancedSmoothQuantParameters",
    "AggregatorType",
    "benchmark",
    "BenchmarkRow",
    "calibrate",
    "compare",
    "CompareResult",
    "DataError",
    "Dataset",
    "Error",
    "FileError",
    "FP8QuantizationParameters",
    "FP8Type",
    "GroupReport",
    "IgnoredScope",
    "inspect",
    "Inspection",
    "InternalError",
    "Interrupted",
    "InvalidArgument",
    "LayerDifference",
    "LayerInfo",
    "LayerReport",
    "ModelError",
    "ModelReport",
    "Observation",
    "observe",
    "Observer",
    "open_files",
    "open_texts",
    "OverflowFix",
    "ParameterNotSupportedError",
    "plan",
    "PlanPreview",
    "ray_executor",
    "QuantizationParameters",
    "QuantizationRecipe",
    "quantize",
    "quantize_with_accuracy_control",
    "QuantizerPropagationRule",
    "RangeEstimatorParameters",
    "RangeEstimatorParametersSet",
    "Report",
    "report",
    "RestoreMode",
    "set_log_level",
    "strip",
    "Statistics",
    "StatisticsCollectorParameters",
    "StatisticsType",
    "StepTime",
    "Subgraph",
    "TrialOutput",
    "TrialRun",
    "Unsupported",
    "TrialReport",
    "tune",
    "TuneResult",
    "TuneTrial",
    "UnfusedPair",
    "UnsupportedBackendError",
    "ValidationError",
]
__all__ += parameters.__all__
