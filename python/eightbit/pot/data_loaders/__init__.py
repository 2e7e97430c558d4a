"""Loaders of files."""

from eightbit.pot.data_loaders.creator import create_data_loader
from eightbit.pot.data_loaders.image_loader import ImageLoader

__all__ = ["ImageLoader", "create_data_loader"]
