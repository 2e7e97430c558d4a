"""What runs models over loaders."""

from eightbit.pot.engines.ie_engine import IEEngine
from eightbit.pot.engines.simplified_engine import SimplifiedEngine

__all__ = ["IEEngine", "SimplifiedEngine"]
