"""As users import it."""

from eightbit.pot.samplers import BatchSampler

__all__ = ["BatchSampler"]
