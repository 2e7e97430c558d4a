#!/usr/bin/env python3
"""Trains a small U-Net to find blobs in noisy volumes, in seconds, and quantizes it by a script as it was written for POT: a loader with
metadata, an engine that works on the outputs, a metric.

    python examples/segmentation_3d/quantize.py OUT [--volumes N] [--steps N] [--json]

Writes the models into OUT, and prints the overlap of what is found with what is there (Dice) before and after.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import openvino
import torch
from eightbit import pot
from torch import nn

SIDE = 32


def volume(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """[1, side, side, side] of noise and blobs, and which voxels are blobs."""
    random = np.random.default_rng(seed)
    axes = np.stack(np.meshgrid(*[np.arange(SIDE)] * 3, indexing="ij"))
    mask = np.zeros((SIDE,) * 3, bool)
    for _ in range(random.integers(1, 4)):
        center, radii = random.uniform(6, SIDE - 6, 3), random.uniform(3, 8, 3)
        away = (axes - center[:, None, None, None]) / radii[:, None, None, None]
        mask |= (away**2).sum(0) < 1
    noise = random.normal(0, 0.8, mask.shape) + random.uniform(0.7, 1.5) * mask
    return noise[None].astype(np.float32), mask


class UNet(nn.Module):
    """Two levels."""

    def __init__(self, width: int = 8):
        super().__init__()
        self.down = self._block(1, width)
        self.deep = self._block(width, 2 * width)
        self.widen = nn.ConvTranspose3d(2 * width, width, 2, 2)
        self.up = self._block(2 * width, width)
        self.head = nn.Conv3d(width, 1, 1)

    @staticmethod
    def _block(channels: int, width: int) -> nn.Sequential:
        layers = []
        for inside in (channels, width):
            layers += [nn.Conv3d(inside, width, 3, padding=1), nn.BatchNorm3d(width), nn.ReLU()]
        return nn.Sequential(*layers)

    def forward(self, x):
        fine = self.down(x)
        coarse = self.deep(nn.functional.max_pool3d(fine, 2))
        return self.head(self.up(torch.cat([fine, self.widen(coarse)], 1))).sigmoid()


def trained(steps: int) -> UNet:
    torch.manual_seed(0)
    network = UNet()
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    for step in range(steps):
        volumes, masks = zip(*[volume(100_000 + 4 * step + i) for i in range(4)], strict=True)
        found = network(torch.from_numpy(np.stack(volumes)))
        wanted = torch.from_numpy(np.stack(masks)).float()[:, None]
        overlap = 2 * (found * wanted).sum() / (found.sum() + wanted.sum())
        loss = nn.functional.binary_cross_entropy(found, wanted) + 1 - overlap
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network.eval()


class Volumes(pot.DataLoader):
    def __init__(self, first: int, count: int):
        self._seeds = range(first, first + count)

    def __len__(self):
        return len(self._seeds)

    def __getitem__(self, index):
        data, mask = volume(self._seeds[index])
        return data, mask, {"least": 0.5}


class Engine(pot.IEEngine):
    @staticmethod
    def postprocess_output(outputs, metadata):
        """Voxels that are blobs."""
        found = next(iter(outputs.values()))
        return [one[0] > meta["least"] for one, meta in zip(found, metadata, strict=True)]


class Dice(pot.Metric):
    def __init__(self):
        self._values = []
        super().__init__()

    @property
    def value(self):
        return {"dice": self._values[-1:]}

    @property
    def avg_value(self):
        return {"dice": float(np.mean(self._values))}

    def update(self, output, target):
        for found, mask in zip(output, target, strict=True):
            self._values.append(2 * (found & mask).sum() / max(found.sum() + mask.sum(), 1))

    def reset(self):
        self._values = []

    def get_attributes(self):
        return {"dice": {"direction": "higher-better", "type": "dice"}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--volumes", type=int, default=20)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--json", action="store_true", help="figures as one line of JSON")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    shape = [1, 1, SIDE, SIDE, SIDE]
    network = trained(arguments.steps)
    converted = openvino.convert_model(network, example_input=torch.zeros(shape), input=shape)
    xml = arguments.out / "float.xml"
    openvino.save_model(converted, xml, compress_to_fp16=False)

    model = pot.load_model({"model_name": "unet", "model": xml, "weights": xml.with_suffix(".bin")})
    engine = Engine({"device": "CPU"}, Volumes(0, arguments.volumes), Dice())
    algorithms = [
        {
            "name": "DefaultQuantization",
            "params": {"target_device": "ANY", "preset": "performance", "stat_subset_size": 200},
        }
    ]
    quantized = pot.create_pipeline(algorithms, engine).run(model)
    pot.compress_model_weights(quantized)
    pot.save_model(quantized, str(arguments.out), "int8")
    unseen = pot.create_pipeline([], Engine({}, Volumes(10_000, arguments.volumes), Dice()))
    figures = {
        "dice_float": unseen.evaluate(model)["dice"],
        "dice_int8": unseen.evaluate(quantized)["dice"],
    }
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, figure in figures.items():
        print(f"{name:>20}  {round(figure, 4)}")


if __name__ == "__main__":
    main()
