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

from collections.abc import Iterator
from contextlib import contextmanager

from eightbit.parameters import StripFormat
from eightbit.torch.compiling import compile
from eightbit.torch.config import get_config, load_from_config
from eightbit.torch.strip import strip


@contextmanager
def disable_patching() -> Iterator[None]:
    """Does nothing, for callers who know NNCF's: eightbit never patches torch."""
    yield


__all__ = [
    "StripFormat",
    "compile",
    "disable_patching",
    "get_config",
    "load_from_config",
    "strip",
]
