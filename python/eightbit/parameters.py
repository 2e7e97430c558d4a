"""The choices that most callers make. Each member's value is its name in JSON and on the command line."""

from enum import StrEnum

# What `import eightbit` offers of them.
__all__ = [
    "DropType",
    "Engine",
    "ModelType",
    "OnFailure",
    "PlacementMode",
    "QuantizationMode",
    "QuantizationPreset",
    "QuantizationScheme",
    "Recipe",
    "StripFormat",
    "TargetDevice",
    "WeightRounding",
]


class TargetDevice(StrEnum):
    """The device whose INT8 kernels the quantizers must suit. ANY is the same as CPU. GNA, GNA3, GNA3.5: 16-bit activations, and
    weights of 8 bits with the preset PERFORMANCE where the device has them; no current OpenVINO has their plug-in."""

    ANY = "ANY"
    CPU = "CPU"
    GPU = "GPU"
    NPU = "NPU"
    CPU_SPR = "CPU_SPR"
    GNA = "GNA"
    GNA3 = "GNA3"
    GNA3_5 = "GNA3.5"


class ModelType(StrEnum):
    """What kind of network the model is. TRANSFORMER: attention, so SmoothQuant and a stricter choice of layers."""

    TRANSFORMER = "transformer"
    Transformer = "transformer"


class QuantizationMode(StrEnum):
    """Instead of INT8: 8-bit floating point with 3 or 2 bits of mantissa."""

    FP8_E4M3 = "fp8_e4m3"
    FP8_E5M2 = "fp8_e5m2"


class QuantizationPreset(StrEnum):
    """PERFORMANCE: symmetric activations. MIXED: asymmetric activations. Weights are symmetric in both."""

    PERFORMANCE = "performance"
    MIXED = "mixed"


class QuantizationScheme(StrEnum):
    """SYMMETRIC: zero is in the middle of the range. ASYMMETRIC: the range begins where the data does."""

    SYMMETRIC = "symmetric"
    ASYMMETRIC = "asymmetric"


class DropType(StrEnum):
    """How a loss of accuracy is measured: metric points, or their share of the float model's metric."""

    ABSOLUTE = "absolute"
    RELATIVE = "relative"


class OnFailure(StrEnum):
    """What happens when the accuracy asked for is not reached: AccuracyNotReached, or the best model all the same."""

    RAISE = "raise"
    RETURN = "return"


class Engine(StrEnum):
    """What reads and runs a model. AUTO: the engine of its format, so ONNX models stay ONNX models."""

    AUTO = "auto"
    OPENVINO = "openvino"
    ONNXRUNTIME = "onnxruntime"


class WeightRounding(StrEnum):
    """NEAREST: each weight to its nearest level. ADAPTIVE: what rounding one weight does to an output, others make good."""

    NEAREST = "nearest"
    ADAPTIVE = "adaptive"


class PlacementMode(StrEnum):
    """RULES: what the target's kernels can do. MEASURED: and of that what pays on this machine, by the runtime's times."""

    RULES = "rules"
    MEASURED = "measured"


class StripFormat(StrEnum):
    """What is left of quantizers: NATIVE torch's fake-quantize ops, DQ int8 weights behind dequantize ops, IN_PLACE rounded
    float weights."""

    NATIVE = "native"
    DQ = "dequantize"
    IN_PLACE = "in_place"


class Recipe(StrEnum):
    """EIGHTBIT: the best known defaults of this project. NNCF: the formulas and defaults of nncf.quantize 3.4."""

    EIGHTBIT = "eightbit"
    NNCF = "nncf"
