"""Loaders of configurations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eightbit.pot.data_loaders.image_loader import ImageLoader
from eightbit.pot.graph.compressed_model import CompressedModel
from eightbit.pot.graph.model_utils import get_nodes_by_type


def create_data_loader(config: Mapping[str, Any], model: CompressedModel) -> ImageLoader:
    """config: the section "engine". The loader of the model's pictures. Raises RuntimeError where the model has several inputs, of
    which none is told the size of a picture (shape [1, 3])."""
    inputs = get_nodes_by_type(model, ["Parameter"], recursively=False)
    pictures = [node for node in inputs if node.shape != [1, 3]]
    if len(pictures) != 1:
        raise RuntimeError(
            f"[pot] the model has {len(inputs)} inputs, and a folder of pictures feeds one. Write a DataLoader whose items are dicts "
            "of input names and arrays."
        )
    loader = ImageLoader(config)
    loader.shape = pictures[0].node.output(0).partial_shape
    loader.get_layout(pictures[0])
    return loader
