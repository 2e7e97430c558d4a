"""From a module that was quantized for training to one for inference."""

from __future__ import annotations

import torch
from torch import fx

from eightbit._arguments import as_enum
from eightbit.errors import InvalidArgument
from eightbit.parameters import StripFormat
from eightbit.torch.clean import drop_unused_tensors
from eightbit.torch.fake_quantize import FakeQuantize
from eightbit.torch.functional import own_states
from eightbit.torch.quantizer_nodes import (
    Numbers,
    add_dequantize,
    add_integers,
    add_quantize,
    add_rounding,
)
from eightbit.torch.tensors import add_tensor, constant_of, settle_names
from eightbit.torch.traceable import make_traceable
from eightbit.torch.writing import copy_module


def strip(
    model: torch.nn.Module,
    do_copy: bool = True,
    strip_format: StripFormat = StripFormat.NATIVE,
    example_input: object = None,
) -> torch.nn.Module:
    """A module for inference, without anything of eightbit in it.

    model: what `eightbit.quantize` made of an nn.Module, trained or not. It does not change, whatever `do_copy`.
    strip_format: NATIVE rounds activations and weights by torch's own fake-quantize ops, DQ stores weights as int8 behind
        dequantize ops and puts quantize and dequantize ops on activations, IN_PLACE stores weights as the floats that they
        are rounded to.
    example_input: not needed; for callers who know NNCF's parameter.
    """
    chosen = as_enum("strip", "strip_format", StripFormat, strip_format)
    if not isinstance(model, fx.GraphModule) or not _quantizers(model):
        raise InvalidArgument(
            f"[strip] a {type(model).__name__} holds no FakeQuantize of eightbit. Pass what eightbit.quantize made of an "
            "nn.Module."
        )
    module, _ = copy_module(model)
    own_states(module)
    with torch.no_grad():
        for node in _quantizers(module):
            _replace(module, node, chosen)
    module.graph.eliminate_dead_code()
    module.delete_all_unused_submodules()  # the quantizers, which still belong to the original
    drop_unused_tensors(module)
    settle_names(module)
    make_traceable(module)
    return module.eval()


def _quantizers(module: fx.GraphModule) -> list[fx.Node]:
    return [
        node
        for node in module.graph.nodes
        if node.op == "call_module" and isinstance(module.get_submodule(node.target), FakeQuantize)
    ]


def _replace(module: fx.GraphModule, node: fx.Node, form: StripFormat) -> None:
    quantizer = module.get_submodule(node.target)
    numbers = numbers_of(quantizer)
    (source,) = node.args
    weight = constant_of(module, source)
    if weight is not None and form is StripFormat.IN_PLACE:
        with module.graph.inserting_after(source):
            replacement = add_tensor(
                module, module.graph, source.target, quantizer(weight).detach()
            )
    elif form is not StripFormat.DQ or (weight is not None and numbers.q_max - numbers.q_min > 255):
        replacement = add_rounding(module, source, numbers)
    elif weight is not None:
        replacement = add_integers(module, source, numbers, numbers.integers_of(weight))
    else:
        quantized = add_quantize(module, source, numbers)
        for reader in list(node.users):
            reader.replace_input_with(
                node, add_dequantize(module, quantized, node.meta["val"].dtype)
            )
        module.graph.erase_node(node)
        return
    node.replace_all_uses_with(replacement)
    module.graph.erase_node(node)


def numbers_of(quantizer: FakeQuantize) -> Numbers:
    """The trained scales, as they are used."""
    wide = quantizer.q_max - quantizer.q_min > 255
    return Numbers(
        quantizer.usable_scale().detach().clone(),
        quantizer.zero_point.clone(),
        quantizer.q_min,
        quantizer.q_max,
        quantizer.axis,
        torch.int32 if wide else torch.uint8,
    )
