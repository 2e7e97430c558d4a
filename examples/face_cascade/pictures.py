"""Pictures with faces, made of what scikit-image ships: a portrait, turned, mirrored, scaled and lit otherwise, in front of
something else."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageEnhance
from skimage import data

PORTRAIT = (140, 0, 320, 270)  # left, top, right, bottom of the head in skimage's astronaut
SCENES = ("coffee", "chelsea", "rocket", "astronaut")


def picture(seed: int) -> np.ndarray:
    """[height, width, 3] of RGB, with one to three faces."""
    random = np.random.default_rng(seed)
    canvas = _scene(random, int(random.integers(200, 360)), int(random.integers(200, 360)))
    for _ in range(random.integers(1, 4)):
        head = _head(random)
        height = int(min(canvas.size) * random.uniform(0.35, 0.8))
        head = head.resize((height * head.width // head.height, height), Image.Resampling.BICUBIC)
        room = canvas.width - head.width, canvas.height - head.height
        canvas.paste(head, tuple(int(random.integers(0, max(side, 1))) for side in room))
    noise = random.normal(0, random.uniform(0, 5), (*canvas.size[::-1], 3))
    return (np.asarray(canvas) + noise).clip(0, 255).astype(np.uint8)


def _scene(random: np.random.Generator, width: int, height: int) -> Image.Image:
    whole = Image.fromarray(getattr(data, SCENES[random.integers(len(SCENES))])()[..., :3])
    left = int(random.integers(0, whole.width - width + 1))
    top = int(random.integers(0, max(whole.height - height, 0) + 1))
    return whole.crop((left, top, left + width, top + height))


def _head(random: np.random.Generator) -> Image.Image:
    whole = Image.fromarray(data.astronaut())
    whole = whole.rotate(random.uniform(-12, 12), Image.Resampling.BICUBIC, center=(230, 125))
    head = whole.crop(PORTRAIT)
    if random.random() < 0.5:
        head = head.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    for kind in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        head = kind(head).enhance(random.uniform(0.7, 1.3))
    return head
