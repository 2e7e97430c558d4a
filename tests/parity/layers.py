"""Layers with seeded random weights, from which the networks are built."""

from __future__ import annotations

import numpy as np
import openvino as ov
from openvino import opset13 as ops


class Net:
    """Layers with weights from one random generator and readable names."""

    def __init__(self, seed: int):
        self.random = np.random.default_rng(seed)
        self.inputs: list = []
        self.count = 0

    def name(self, kind: str) -> str:
        self.count += 1
        return f"{kind}_{self.count}"

    def array(self, *shape: int, scale: float = 0.3) -> np.ndarray:
        return (self.random.standard_normal(shape) * scale).astype(np.float32)

    def constant(self, *shape: int, scale: float = 0.3):
        return ops.constant(self.array(*shape, scale=scale))

    def input(self, *shape: int, dtype=np.float32, name: str = "image"):
        node = ops.parameter(list(shape), dtype, name=name)
        node.output(0).get_tensor().set_names({name})
        self.inputs.append(node)
        return node

    def conv(self, x, channels: int, size: int = 3, stride: int = 1, bias: bool = True):
        depth = x.shape[1]
        pad = size // 2
        node = ops.convolution(
            x, self.constant(channels, depth, size, size), [stride] * 2, [pad] * 2, [pad] * 2, [1, 1],
            name=self.name("conv"),
        )  # fmt: skip
        return self.bias(node) if bias else node

    def group_conv(self, x, groups: int, size: int = 3, stride: int = 1):
        depth = x.shape[1]
        pad = size // 2
        weight = self.constant(groups, depth // groups, depth // groups, size, size)
        node = ops.group_convolution(
            x, weight, [stride] * 2, [pad] * 2, [pad] * 2, [1, 1], name=self.name("group_conv")
        )
        return self.bias(node)

    def depthwise(self, x, size: int = 3, stride: int = 1):
        return self.group_conv(x, x.shape[1], size, stride)

    def up_conv(self, x, channels: int):
        depth = x.shape[1]
        node = ops.convolution_backprop_data(
            x, self.constant(depth, channels, 2, 2), [2, 2], name=self.name("up_conv")
        )
        return self.bias(node)

    def bias(self, x):
        return ops.add(x, self.constant(1, x.shape[1], 1, 1), name=self.name("bias"))

    def relu(self, x):
        return ops.relu(x, name=self.name("relu"))

    def relu6(self, x):
        return ops.clamp(x, 0.0, 6.0, name=self.name("relu6"))

    def swish(self, x):
        return ops.swish(x, name=self.name("swish"))

    def add(self, a, b):
        return ops.add(a, b, name=self.name("add"))

    def multiply(self, a, b):
        return ops.multiply(a, b, name=self.name("multiply"))

    def concat(self, *parts, axis: int = 1):
        return ops.concat(list(parts), axis, name=self.name("concat"))

    def max_pool(self, x, size: int = 2):
        pads, strides = [0, 0], [size, size]
        node = ops.max_pool(
            x,
            strides,
            [1, 1],
            pads,
            pads,
            strides,
            index_element_type="i64",
            name=self.name("max_pool"),
        )
        return node.output(0)

    def mean(self, x, axes=(2, 3), keep: bool = True):
        return ops.reduce_mean(
            x, ops.constant(np.array(axes)), keep_dims=keep, name=self.name("mean")
        )

    def reshape(self, x, *shape: int):
        return ops.reshape(
            x, ops.constant(np.array(shape)), special_zero=False, name=self.name("reshape")
        )

    def transpose(self, x, *order: int):
        return ops.transpose(x, ops.constant(np.array(order)), name=self.name("transpose"))

    def linear(self, x, width: int, bias: bool = True):
        depth = x.shape[-1]
        node = ops.matmul(x, self.constant(width, depth), False, True, name=self.name("linear"))
        if not bias:
            return node
        lead = [1] * (len(node.shape) - 1)
        return ops.add(node, self.constant(*lead, width), name=self.name("linear_bias"))

    def head(self, x):
        return self.linear(self.mean(x, keep=False), 10)

    def layer_norm(self, x):
        width = x.shape[-1]
        node = ops.mvn(
            x, ops.constant(np.array([-1])), True, 1e-5, "inside_sqrt", name=self.name("mvn")
        )
        node = self.multiply(node, ops.constant(1 + self.array(1, 1, width, scale=0.5)))
        return self.add(node, self.constant(1, 1, width))

    def model(self, *outputs) -> ov.Model:
        results = [ops.result(node, name=f"result_{i}") for i, node in enumerate(outputs)]
        return ov.Model(results, self.inputs)
