"""Algorithms, one after the other."""

from eightbit.pot.pipeline.initializer import create_pipeline
from eightbit.pot.pipeline.pipeline import Pipeline

__all__ = ["create_pipeline", "Pipeline"]
