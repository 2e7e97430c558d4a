"""OpenVINO's choice of what is quantized, as a quantizer of torchao."""

from __future__ import annotations

from typing import Any

import torch
from torch import fx

from eightbit import _eightbit
from eightbit.external.reading import Reading
from eightbit.parameters import ModelType, QuantizationMode, QuantizationPreset, TargetDevice
from eightbit.quantization.advanced_parameters import (
    AdvancedQuantizationParameters,
    FP8QuantizationParameters,
    OverflowFix,
    QuantizationParameters,
    QuantizerPropagationRule,
)
from eightbit.quantization.options import QuantizeOptions
from eightbit.scopes import IgnoredScope, Subgraph
from eightbit.torch.engine import TorchEngine
from eightbit.torch.fx.torchao_types import (
    ANNOTATION,
    QuantizationAnnotation,
    QuantizationSpec,
    Quantizer,
    SharedQuantizationSpec,
)
from eightbit.torch.network import TorchNetwork
from eightbit.torch.writing import Form


class OpenVINOQuantizer(Quantizer):
    """Annotates an exported graph with the quantizers that eightbit.quantize would place. For quantize_pt2e, and for torchao's
    prepare_pt2e and convert_pt2e. For the parameters see eightbit.quantize."""

    def __init__(
        self,
        *,
        mode: QuantizationMode | None = None,
        preset: QuantizationPreset | None = None,
        target_device: TargetDevice = TargetDevice.ANY,
        model_type: ModelType | None = None,
        ignored_scope: IgnoredScope | None = None,
        overflow_fix: OverflowFix | None = None,
        quantize_outputs: bool = False,
        activations_quantization_params: QuantizationParameters
        | FP8QuantizationParameters
        | None = None,
        weights_quantization_params: QuantizationParameters
        | FP8QuantizationParameters
        | None = None,
        quantizer_propagation_rule: QuantizerPropagationRule = QuantizerPropagationRule.MERGE_ALL_IN_ONE,
    ):
        self.options: dict[str, Any] = {
            "mode": mode,
            "preset": preset,
            "target_device": target_device,
            "model_type": model_type,
            "ignored_scope": ignored_scope,
        }
        self.advanced = AdvancedQuantizationParameters(
            overflow_fix=overflow_fix,
            quantize_outputs=quantize_outputs,
            activations_quantization_params=activations_quantization_params,
            weights_quantization_params=weights_quantization_params,
            quantizer_propagation_rule=quantizer_propagation_rule,
        )

    def set_ignored_scope(
        self,
        names: list[str] | None = None,
        patterns: list[str] | None = None,
        types: list[str] | None = None,
        subgraphs: list[Subgraph] | None = None,
        validate: bool = True,
    ) -> None:
        """What stays in floating point; see eightbit.IgnoredScope."""
        self.options["ignored_scope"] = IgnoredScope(
            names, patterns, types, subgraphs or [], validate
        )

    def annotate(self, model: fx.GraphModule) -> fx.GraphModule:
        """Writes annotations into the meta data of the nodes, and returns the model."""
        network = TorchNetwork(model, Form.OPENVINO)
        native = _eightbit.wrap_network(network, TorchEngine())
        chosen = QuantizeOptions(**self.options, advanced_parameters=self.advanced)
        groups: dict[int, Any] = {}
        for quantizer in _eightbit.plan(native, chosen.native("annotate")).quantizers:
            _annotate(network.reading, quantizer, groups)
        return model

    def validate(self, model: fx.GraphModule) -> None:
        """Nothing to check: every annotation comes from a plan."""


def _annotate(
    reading: Reading, quantizer: _eightbit.PlannedQuantizer, groups: dict[int, Any]
) -> None:
    shared = groups.get(quantizer.group)
    for place in reading.places_of(quantizer.uses):
        source = place.get()
        if shared is None:
            spec = _spec(quantizer)
            shared = SharedQuantizationSpec((source, place.node))
            if quantizer.group >= 0:
                groups[quantizer.group] = shared
        else:
            spec = shared
        annotation = place.node.meta.setdefault(ANNOTATION, QuantizationAnnotation(_annotated=True))
        annotation.input_qspec_map[source] = spec


def _spec(quantizer: _eightbit.PlannedQuantizer) -> QuantizationSpec:
    from torchao.quantization.pt2e.observer import (
        HistogramObserver,
        MinMaxObserver,
        PerChannelMinMaxObserver,
    )

    if quantizer.weight:
        narrow = int(quantizer.narrow_range)
        axes = quantizer.channel_axes
        axis = axes[-1] if len(axes) == 1 else 0  # [G, O / G, ...] is stored as [O, ...]
        per_channel = bool(axes)
        return QuantizationSpec(
            dtype=torch.int8,
            observer_or_fake_quant_ctr=PerChannelMinMaxObserver if per_channel else MinMaxObserver,
            quant_min=-128 + narrow,
            quant_max=127,
            qscheme=torch.per_channel_symmetric if per_channel else torch.per_tensor_symmetric,
            ch_axis=axis if per_channel else None,
        )
    return QuantizationSpec(
        dtype=torch.uint8,
        observer_or_fake_quant_ctr=HistogramObserver,
        quant_min=0,
        quant_max=255,
        qscheme=torch.per_tensor_symmetric if quantizer.symmetric else torch.per_tensor_affine,
    )
