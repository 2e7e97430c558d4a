"""What is measured: eightbit from Python and from its command line, NNCF, and ONNX Runtime's own quantizer. Each prepares a
call and leaves out of it whatever is no part of quantization (reading the model, importing the tool); the command line's call
is all of it. What comes as an nn.Module is exported within the call, what is exported already is not."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from pathlib import Path

from cases import TARGET_RATIO, TARGET_RATIO_IN_OPENVINO, Case
from make_inputs import CALIBRATION
from runtime import channels_last, run_program, tensors

# A call returns the quantized model (openvino.Model, onnx.ModelProto, a module of PyTorch, a Keras model) or its path, what it tells about where time
# went, and the peak memory in MB of a program that it ran, if it did.
Call = Callable[[], tuple[object, dict, int]]


def eightbit(case: Case, folder: Path, samples: int = CALIBRATION) -> Call:
    return eightbit_on(case.openvino_model(), case, samples)


def eightbit_on(model, case: Case, samples: int, transform=None, **options) -> Call:
    import eightbit as eb

    data = case.calibration(samples)
    model_type = eb.ModelType.TRANSFORMER if case.transformer else None

    def call():
        report = eb.Report()
        quantized = eb.quantize(
            model,
            eb.Dataset(data, transform),
            subset_size=samples,
            model_type=model_type,
            report=report,
            **options,
        )
        return quantized, {step.step: step.seconds for step in report.steps}, 0

    return call


def eightbit_cli(case: Case, folder: Path, samples: int = CALIBRATION) -> Call:
    target = folder / "quantized.xml"
    command = [
        program(),
        "quantize",
        case.ir,
        "--data",
        case.data_path,
        "-o",
        target,
        "--force",
        "--json",
        "--subset-size",
        samples,
    ]
    if case.transformer:
        command += ["--model-type", "transformer"]

    def call():
        printed, peak = run_program(command)
        steps = json.loads(printed)["report"]["steps"]
        return target, {step["step"]: step["seconds"] for step in steps}, peak

    return call


def program() -> Path:
    """The command line program of the package that Python finds."""
    import importlib.util

    found = os.environ.get("EIGHTBIT_CLI")
    return (
        Path(found)
        if found
        else Path(importlib.util.find_spec("eightbit").origin).parent / "bin" / "eightbit"
    )


def nncf(case: Case, folder: Path, samples: int = CALIBRATION) -> Call:
    return nncf_on(case.openvino_model(), case, samples)


def nncf_on(model, case: Case, samples: int, transform=None, **options) -> Call:
    import nncf

    nncf.set_log_level(logging.ERROR)
    data = case.calibration(samples)
    if case.transformer:
        options["model_type"] = nncf.ModelType.TRANSFORMER

    def call():
        dataset = nncf.Dataset(data, transform)
        return nncf.quantize(model, dataset, subset_size=samples, **options), {}, 0

    return call


def nncf_bc(case: Case, folder: Path, samples: int = CALIBRATION) -> Call:
    return nncf_on(case.openvino_model(), case, samples, fast_bias_correction=False)


def eightbit_onnx(case: Case, folder: Path, samples: int = CALIBRATION) -> Call:
    import onnx

    return eightbit_on(onnx.load(case.onnx), case, samples)


def nncf_onnx(case: Case, folder: Path, samples: int = CALIBRATION) -> Call:
    import onnx

    return nncf_on(onnx.load(case.onnx), case, samples)


def eightbit_torch(case: Case, folder: Path, samples: int = CALIBRATION, **options) -> Call:
    import eightbit.torch  # noqa: F401

    return eightbit_on(case.torch_module(), case, samples, tensors, **options)


def eightbit_torch_openvino(case: Case, folder: Path, samples: int = CALIBRATION) -> Call:
    return eightbit_torch(case, folder, samples, engine="openvino")


def nncf_torch(case: Case, folder: Path, samples: int = CALIBRATION) -> Call:
    return nncf_on(case.torch_module(), case, samples, _as_nncf_takes(case))


def eightbit_fx(case: Case, folder: Path, samples: int = CALIBRATION, **options) -> Call:
    import eightbit.torch  # noqa: F401

    return eightbit_on(case.exported_module(), case, samples, tensors, **options)


def eightbit_fx_openvino(case: Case, folder: Path, samples: int = CALIBRATION) -> Call:
    return eightbit_fx(case, folder, samples, engine="openvino")


def nncf_fx(case: Case, folder: Path, samples: int = CALIBRATION) -> Call:
    return nncf_on(case.exported_module(), case, samples, _as_nncf_takes(case))


def _as_nncf_takes(case: Case) -> Callable[[dict], object]:
    """NNCF takes one input bare, and several as a tuple."""
    return tensors if case.transformer else lambda sample: tensors(sample)[0]


def eightbit_keras(case: Case, folder: Path, samples: int = CALIBRATION, **options) -> Call:
    import eightbit.tensorflow  # noqa: F401

    return eightbit_on(case.keras_model(), case, samples, channels_last, **options)


def eightbit_keras_openvino(case: Case, folder: Path, samples: int = CALIBRATION) -> Call:
    return eightbit_keras(case, folder, samples, engine="openvino")


def nncf_keras(case: Case, folder: Path, samples: int = CALIBRATION) -> Call:
    """NNCF takes no Keras model: the converted one."""
    import openvino as ov

    return nncf_on(ov.convert_model(case.keras_model()), case, samples, channels_last)


def onnxruntime(case: Case, folder: Path, samples: int = CALIBRATION) -> Call:
    """ONNX Runtime's own static quantizer, as its documentation has it: the model prepared, then QDQ by channel."""
    from onnxruntime import quantization

    class Reader(quantization.CalibrationDataReader):
        def __init__(self):
            self._samples = iter(case.calibration(samples))

        def get_next(self):
            return next(self._samples, None)

    prepared, target = folder / "prepared.onnx", folder / "quantized.onnx"

    def call():
        quantization.shape_inference.quant_pre_process(
            str(case.onnx), str(prepared), skip_symbolic_shape=True
        )
        quantization.quantize_static(
            str(prepared),
            str(target),
            Reader(),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
        )
        return target, {}, 0

    return call


