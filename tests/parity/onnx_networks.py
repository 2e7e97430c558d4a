"""Families of networks as ONNX models with seeded random weights; OpenVINO reads the same files."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class OnnxNet:
    """Puts nodes one behind the other; every method returns the name of a tensor."""

    def __init__(self, seed: int):
        self._random = np.random.default_rng(seed)
        self._nodes, self._constants, self._inputs = [], [], []

    def input(self, *shape: int) -> str:
        name = f"input{len(self._inputs)}"
        self._inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        return name

    def constant(self, array) -> str:
        name = f"constant{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def weight(self, *shape: int) -> str:
        scale = np.sqrt(2 / np.prod(shape[1:]))
        return self.constant(self._random.normal(0, scale, shape).astype(np.float32))

    def bias(self, size: int) -> str:
        return self.constant(self._random.normal(0, 0.1, size).astype(np.float32))

    def op(self, kind: str, *inputs: str, outputs: int = 1, **attributes) -> str | list[str]:
        name = f"{kind}{len(self._nodes)}"
        names = [f"{name}_{i}" if outputs > 1 else f"{name}_out" for i in range(outputs)]
        self._nodes.append(helper.make_node(kind, list(inputs), names, name, **attributes))
        return names if outputs > 1 else names[0]

    def conv(
        self, x: str, inputs: int, outputs: int, size: int = 3, stride: int = 1, groups: int = 1
    ) -> str:
        weight = self.weight(outputs, inputs // groups, size, size)
        pads = [size // 2] * 4
        return self.op(
            "Conv", x, weight, self.bias(outputs), pads=pads, strides=[stride] * 2, group=groups
        )

    def linear(self, x: str, inputs: int, outputs: int) -> str:
        weight = self._random.normal(0, np.sqrt(1 / inputs), (inputs, outputs)).astype(np.float32)
        return self.op("Add", self.op("MatMul", x, self.constant(weight)), self.bias(outputs))

    def relu6(self, x: str) -> str:
        return self.op("Clip", x, self.constant(np.float32(0)), self.constant(np.float32(6)))

    def head(self, x: str, channels: int) -> str:
        pooled = self.op("Flatten", self.op("GlobalAveragePool", x))
        return self.op("Gemm", pooled, self.weight(10, channels), self.bias(10), transB=1)

    def model(self, outputs: list[str]) -> onnx.ModelProto:
        values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
        graph = helper.make_graph(self._nodes, "network", self._inputs, values, self._constants)
        opset = helper.make_opsetid("", 17)
        return onnx.shape_inference.infer_shapes(
            helper.make_model(graph, opset_imports=[opset], ir_version=8)
        )


def plain(net: OnnxNet):
    x = net.op("Relu", net.conv(net.input(1, 3, 32, 32), 3, 8))
    x = net.op("MaxPool", net.op("Relu", net.conv(x, 8, 16)), kernel_shape=[2, 2], strides=[2, 2])
    return [net.head(net.op("Relu", net.conv(x, 16, 16)), 16)]


def residual(net: OnnxNet):
    x = net.op("Relu", net.conv(net.input(1, 3, 32, 32), 3, 8, stride=2))
    for _ in range(2):
        inner = net.conv(net.op("Relu", net.conv(x, 8, 8)), 8, 8)
        x = net.op("Relu", net.op("Add", inner, x))
    return [net.head(x, 8)]


def inverted_residual(net: OnnxNet):
    x = net.relu6(net.conv(net.input(1, 3, 32, 32), 3, 8, stride=2))
    for _ in range(2):
        inner = net.relu6(net.conv(x, 8, 24, size=1))
        inner = net.relu6(net.conv(inner, 24, 24, groups=24))
        x = net.op("Add", net.conv(inner, 24, 8, size=1), x)
    return [net.head(x, 8)]


def squeeze_excite(net: OnnxNet):
    x = net.op("Relu", net.conv(net.input(1, 3, 32, 32), 3, 8, stride=2))
    for _ in range(2):
        inner = net.op("Relu", net.conv(x, 8, 16, size=1))
        gate = net.op("Relu", net.conv(net.op("GlobalAveragePool", inner), 16, 4, size=1))
        gate = net.op("Sigmoid", net.conv(gate, 4, 16, size=1))
        x = net.op("Add", net.conv(net.op("Mul", inner, gate), 16, 8, size=1), x)
    return [net.head(x, 8)]


def dense(net: OnnxNet):
    x, channels = net.op("Relu", net.conv(net.input(1, 3, 16, 16), 3, 8)), 8
    for _ in range(3):
        x = net.op("Concat", x, net.op("Relu", net.conv(x, channels, 8)), axis=1)
        channels += 8
    return [net.head(x, channels)]


def encoder(net: OnnxNet):
    x = net.linear(net.input(1, 12, 16), 16, 32)
    shape, scale = net.constant(np.array([1, 12, 4, 8])), net.constant(np.float32(8**-0.5))
    q, k, v = (net.op("Reshape", net.linear(x, 32, 32), shape) for _ in range(3))
    q, v = (net.op("Transpose", t, perm=[0, 2, 1, 3]) for t in (q, v))
    scores = net.op("MatMul", net.op("Mul", q, scale), net.op("Transpose", k, perm=[0, 2, 3, 1]))
    mixed = net.op("MatMul", net.op("Softmax", scores, axis=-1), v)
    mixed = net.op(
        "Reshape",
        net.op("Transpose", mixed, perm=[0, 2, 1, 3]),
        net.constant(np.array([1, 12, 32])),
    )
    x = net.op("Add", net.linear(mixed, 32, 32), x)
    return [net.linear(net.op("Relu", net.linear(x, 32, 64)), 64, 32)]


def lstm(net: OnnxNet):
    x = net.input(10, 1, 8)
    bias = net.constant(np.zeros((1, 128), np.float32))
    y, _, _ = net.op(
        "LSTM", x, net.weight(1, 64, 8), net.weight(1, 64, 16), bias, outputs=3, hidden_size=16
    )
    return [net.linear(net.op("Squeeze", y, net.constant(np.array([1]))), 16, 8)]


def u_net(net: OnnxNet):
    top = net.op("Relu", net.conv(net.input(1, 3, 16, 16), 3, 8))
    low = net.op(
        "Relu", net.conv(net.op("MaxPool", top, kernel_shape=[2, 2], strides=[2, 2]), 8, 16)
    )
    scales = net.constant(np.array([1, 1, 2, 2], np.float32))
    up = net.op(
        "Resize",
        low,
        "",
        scales,
        mode="nearest",
        nearest_mode="floor",
        coordinate_transformation_mode="asymmetric",
    )
    x = net.op("Relu", net.conv(net.op("Concat", up, top, axis=1), 24, 8))
    return [net.conv(x, 8, 2, size=1)]


def detector(net: OnnxNet):
    x = net.op("Relu", net.conv(net.input(1, 3, 16, 16), 3, 8, stride=2))
    rows = net.constant(np.array([1, -1, 4]))
    boxes = net.op("Reshape", net.op("Transpose", net.conv(x, 8, 8), perm=[0, 2, 3, 1]), rows)
    scores = net.op(
        "Reshape", net.op("Sigmoid", net.conv(x, 8, 4)), net.constant(np.array([1, 2, -1]))
    )
    limits = (
        net.constant(np.array([10])),
        net.constant(np.float32(0.5)),
        net.constant(np.float32(0.1)),
    )
    chosen = net.op("NonMaxSuppression", boxes, scores, *limits)
    return [boxes, scores, net.op("Cast", chosen, to=TensorProto.FLOAT)]


def transposed(net: OnnxNet):
    x = net.op("Relu", net.conv(net.input(1, 3, 16, 16), 3, 8, stride=2))
    x = net.op("ConvTranspose", x, net.weight(8, 8, 2, 2), net.bias(8), strides=[2, 2])
    return [net.conv(net.op("Relu", x), 8, 4)]


def grouped_transposed(net: OnnxNet):
    """Weights of which groups and outputs lie on two axes: [groups * inputs, outputs, ...]."""
    x = net.op("Relu", net.conv(net.input(1, 3, 16, 16), 3, 6, stride=2))
    x = net.op("ConvTranspose", x, net.weight(6, 2, 3, 3), net.bias(6), strides=[2, 2], group=3)
    return [net.conv(net.op("Relu", x), 6, 4)]


BUILDERS: dict[str, Callable[[OnnxNet], list[str]]] = {
    f.__name__: f
    for f in (
        plain,
        residual,
        inverted_residual,
        squeeze_excite,
        dense,
        encoder,
        lstm,
        u_net,
        detector,
        transposed,
        grouped_transposed,
    )
}


def build(name: str) -> onnx.ModelProto:
    net = OnnxNet(list(BUILDERS).index(name))
    return net.model(BUILDERS[name](net))
