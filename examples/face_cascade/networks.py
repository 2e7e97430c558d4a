"""The three networks of MTCNN with the weights that the package facenet-pytorch ships, as openvino.Models.

Their layers: Zhang et al., Joint Face Detection and Alignment using Multitask Cascaded Convolutional Networks, 2016."""

from __future__ import annotations

from importlib.metadata import distribution
from pathlib import Path

import openvino
import torch
from torch import nn

# Of each network: convolutions (channels, kernel, (pool size, stride) behind it), the hidden layer, and what comes out in the
# order of the package: name, channels, whether it is two scores that add up to one.
LAYERS = {
    "pnet": (
        [(10, 3, (2, 2)), (16, 3, None), (32, 3, None)],
        None,
        [("face", 2, True), ("box", 4, False)],
    ),
    "rnet": (
        [(28, 3, (3, 2)), (48, 3, (3, 2)), (64, 2, None)],
        (576, 128),
        [("face", 2, True), ("box", 4, False)],
    ),
    "onet": (
        [(32, 3, (3, 2)), (64, 3, (3, 2)), (64, 3, (2, 2)), (128, 2, None)],
        (1152, 256),
        [("face", 2, True), ("box", 4, False), ("points", 10, False)],
    ),
}
SIDES = {"pnet": None, "rnet": 24, "onet": 48}  # of what they look at; None: pictures of any size


class Network(nn.Module):
    def __init__(self, name: str):
        super().__init__()
        convolutions, hidden, heads = LAYERS[name]
        channels, self.body = 3, []
        for number, (width, kernel, pool) in enumerate(convolutions, 1):
            self.body += [
                self._named(f"conv{number}", nn.Conv2d(channels, width, kernel)),
                self._named(f"prelu{number}", nn.PReLU(width)),
            ]
            if pool:
                self.body.append(nn.MaxPool2d(*pool, ceil_mode=True))
            channels = width
        last = len(convolutions) + 1
        self.hidden = []
        if hidden:
            self.hidden = [
                self._named(f"dense{last}", nn.Linear(*hidden)),
                self._named(f"prelu{last}", nn.PReLU(hidden[1])),
            ]
            last += 1
        kind = "dense" if hidden else "conv"
        self.heads = []
        for number, (_, width, scores) in enumerate(heads, 1):
            head = nn.Linear(hidden[1], width) if hidden else nn.Conv2d(channels, width, 1)
            self.heads.append((self._named(f"{kind}{last}_{number}", head), scores))

    def _named(self, name: str, layer: nn.Module) -> nn.Module:
        self.add_module(name, layer)
        return layer

    def forward(self, x):
        for layer in self.body:
            x = layer(x)
        if self.hidden:
            x = x.permute(0, 3, 2, 1).flatten(1)  # the weights count columns before rows
            for layer in self.hidden:
                x = layer(x)
        return tuple(head(x).softmax(1) if scores else head(x) for head, scores in self.heads)


def network(name: str) -> openvino.Model:
    """pnet, rnet or onet. Input `picture` [N, 3, height, width] of RGB, (value - 127.5) / 128; outputs `face` [N, 2, ...] (no
    face, a face), `box` [N, 4, ...], and of onet `points` [N, 10]."""
    module = Network(name).eval()
    weights = Path(distribution("facenet-pytorch").locate_file(f"facenet_pytorch/data/{name}.pt"))
    module.load_state_dict(torch.load(weights, weights_only=True))
    side = SIDES[name]
    model = openvino.convert_model(
        module,
        example_input=torch.zeros(2, 3, side or 32, side or 32),
        input=[-1, 3, side or -1, side or -1],
    )
    model.input(0).set_names({"picture"})
    for port, (head, _, _) in zip(model.outputs, LAYERS[name][2], strict=True):
        port.set_names({head})
    model.friendly_name = name
    return model
