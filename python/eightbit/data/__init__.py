"""Samples for calibration and comparison."""

from eightbit.data.dataset import Dataset
from eightbit.data.files import open_files
from eightbit.data.texts import open_texts

__all__ = ["Dataset", "open_files", "open_texts"]
