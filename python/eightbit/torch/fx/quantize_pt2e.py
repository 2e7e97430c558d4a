"""quantize_pt2e(): any quantizer of torchao, with eightbit's calibration."""

from __future__ import annotations

from torch import fx

from eightbit import _eightbit
from eightbit._models import from_native_model
from eightbit._run import ProgressCallback
from eightbit.data.dataset import Dataset
from eightbit.errors import InvalidArgument
from eightbit.external.samples import Samples
from eightbit.parameters import ModelType
from eightbit.quantization.advanced_parameters import (
    AdvancedBiasCorrectionParameters,
    AdvancedQuantizationParameters,
    AdvancedSmoothQuantParameters,
)
from eightbit.quantization.options import QuantizeOptions
from eightbit.quantization.quantize_model import quantize
from eightbit.quantization.range_estimator import RangeEstimatorParameters
from eightbit.torch.capture import capture, is_exported
from eightbit.torch.engine import TorchEngine
from eightbit.torch.fx.annotations import Requests
from eightbit.torch.fx.openvino_quantizer import OpenVINOQuantizer
from eightbit.torch.fx.torchao_types import Quantizer
from eightbit.torch.network import TorchNetwork
from eightbit.torch.writing import Form


def quantize_pt2e(
    model: fx.GraphModule,
    quantizer: Quantizer,
    calibration_dataset: Dataset,
    subset_size: int = 300,
    fast_bias_correction: bool | None = True,
    smooth_quant: bool = False,
    bias_correction_params: AdvancedBiasCorrectionParameters | None = None,
    smooth_quant_params: AdvancedSmoothQuantParameters | None = None,
    activations_range_estimator_params: RangeEstimatorParameters | None = None,
    weights_range_estimator_params: RangeEstimatorParameters | None = None,
    batchwise_statistics: bool | None = None,
    fold_quantize: bool = True,
    do_copy: bool = False,
    *,
    threads: int = 0,
    progress: ProgressCallback | None = None,
    report: _eightbit.Report | None = None,
) -> fx.GraphModule:
    """A new graph with quantize and dequantize ops where `quantizer` wants them.

    model: what torch.export.export(...).module() returns. It does not change, whatever `do_copy`.
    quantizer: eightbit's OpenVINOQuantizer or one of torchao (X86InductorQuantizer, XNNPACKQuantizer, ...), whose choice of
        places, types, ranges of integers and shared scales is honoured; the scales are found by eightbit.
    calibration_dataset: an eightbit.Dataset.
    subset_size: how many samples are used, at least 1. Each item of a batch is a sample.
    fast_bias_correction: None leaves bias correction out; for True and False see eightbit.quantize.
    smooth_quant: moves spread of activations into weights, as for transformers.
    fold_quantize: True stores weights as integers, False rounds float weights in the graph.
    The other parameters: see eightbit.AdvancedQuantizationParameters and eightbit.quantize.

    Raises InvalidArgument for a model that is not exported, and the errors of eightbit.quantize.
    """
    if not is_exported(model):
        raise InvalidArgument(
            f"[quantize_pt2e] model is a {type(model).__name__}. Pass torch.export.export(model, example_inputs).module()."
        )
    if not isinstance(calibration_dataset, Dataset):
        raise InvalidArgument(
            f"[quantize_pt2e] calibration_dataset is a {type(calibration_dataset).__name__}. Pass eightbit.Dataset(data)."
        )
    own = (
        quantizer.advanced
        if isinstance(quantizer, OpenVINOQuantizer)
        else AdvancedQuantizationParameters()
    )
    advanced = _advanced(own, fast_bias_correction, fold_quantize, batchwise_statistics)
    for name, value in (
        ("bias_correction_params", bias_correction_params),
        ("smooth_quant_alphas", smooth_quant_params),
        ("activations_range_estimator_params", activations_range_estimator_params),
        ("weights_range_estimator_params", weights_range_estimator_params),
    ):
        if value is not None:
            setattr(advanced, name, value)
    run = {"threads": threads, "progress": progress, "report": report}
    common = {"subset_size": subset_size, "fast_bias_correction": fast_bias_correction is not False}
    if isinstance(quantizer, OpenVINOQuantizer):
        chosen = dict(quantizer.options)
        if smooth_quant and chosen["model_type"] is None:
            chosen["model_type"] = ModelType.TRANSFORMER
        return quantize(
            model, calibration_dataset, advanced_parameters=advanced, **chosen, **common, **run
        )
    return _quantize_annotated(
        model, quantizer, calibration_dataset, smooth_quant, advanced, common, run
    )


def _advanced(
    own, fast_bias_correction, fold_quantize, batchwise_statistics
) -> AdvancedQuantizationParameters:
    from dataclasses import replace

    return replace(
        own,
        disable_bias_correction=fast_bias_correction is None,
        batchwise_statistics=batchwise_statistics,
        backend_params={"compress_weights": bool(fold_quantize)},
    )


def _quantize_annotated(
    model, quantizer, data, smooth_quant, advanced, common, run
) -> fx.GraphModule:
    captured = capture(model, None)
    captured = quantizer.transform_for_annotation(captured)
    quantizer.annotate(captured)
    quantizer.validate(captured)
    requests = Requests(captured)
    network = TorchNetwork(captured, Form.DEQUANTIZED, requests)
    network.storage = requests.storage
    source = Samples(data).native(network.flatten)
    chosen = QuantizeOptions(
        model_type=ModelType.TRANSFORMER if smooth_quant else None,
        advanced_parameters=advanced,
        **common,
        **run,
    )
    with chosen.run("quantize_pt2e") as native_run:
        options = chosen.native("quantize_pt2e")
        native = _eightbit.wrap_network(network, TorchEngine())
        return from_native_model(_eightbit.quantize(native, source, options, native_run))
