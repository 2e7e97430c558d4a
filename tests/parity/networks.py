"""Small networks of every family that users quantize, with seeded random weights and inputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import openvino as ov
from layers import Net
from openvino import opset13 as ops

SAMPLES = 12


def plain(net: Net):
    x = net.input(1, 3, 32, 32)
    x = net.relu(net.conv(x, 8))
    x = net.max_pool(net.relu(net.conv(x, 16)))
    x = net.relu(net.conv(x, 16, bias=False))
    return [net.head(x)]


def residual(net: Net):
    x = net.relu(net.conv(net.input(1, 3, 32, 32), 8, stride=2))
    for _ in range(2):
        inner = net.conv(net.relu(net.conv(x, 8)), 8)
        x = net.relu(net.add(inner, x))
    shortcut = net.conv(x, 16, size=1, stride=2)
    x = net.relu(net.add(net.conv(net.relu(net.conv(x, 16, stride=2)), 16), shortcut))
    return [net.head(x)]


def inverted_residual(net: Net):
    x = net.relu6(net.conv(net.input(1, 3, 32, 32), 8, stride=2))
    for _ in range(2):
        inner = net.relu6(net.conv(x, 24, size=1))
        inner = net.relu6(net.depthwise(inner))
        x = net.add(net.conv(inner, 8, size=1), x)
    x = net.relu6(net.depthwise(x, stride=2))
    return [net.head(net.conv(x, 16, size=1))]


def squeeze_excite(net: Net):
    x = net.swish(net.conv(net.input(1, 3, 32, 32), 8, stride=2))
    for _ in range(2):
        inner = net.swish(net.depthwise(net.swish(net.conv(x, 16, size=1))))
        gate = net.conv(net.swish(net.conv(net.mean(inner), 4, size=1)), 16, size=1)
        inner = net.multiply(inner, ops.sigmoid(gate, name=net.name("sigmoid")))
        x = net.add(net.conv(inner, 8, size=1), x)
    return [net.head(x)]


def hard_swish(net: Net):
    def activation(x):
        gate = net.relu6(net.add(x, ops.constant(np.float32(3))))
        return net.multiply(net.multiply(x, gate), ops.constant(np.float32(1 / 6)))

    x = activation(net.conv(net.input(1, 3, 32, 32), 8))
    x = ops.hswish(net.depthwise(x), name=net.name("hswish"))
    gate = ops.hsigmoid(
        net.conv(net.relu(net.conv(net.mean(x), 4, size=1)), 8, size=1), name=net.name("hsigmoid")
    )
    return [net.head(net.conv(net.multiply(x, gate), 16, size=1))]


def dense(net: Net):
    x = net.relu(net.conv(net.input(1, 3, 32, 32), 8, stride=2))
    for _ in range(3):
        x = net.concat(x, net.conv(net.relu(net.conv(x, 8, size=1)), 4))
    x = ops.avg_pool(x, [2, 2], [0, 0], [0, 0], [2, 2], False, name="avg_pool")
    return [net.head(net.relu(net.conv(x, 16)))]


def inception(net: Net):
    x = net.max_pool(net.relu(net.conv(net.input(1, 3, 32, 32), 8)))
    branches = [
        net.relu(net.conv(x, 4, size=1)),
        net.relu(net.conv(x, 4)),
        net.relu(net.conv(x, 4, size=5)),
        x,
    ]
    x = net.concat(*branches)
    x = net.concat(net.max_pool(x), net.relu(net.conv(x, 8, stride=2)))
    return [net.head(x)]


def encoder(net: Net):
    tokens, width, heads = 8, 16, 2
    x = net.input(1, tokens, width, name="tokens")
    for _ in range(2):
        y = net.layer_norm(x)

        def split(value, *order):
            return net.transpose(net.reshape(value, 1, tokens, heads, width // heads), *order)

        q, k, v = net.linear(y, width), net.linear(y, width), net.linear(y, width)
        scores = ops.matmul(
            split(q, 0, 2, 1, 3), split(k, 0, 2, 3, 1), False, False, name=net.name("scores")
        )
        scores = net.multiply(scores, ops.constant(np.float32(0.35)))
        weights = ops.softmax(scores, 3, name=net.name("softmax"))
        mixed = ops.matmul(weights, split(v, 0, 2, 1, 3), False, False, name=net.name("mixed"))
        mixed = net.reshape(net.transpose(mixed, 0, 2, 1, 3), 1, tokens, width)
        x = net.add(x, net.linear(mixed, width))
        y = ops.gelu(net.linear(net.layer_norm(x), 4 * width), "ERF", name=net.name("gelu"))
        x = net.add(x, net.linear(y, width))
    return [net.linear(net.layer_norm(x), 10)]


def text_encoder(net: Net):
    tokens, width = 8, 16
    ids = net.input(1, tokens, dtype=np.int64, name="ids")
    words = ops.gather(net.constant(100, width), ids, ops.constant(np.int64(0)), name="words")
    x = net.layer_norm(net.add(words, net.constant(1, tokens, width)))
    q, k, v = net.linear(x, width), net.linear(x, width), net.linear(x, width)
    attention = ops.scaled_dot_product_attention(
        *[net.transpose(net.reshape(p, 1, tokens, 2, width // 2), 0, 2, 1, 3) for p in (q, k, v)],
        name="attention",
    )
    mixed = net.reshape(net.transpose(attention, 0, 2, 1, 3), 1, tokens, width)
    x = net.layer_norm(net.add(x, net.linear(mixed, width)))
    return [net.linear(x, 4)]


def embedding_product(net: Net):
    ids = net.input(1, 8, dtype=np.int64, name="ids")
    words = ops.gather(net.constant(50, 16), ids, ops.constant(np.int64(0)), name="words")
    return [net.linear(net.relu(net.linear(words, 16)), 4)]


def lstm(net: Net):
    steps, width, hidden = 6, 8, 12
    x = net.input(1, steps, width, name="frames")
    state = [ops.constant(np.zeros((1, 1, hidden), np.float32)) for _ in range(2)]
    lengths = ops.constant(np.array([steps]))
    node = ops.lstm_sequence(
        net.linear(x, width), *state, lengths, net.constant(1, 4 * hidden, width), net.constant(1, 4 * hidden, hidden),
        net.constant(1, 4 * hidden), hidden, "forward", name="lstm",
    )  # fmt: skip
    y = ops.squeeze(node.output(0), ops.constant(np.array([1])), name="all_steps")
    return [net.linear(y, 10)]


def gru(net: Net):
    steps, width, hidden = 6, 8, 12
    x = net.relu(net.linear(net.input(1, steps, width, name="frames"), width))
    node = ops.gru_sequence(
        x, ops.constant(np.zeros((1, 1, hidden), np.float32)), ops.constant(np.array([steps])),
        net.constant(1, 3 * hidden, width), net.constant(1, 3 * hidden, hidden), net.constant(1, 3 * hidden),
        hidden, "forward", name="gru",
    )  # fmt: skip
    y = ops.squeeze(node.output(0), ops.constant(np.array([1])), name="all_steps")
    return [net.linear(y, 10)]


def u_net(net: Net):
    x = net.input(1, 3, 32, 32)
    top = net.relu(net.conv(net.relu(net.conv(x, 8)), 8))
    middle = net.relu(net.conv(net.max_pool(top), 16))
    bottom = net.relu(net.conv(net.max_pool(middle), 16))
    x = net.relu(net.conv(net.concat(net.up_conv(bottom, 16), middle), 8))
    size = ops.constant(np.array([32, 32]))
    x = ops.interpolate(
        x,
        size,
        mode="linear_onnx",
        shape_calculation_mode="sizes",
        axes=ops.constant(np.array([2, 3])),
        name="resize",
    )
    x = net.relu(net.conv(net.concat(x, top), 8))
    return [ops.sigmoid(net.conv(x, 1, size=1), name="mask")]


def detector(net: Net):
    x = net.relu(net.conv(net.input(1, 3, 32, 32), 8, stride=2))
    levels = [x, net.relu(net.conv(x, 8, stride=2))]
    boxes, scores = [], []
    for level in levels:
        h = level.shape[2]
        boxes.append(net.reshape(net.transpose(net.conv(level, 4), 0, 2, 3, 1), 1, h * h, 4))
        scores.append(net.reshape(net.transpose(net.conv(level, 3), 0, 2, 3, 1), 1, h * h, 3))
    box = net.add(
        net.multiply(net.concat(*boxes), ops.constant(np.float32(0.1))), net.constant(1, 1, 4)
    )
    score = net.transpose(ops.softmax(net.concat(*scores), 2, name="softmax"), 0, 2, 1)
    limits = [
        ops.constant(np.int64(5)),
        ops.constant(np.float32(0.5)),
        ops.constant(np.float32(0.1)),
    ]
    kept = ops.non_max_suppression(box, score, *limits, output_type="i64", name="nms")
    return [kept.output(0), kept.output(1)]


def top_k(net: Net):
    x = net.relu(net.conv(net.input(1, 3, 32, 32), 8, stride=2))
    logits = net.head(net.relu(net.conv(x, 8)))
    best = ops.topk(
        net.add(logits, net.constant(1, 10)),
        ops.constant(np.int64(3)),
        1,
        "max",
        "value",
        name="top_k",
    )
    return [best.output(0), best.output(1)]


def decoder(net: Net):
    x = net.relu(net.linear(net.input(1, 16, name="code"), 128))
    x = net.relu(net.up_conv(net.reshape(x, 1, 8, 4, 4), 8))
    weight = net.constant(4, 2, 2, 2, 2)
    x = ops.group_convolution_backprop_data(x, weight, [2, 2], name="grouped_up")
    x = net.relu(net.bias(x))
    return [ops.tanh(net.conv(x, 3), name="tanh")]


def preprocessing(net: Net):
    x = net.input(1, 32, 32, 3)
    x = net.transpose(x, 0, 3, 1, 2)
    x = net.multiply(
        ops.subtract(x, net.constant(1, 3, 1, 1), name="mean"), net.constant(1, 3, 1, 1)
    )
    x = net.relu(net.conv(x, 8))
    x = net.relu(
        net.add(
            net.multiply(net.conv(x, 8, bias=False), net.constant(1, 8, 1, 1)),
            net.constant(1, 8, 1, 1),
        )
    )
    pooled = net.max_pool(x)
    pooled = net.add(net.multiply(pooled, net.constant(1, 8, 1, 1)), net.constant(1, 8, 1, 1))
    return [net.head(net.conv(pooled, 8))]


def shuffle(net: Net):
    x = net.relu(net.conv(net.input(1, 3, 32, 32), 16, stride=2))
    left, right = ops.split(x, ops.constant(np.int64(1)), 2, name="split").outputs()
    right = net.conv(net.depthwise(net.relu(net.conv(right, 8, size=1))), 8, size=1)
    x = ops.concat([left, right], 1, name="joined")
    x = net.reshape(net.transpose(net.reshape(x, 1, 2, 8, 16, 16), 0, 2, 1, 3, 4), 1, 16, 16, 16)
    return [net.head(net.relu(net.group_conv(x, 4)))]


def arithmetic(net: Net):
    x = net.relu(net.conv(net.input(1, 3, 16, 16), 8))
    y = net.conv(x, 8)
    a = ops.maximum(x, y, name="maximum")
    b = ops.subtract(a, ops.minimum(y, x, name="minimum"), name="difference")
    c = ops.squared_difference(b, x, name="squared")
    d = ops.sqrt(ops.add(c, ops.constant(np.float32(1))), name="root")
    e = ops.divide(net.conv(b, 8), d, name="ratio")
    f = ops.power(d, ops.constant(np.float32(2)), name="power")
    norm = ops.normalize_l2(net.add(e, f), ops.constant(np.array([1])), 1e-6, "add", name="norm")
    return [net.head(net.conv(norm, 8))]


def layout(net: Net):
    x = net.relu(net.conv(net.input(1, 3, 32, 32), 8, stride=2))
    x = ops.pad(
        x,
        ops.constant(np.array([0, 0, 1, 1])),
        ops.constant(np.array([0, 0, 1, 1])),
        "constant",
        name="pad",
    )
    x = net.conv(x, 8)
    x = ops.depth_to_space(x, "blocks_first", 2, name="to_space")
    begin, end = ops.constant(np.array([0, 0, 0, 0])), ops.constant(np.array([1, 2, 32, 32]))
    x = ops.strided_slice(
        x, begin, end, ops.constant(np.ones(4, np.int64)), [1, 1, 0, 0], [1, 0, 0, 0], name="crop"
    )
    y = net.conv(x, 4)
    z = ops.softmax(net.conv(x, 4), 1, name="softmax")
    return [net.head(net.concat(y, z)), x]


def shared_weights(net: Net):
    left, right = net.input(1, 3, 16, 16, name="left"), net.input(1, 3, 16, 16, name="right")
    weight = net.constant(8, 3, 3, 3)
    towers = []
    for side in (left, right):
        y = ops.convolution(side, weight, [1, 1], [1, 1], [1, 1], [1, 1], name=net.name("tower"))
        towers.append(net.relu(net.bias(y)))
    correlation = net.multiply(*towers)
    return [net.head(net.conv(correlation, 8))]


def two_heads(net: Net):
    x = net.relu(net.conv(net.input(1, 3, 32, 32), 8, stride=2))
    y = net.relu(net.conv(x, 8))
    return [net.head(y), ops.softmax(net.conv(y, 4), 1, name="classes"), x]


def mixer(net: Net):
    x = net.conv(net.input(1, 3, 32, 32), 16, size=1, stride=8)
    x = net.transpose(net.reshape(x, 1, 16, 16), 0, 2, 1)
    for _ in range(2):
        y = net.transpose(net.layer_norm(x), 0, 2, 1)
        y = net.transpose(
            net.linear(ops.gelu(net.linear(y, 8), "ERF", name=net.name("gelu")), 16), 0, 2, 1
        )
        x = net.add(x, y)
        x = net.add(x, net.linear(net.relu(net.linear(net.layer_norm(x), 32)), 16))
    return [net.linear(net.mean(x, axes=(1,), keep=False), 10)]


def audio(net: Net):
    x = net.input(1, 1, 256, name="wave")

    def conv(x, channels, size, stride):
        weight = net.constant(channels, x.shape[1], size)
        return ops.convolution(
            x, weight, [stride], [size // 2], [size // 2], [1], name=net.name("conv")
        )

    x = net.relu(conv(x, 8, 9, 4))
    gate = ops.sigmoid(conv(x, 8, 3, 1), name="gate")
    x = net.multiply(ops.tanh(conv(x, 8, 3, 1), name="filter"), gate)
    return [net.linear(net.transpose(x, 0, 2, 1), 6)]


def volume(net: Net):
    x = net.input(1, 1, 8, 16, 16, name="scan")
    for width in (4, 8):
        weight = net.constant(width, x.shape[1], 3, 3, 3)
        x = ops.convolution(x, weight, [1] * 3, [1] * 3, [1] * 3, [1] * 3, name=net.name("conv"))
        x = net.relu(net.add(x, net.constant(1, width, 1, 1, 1)))
    return [net.linear(net.mean(x, axes=(2, 3, 4), keep=False), 4)]


def pointwise(net: Net):
    x = net.relu(net.conv(net.input(1, 3, 32, 32), 8, size=1))
    x = net.relu(net.conv(net.conv(x, 12, size=1), 8, size=1))
    return [net.head(net.relu(net.conv(x, 16, size=1)))]


def batch_of_four(net: Net):
    """A batch counts as one sample there."""
    x = net.relu(net.conv(net.input(4, 3, 16, 16), 8))
    x = net.relu6(net.depthwise(x))
    return [net.linear(net.mean(x, keep=False), 5)]


BUILDERS: dict[str, Callable[[Net], list]] = {
    f.__name__: f
    for f in (
        plain, residual, inverted_residual, squeeze_excite, hard_swish, dense, inception, encoder, text_encoder,
        embedding_product, lstm, gru, u_net, detector, top_k, decoder, preprocessing, shuffle, arithmetic, layout,
        shared_weights, two_heads, mixer, audio, volume, pointwise, batch_of_four,
    )
}  # fmt: skip


@dataclass
class Case:
    model: ov.Model
    samples: list[dict[str, np.ndarray]] = field(default_factory=list)


def build(name: str) -> Case:
    net = Net(seed=len(name) * 1000 + sum(map(ord, name)))
    model = net.model(*BUILDERS[name](net))
    return Case(model, [inputs_of(model, net.random) for _ in range(SAMPLES)])


def inputs_of(model: ov.Model, random: np.random.Generator) -> dict[str, np.ndarray]:
    sample = {}
    for port in model.inputs:
        shape = list(port.get_shape())
        if port.get_element_type().is_integral():
            sample[port.any_name] = random.integers(0, 50, shape).astype(np.int64)
        else:
            sample[port.any_name] = random.standard_normal(shape).astype(np.float32)
    return sample
