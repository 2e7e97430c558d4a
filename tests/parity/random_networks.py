"""Networks that nobody designed: random layers wired at random, to find rules that meet rarely."""

from __future__ import annotations

import random

import numpy as np
from layers import Net
from networks import SAMPLES, Case, inputs_of
from openvino import opset13 as ops

CHANNELS, SIZE = 4, 8


def one_input(net: Net, draw: random.Random, x):
    """A layer that keeps the shape of its input."""
    channel_values = (1, CHANNELS, 1, 1)
    pixels = SIZE * SIZE
    layers = [
        lambda: net.conv(x, CHANNELS),
        lambda: net.conv(x, CHANNELS, size=1, bias=False),
        lambda: net.depthwise(x),
        lambda: net.relu(x),
        lambda: net.relu6(x),
        lambda: net.swish(x),
        lambda: ops.sigmoid(x, name=net.name("sigmoid")),
        lambda: ops.tanh(x, name=net.name("tanh")),
        lambda: ops.softmax(x, 1, name=net.name("softmax")),
        lambda: net.multiply(x, net.constant(*channel_values)),
        lambda: net.add(x, net.constant(*channel_values)),
        lambda: net.transpose(x, 0, 1, 3, 2),
        lambda: net.reshape(net.reshape(x, 1, CHANNELS, pixels), 1, CHANNELS, SIZE, SIZE),
        lambda: ops.avg_pool(x, [1] * 2, [1] * 2, [1] * 2, [3] * 2, False, name=net.name("pool")),
        lambda: swapped_halves(net, draw, x),
    ]
    return draw.choice(layers)()


def swapped_halves(net: Net, draw: random.Random, x):
    halves = ops.split(x, ops.constant(np.int64(1)), 2, name=net.name("split")).outputs()
    first = net.relu(halves[0]) if draw.random() < 0.5 else halves[0]
    return net.concat(halves[1], first)


def two_inputs(net: Net, draw: random.Random, a, b):
    kind = draw.choice(["add", "add", "multiply", "maximum", "concat"])
    if kind == "maximum":
        return ops.maximum(a, b, name=net.name("maximum"))
    if kind != "concat":
        return getattr(net, kind)(a, b)
    joined = net.concat(a, b)
    if draw.random() < 0.5:
        joined = net.relu(joined)
    return net.conv(joined, CHANNELS, size=1)


def random_network(seed: int) -> Case:
    draw, net = random.Random(seed), Net(seed)
    values = [net.conv(net.input(1, CHANNELS, SIZE, SIZE), CHANNELS)]
    for _ in range(draw.randint(6, 14)):
        if len(values) > 1 and draw.random() < 0.35:
            values.append(two_inputs(net, draw, *draw.sample(values[-4:], 2)))
        else:
            values.append(one_input(net, draw, draw.choice(values[-3:])))
    unread = [v for v in values if not v.output(0).get_target_inputs()]
    model = net.model(*(net.head(v) if draw.random() < 0.6 else v for v in unread))
    return Case(model, [inputs_of(model, net.random) for _ in range(SAMPLES)])