_OPENVINO = {"eightbit": eightbit, "eightbit-cli": eightbit_cli, "nncf": nncf, "nncf-bc": nncf_bc}
_ONNXRUNTIME = {"eightbit-onnx": eightbit_onnx, "nncf-onnx": nncf_onnx, "ort": onnxruntime}
_TORCH = {
    "eightbit-torch": eightbit_torch,
    "eightbit-torch-openvino": eightbit_torch_openvino,
    "nncf-torch": nncf_torch,
}
_TORCH_COMPILE = {
    "eightbit-fx": eightbit_fx,
    "eightbit-fx-openvino": eightbit_fx_openvino,
    "nncf-fx": nncf_fx,
}
_KERAS = {
    "eightbit-keras": eightbit_keras,
    "eightbit-keras-openvino": eightbit_keras_openvino,
    "nncf-keras": nncf_keras,
}
_BY_ENGINE = {
    "openvino": _OPENVINO,
    "onnxruntime": _ONNXRUNTIME,
    "torch": _TORCH,
    "torch.compile": _TORCH_COMPILE,
    "tensorflow": _KERAS,
}
CONTENDERS = {name: make for tools in _BY_ENGINE.values() for name, make in tools.items()}
NAMES = {
    "eightbit": "eightbit",
    "eightbit-cli": "eightbit, command line",
    "nncf": "NNCF 3.4",
    "nncf-bc": "NNCF 3.4, full bias correction",
    "eightbit-onnx": "eightbit, ONNX",
    "nncf-onnx": "NNCF 3.4, ONNX",
    "ort": "ONNX Runtime's own",
    "eightbit-torch": "eightbit, nn.Module",
    "eightbit-torch-openvino": "eightbit, nn.Module measured in OpenVINO",
    "nncf-torch": "NNCF 3.4, nn.Module",
    "eightbit-fx": "eightbit, FX",
    "eightbit-fx-openvino": "eightbit, FX measured in OpenVINO",
    "nncf-fx": "NNCF 3.4, FX",
    "eightbit-keras": "eightbit, Keras",
    "eightbit-keras-openvino": "eightbit, Keras measured in OpenVINO",
    "nncf-keras": "NNCF 3.4, converted",
}


def engine_of(tool: str) -> str:
    """What runs the tool's output."""
    return next(engine for engine, tools in _BY_ENGINE.items() if tool in tools)


def target_of(tool: str, model: str) -> float | None:
    """What the tool's time may be of FP32 inference; None for models that the tool's engine is not measured with."""
    targets = TARGET_RATIO_IN_OPENVINO if tool.endswith("-openvino") else TARGET_RATIO
    return targets[engine_of(tool)].get(model)


def is_ours(tool: str) -> bool:
    return tool.startswith("eightbit")
