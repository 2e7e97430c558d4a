"""As users import it, by the names of 2022.2 and of before."""

from eightbit.pot.graph.compressed_model import CompressedModel

NXModel = CompressedModel

__all__ = ["CompressedModel", "NXModel"]
