"""As users import it."""

from eightbit.pot.samplers import create_sampler

__all__ = ["create_sampler"]
