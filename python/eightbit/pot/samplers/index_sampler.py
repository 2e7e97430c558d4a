"""As users import it."""

from eightbit.pot.samplers import IndexSampler

__all__ = ["IndexSampler"]
