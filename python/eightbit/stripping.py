"""From a model that was quantized for training to one for inference."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from eightbit.errors import UnsupportedBackendError
from eightbit.frameworks import PythonFramework, framework_of


def strip(
    model: Any, do_copy: bool = True, strip_format: Any = None, example_input: Any = None
) -> Any:
    """A model for inference, without anything of eightbit in it: see `eightbit.torch.strip` for modules of PyTorch,
    `eightbit.tensorflow.strip` for Keras models. strip_format: a StripFormat; None is the default there."""
    framework = framework_of(model)
    if not isinstance(framework, PythonFramework):
        raise UnsupportedBackendError(
            f"[strip] a {type(model).__name__} is for inference already. Pass a model that can be trained."
        )
    chosen = {} if strip_format is None else {"strip_format": strip_format}
    function = import_module(f"eightbit.{framework.name}").strip
    return function(model, do_copy, example_input=example_input, **chosen)
