#!/usr/bin/env python3
"""Trains a small network on scikit-learn's digits, rounds its weights to 2 bits, which hurts, and trains the rounded network
until it is as good as before.

    python examples/python/train_quantized.py         needs torch and scikit-learn
"""

import eightbit as eb
import torch
from eightbit.torch import strip
from eightbit.torch.fake_quantize import FakeQuantize
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional

WEIGHT_BITS = 2


def digits() -> tuple[torch.Tensor, torch.Tensor]:
    """Images [1797, 1, 8, 8] and labels."""
    data = load_digits()
    images = torch.tensor(data.images, dtype=torch.float32)[:, None] / 16
    return images, torch.tensor(data.target)


def network() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(1, 12, 3, padding=1), nn.BatchNorm2d(12), nn.ReLU()),
        *(nn.Conv2d(12, 24, 3, padding=1, stride=2), nn.BatchNorm2d(24), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(24 * 16, 10)),
    )


def train(model: nn.Module, images, labels, epochs: int, rate: float) -> None:
    model.train()
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    for _ in range(epochs):
        for batch in torch.randperm(len(images)).split(64):
            optimizer.zero_grad()
            functional.cross_entropy(model(images[batch]), labels[batch]).backward()
            optimizer.step()
        schedule.step()
    model.eval()


def accuracy(model: nn.Module, images, labels) -> float:
    """Percent."""
    with torch.no_grad():
        return 100 * float((model(images).argmax(1) == labels).float().mean())


def narrow_weights(model: nn.Module, bits: int) -> None:
    """8-bit weights become weights of fewer bits over the same range."""
    for part in model.modules():
        if isinstance(part, FakeQuantize) and part.q_min < 0:
            top = 2 ** (bits - 1) - 1
            part.scale.data *= part.q_max / top
            part.q_min, part.q_max = -top, top


def main() -> None:
    torch.manual_seed(3)
    images, labels = digits()
    kept, seen = slice(0, 400), slice(400, None)
    model = network()
    train(model, images[seen], labels[seen], epochs=12, rate=3e-3)
    print(f"float: {accuracy(model, images[kept], labels[kept]):.1f} %")

    samples = eb.Dataset([image[None] for image in images[seen][:100]])
    quantized = eb.quantize(model, samples)
    print(f"8 bits: {accuracy(quantized, images[kept], labels[kept]):.1f} %")
    narrow_weights(quantized, WEIGHT_BITS)
    print(f"{WEIGHT_BITS}-bit weights: {accuracy(quantized, images[kept], labels[kept]):.1f} %")
    train(quantized, images[seen], labels[seen], epochs=40, rate=2e-3)
    print(f"trained: {accuracy(quantized, images[kept], labels[kept]):.1f} %")

    inference = strip(quantized)
    print(f"stripped: {accuracy(inference, images[kept], labels[kept]):.1f} %")


if __name__ == "__main__":
    main()
