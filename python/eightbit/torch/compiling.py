"""torch.compile with what each backend needs to run a quantized graph in integers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import fx

from eightbit._openvino import imported
from eightbit.errors import InvalidArgument, UnsupportedBackendError
from eightbit.torch.capture import is_exported, quietly
from eightbit.torch.shapes import example
from eightbit.torch.signature import Signature


def compile(
    model: fx.GraphModule, backend: str = "openvino", *, options: dict[str, Any] | None = None
) -> Callable[..., Any]:
    """Makes what eightbit.quantize made of an exported graph run in integers.

    backend: "openvino" (needs `pip install openvino`; compiled anew for every new set of input shapes), or "inductor", PyTorch's own (needs `pip install torchao`, a C++
        compiler and an x86 CPU; a batch of any size becomes that of the example which the graph was exported with).
    options: for "openvino" `device` ("CPU") and `config`, a dict of OpenVINO's properties; for "inductor" those of torch.compile.
    Returns what is called like the model, under torch.no_grad(). Raises InvalidArgument for a model that is not exported or
    a backend that is not known, UnsupportedBackendError where a package is missing.
    """
    if not is_exported(model):
        raise InvalidArgument(
            f"[compile] a {type(model).__name__} is no exported graph. Pass what eightbit.quantize made of "
            "torch.export.export(model, example_inputs).module()."
        )
    if backend not in _BACKENDS:
        raise InvalidArgument(
            f"[compile] backend '{backend}' is not known. Choose from: {', '.join(_BACKENDS)}."
        )
    return _BACKENDS[backend](model, options or {})


def _with_openvino(model: fx.GraphModule, options: dict[str, Any]) -> Callable[..., Any]:
    """Not OpenVINO's backend of torch.compile: with torch 2.13 that one hands weights over as inputs, so that nothing is
    packed and no kernel computes in integers."""
    imported("compile")
    from eightbit.torch.openvino_callable import OpenVinoCallable

    known = {"device": "CPU", "config": {}}
    for name in options:
        if name not in known:
            raise InvalidArgument(
                f"[compile] option '{name}' is not one of backend 'openvino'. Choose from: {', '.join(known)}."
            )
    return OpenVinoCallable(model, **(known | options))


def _with_inductor(model: fx.GraphModule, options: dict[str, Any]) -> Callable[..., Any]:
    """Inductor folds packed weights only where they are constants of the graph, as torchao leaves them."""
    try:
        from torchao.quantization.pt2e.lowering import lower_pt2e_quantized_to_x86
    except ImportError:
        raise UnsupportedBackendError(
            "[compile] what lowers quantized graphs to inductor lives in torchao, which is missing. Install it with: pip "
            "install torchao"
        ) from None
    from eightbit.torch.fx.lowering import with_dequantize_ops

    with torch.no_grad(), quietly():
        lowered = lower_pt2e_quantized_to_x86(with_dequantize_ops(model), example_of(model))
    return torch.compile(lowered, options=options or None)


_BACKENDS = {"openvino": _with_openvino, "inductor": _with_inductor}


def example_of(model: fx.GraphModule) -> tuple:
    """Inputs of the shapes that the graph was exported with."""
    signature = Signature(model)
    leaves = []
    for place, node in enumerate(signature.placeholders):
        value = node.meta.get("val")
        leaves.append(example(value) if place in signature.tensors else value)
    return tuple(leaves)
