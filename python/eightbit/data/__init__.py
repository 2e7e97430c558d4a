"""Samples for calibration and comparison."""

from eightbit.data.dataset import Dataset
from eightbit.data.files import open_files

__all__ = ["Dataset", "open_files"]
