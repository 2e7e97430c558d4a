"""What stands on the edges of a quantized OpenVINO model, whoever quantized it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import openvino as ov


@dataclass
class Quantizer:
    """One FakeQuantize of the chain in front of an input."""

    levels: int
    shape: tuple[int, ...]
    low: np.ndarray
    high: np.ndarray

    def kind(self) -> str:
        channels = "" if int(np.prod(self.shape)) == 1 else f" per channel {list(self.shape)}"
        return f"{self.levels} levels{channels}"


@dataclass
class Edge:
    """What an op reads on one input: a value, perhaps scaled by smooth quantization, quantized."""

    source: str
    scale: np.ndarray | None
    quantizers: list[Quantizer]

    def kind(self) -> str:
        chain = ", then ".join(q.kind() for q in self.quantizers)
        return f"{self.source}{' scaled' if self.scale is not None else ''}: {chain}"


def edges_of(model: ov.Model) -> dict[str, Edge]:
    """The quantized inputs of all ops, by "op:port"."""
    edges = {}
    for node in model.get_ordered_ops():
        if _is_quantizer(node) or _is_scale(node):
            continue
        for port in node.inputs():
            edge = _edge(port.get_source_output())
            if edge.quantizers:
                edges[f"{node.get_friendly_name()}:{port.get_index()}"] = edge
    return edges


def scales_of(model: ov.Model) -> dict[str, np.ndarray]:
    """The factors of smooth quantization, by the input they stand in front of."""
    return {use: edge.scale for use, edge in edges_of(model).items() if edge.scale is not None}


def _edge(output: ov.Output) -> Edge:
    quantizers = []
    while _is_quantizer(output.get_node()):
        node = output.get_node()
        quantizers.insert(0, _quantizer(node))
        output = node.input_value(0)
    scale = None
    if _is_scale(output.get_node()):
        factor = output.get_node().input_value(1).get_node()
        scale = _values(factor).ravel()
        output = output.get_node().input_value(0)
    return Edge(_source(output), scale, quantizers)


def _source(output: ov.Output) -> str:
    node = output.get_node()
    while node.get_type_name() in ("Convert", "Reshape") and not _reads_activation(node):
        node = node.input_value(0).get_node()
    if node.get_type_name() == "Constant":
        return "constant"
    name = node.get_friendly_name().removesuffix("/zero_point")  # counts as part of the layer
    return f"{name}:{output.get_index()}"


def _reads_activation(node: ov.Node) -> bool:
    source = node.input_value(0).get_node()
    return source.get_type_name() not in ("Constant", "Convert", "Reshape")


def _is_quantizer(node: ov.Node) -> bool:
    return node.get_type_name() == "FakeQuantize"


def _is_scale(node: ov.Node) -> bool:
    name = node.get_friendly_name()
    return node.get_type_name() == "Multiply" and (
        name.endswith("nncf_smooth_quant") or name.endswith("/scale")
    )


def _quantizer(node: ov.Node) -> Quantizer:
    low, high = (_one_if_equal(_values(node.input_value(i).get_node())) for i in (1, 2))
    return Quantizer(node.get_attributes()["levels"], low.shape, low.ravel(), high.ravel())


def _one_if_equal(ends: np.ndarray) -> np.ndarray:
    """Behind a padded convolution eightbit moves one channel's end by 1e-5 of it, for the runtime's kernel."""
    first = ends.ravel()[:1]
    if ends.size == 1 or np.max(np.abs(ends - first)) > 2e-5 * abs(first[0]):
        return ends
    return ends.ravel()[-1:].reshape([1] * ends.ndim)


def _values(node: ov.Node) -> np.ndarray:
    if node.get_type_name() == "Convert":
        node = node.input_value(0).get_node()
    return np.asarray(node.data, dtype=np.float32)
