"""PyTorch: what is known here only, beside eightbit.quantize, which takes an nn.Module or an exported GraphModule.

get_config, load_from_config: save and load a module that was quantized for training.
strip: a module for inference.
compile: torch.compile with what runs a quantized graph in integers.
fx: quantize_pt2e and OpenVINOQuantizer, for those who work with the quantizers of torchao.
"""

from eightbit.errors import UnsupportedBackendError

try:
    import torch  # noqa: F401
except ImportError:
    raise UnsupportedBackendError(
        "[torch] the package torch is missing. Install it with: pip install torch"
    ) from None

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from eightbit._logging import logger
from eightbit.parameters import StripFormat
from eightbit.torch.compiling import compile
from eightbit.torch.config import get_config, load_from_config
from eightbit.torch.strip import strip


@contextmanager
def disable_patching() -> Iterator[None]:
    """Does nothing, for callers who know NNCF's: eightbit never patches torch."""
    yield


def disable_tracing(method: Callable[..., Any]) -> None:
    """Does nothing but say so, for callers who know NNCF's: torch.export goes through every method."""
    logger.warning(
        "disable_tracing(%s) has no effect: modules are exported as a whole. Name what is to stay in float in ignored_scope.",
        getattr(method, "__name__", method),
    )


_wrapped: weakref.WeakSet = weakref.WeakSet()


def wrap_model(model: Any, example_input: Any, trace_parameters: bool = False) -> Any:
    """The model itself, for callers who know NNCF's: `eightbit.quantize` exports it with the first sample."""
    _wrapped.add(model)
    return model


def is_wrapped_model(model: Any) -> bool:
    """Whether `wrap_model` has seen it."""
    return model in _wrapped


__all__ = [
    "StripFormat",
    "compile",
    "disable_tracing",
    "is_wrapped_model",
    "wrap_model",
    "disable_patching",
    "get_config",
    "load_from_config",
    "strip",
]
