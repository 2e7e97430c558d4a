"""What a quantizer of torchao has written on the nodes of a graph, as requests to the library."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import fx

from eightbit import _eightbit
from eightbit.errors import Unsupported
from eightbit.external.reading import Reading
from eightbit.torch.fx.torchao_types import (
    ANNOTATION,
    FixedQParamsQuantizationSpec,
    QuantizationSpec,
    SharedQuantizationSpec,
)
from eightbit.torch.tensors import constant_of

Edge = tuple[fx.Node, fx.Node]  # the value and its reader
Key = Edge | fx.Node  # one reading of a value, or a value for all its readers
Storage = dict[tuple[int, int], tuple[int, torch.dtype]]


def _annotations(module: fx.GraphModule) -> Iterator[tuple[Key, Any]]:
    """Values first: what is said of a value holds for its readers."""
    annotated = [
        (node, node.meta[ANNOTATION]) for node in module.graph.nodes if ANNOTATION in node.meta
    ]
    for node, annotation in annotated:
        if annotation.output_qspec is not None:
            yield node, annotation.output_qspec
    for node, annotation in annotated:
        for source, spec in annotation.input_qspec_map.items():
            if spec is not None:
                yield (source, node), spec


class Requests:
    """The requests of an annotated graph; `storage` tells what integers activations are stored as."""

    def __init__(self, module: fx.GraphModule):
        self._module = module
        self._specs = dict(_annotations(module))
        self.storage: Storage = {}

    def __call__(self, reading: Reading) -> list[_eightbit.QuantizerRequest]:
        uses: dict[fx.Node, list[tuple[int, int]]] = {}
        for use, place in reading.places.items():
            uses.setdefault(place.get(), []).append(use)
        roots = {key: self._root(key) for key in self._specs}
        groups: dict[Key, int] = {}
        found: dict[Any, _eightbit.QuantizerRequest] = {}
        for key, root in roots.items():
            spec = self._specs.get(root)
            source = key if isinstance(key, fx.Node) else key[0]
            if not _is_integer(spec) or (source is not key and self._is_integer_value(source)):
                continue
            read = [
                use
                for use in uses.get(source, [])
                if source is key or reading.nodes[use[0]] is key[1]
            ]
            if not read:
                continue
            number = reading.value_at(read[0])
            request = found.setdefault(
                (number, root), _request(number, spec, self._is_weight(source))
            )
            if request.channel_axes == [0] and number in reading.stored_shapes:
                request.channel_axes = [0, 1]  # [O, ...] is seen as [G, O / G, ...]
            request.uses = [*request.uses, *(_eightbit.Use(*use) for use in read)]
            for use in read:
                self.storage[use] = (_range_of(spec)[0], spec.dtype)
            if sum(1 for other in roots.values() if other == root) > 1:
                request.group = groups.setdefault(root, len(groups))
        return list(found.values())

    def _is_weight(self, source: fx.Node) -> bool:
        return constant_of(self._module, source) is not None

    def _is_integer_value(self, source: fx.Node) -> bool:
        return source in self._specs and _is_integer(self._specs.get(self._root(source)))

    def _root(self, key: Key) -> Key:
        """The reading or the value whose numbers this one shares."""
        seen = set()
        while isinstance(self._specs.get(key), SharedQuantizationSpec) and key not in seen:
            seen.add(key)
            key = self._specs[key].edge_or_node
            if isinstance(key, tuple) and key not in self._specs and key[0] in self._specs:
                key = key[0]
        return key


def _is_integer(spec: Any) -> bool:
    if isinstance(spec, FixedQParamsQuantizationSpec):
        raise Unsupported(
            "[quantize_pt2e] a quantizer with fixed scale and zero point is not available. Use a quantizer whose ranges are "
            "measured."
        )
    if not isinstance(spec, QuantizationSpec) or spec.dtype not in (torch.int8, torch.uint8):
        return False  # a bias in i32 follows from the scales of its layer; floats stay
    if spec.is_dynamic:
        raise Unsupported(
            "[quantize_pt2e] dynamic quantization needs no calibration. Use a quantizer with static activations."
        )
    return True


def _range_of(spec: QuantizationSpec) -> tuple[int, int]:
    info = torch.iinfo(spec.dtype)
    low = spec.quant_min if spec.quant_min is not None else info.min
    return low, spec.quant_max if spec.quant_max is not None else info.max


def _request(number: int, spec: QuantizationSpec, weight: bool) -> _eightbit.QuantizerRequest:
    low, high = _range_of(spec)
    request = _eightbit.QuantizerRequest()
    request.value = number
    request.weight = weight
    request.bits = (
        (high - low + 1).bit_length()
        if (high - low) % 2 == 0
        else (high - low + 1).bit_length() - 1
    )
    request.narrow_range = (high - low) % 2 == 0  # 255 levels, not 256
    request.symmetric = spec.qscheme in (torch.per_tensor_symmetric, torch.per_channel_symmetric)
    if request.symmetric:
        request.is_signed = True  # torchao's symmetric ranges hold both signs
    if spec.qscheme in (torch.per_channel_symmetric, torch.per_channel_affine):
        request.channel_axes = [spec.ch_axis or 0]
    return request
