"""As users import it."""

from eightbit.pot.samplers import Sampler

__all__ = ["Sampler"]
