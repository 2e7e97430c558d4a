"""From a model of PyTorch to a graph of ATen ops that can be measured and rewritten. The model itself stays as it is."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx
from torch.utils import _pytree as pytree

from eightbit.errors import DataError, Error, InvalidArgument, ModelError, UnsupportedBackendError
from eightbit.torch.agreement import check_exported, check_module
from eightbit.torch.clean import clean, refuse_training
from eightbit.torch.functional import exported_again, functional, untouched
from eightbit.torch.recurrent import shapes_at_once
from eightbit.torch.shapes import is_open
from eightbit.torch.signature import Signature, as_call, as_tensors
from eightbit.torch.tensors import states_of
from eightbit.torch.writing import copy_module

_OLDEST = (2, 9)
_CLOSE = 1e-3  # of the largest output: what batching may change by rounding


def require_torch() -> None:
    version = tuple(int(part) for part in torch.__version__.split("+")[0].split(".")[:2])
    if version < _OLDEST:
        raise UnsupportedBackendError(
            f"[torch] torch {torch.__version__} is too old. Install torch {_OLDEST[0]}.{_OLDEST[1]} or newer."
        )


def is_exported(model: Any) -> bool:
    """Whether this is what torch.export.export(...).module() returns."""
    return isinstance(model, fx.GraphModule) and any(
        isinstance(node.target, torch._ops.OpOverload) for node in model.graph.nodes
    )


@dataclass
class Call:
    """Arguments as they are. open: for each tensor among them the axes that may have other sizes; None finds out whether
    axis 0 may hold several samples. varying: axes that have other sizes in other samples."""

    args: tuple
    kwargs: dict[str, Any]
    open: list[set[int]] | None = None
    varying: list[set[int]] | None = None

    def tensors(self) -> list[torch.Tensor]:
        return _tensors_of((self.args, self.kwargs))


def capture(model: Any, example: Any = None, others: Sequence[Any] = ()) -> fx.GraphModule:
    """A clean graph. `example`: a sample or a Call, which an nn.Module is exported with. On a sample the graph is compared
    with the model. `others`: more samples; what sizes differ in is left open.

    A module in training mode is captured in evaluation mode, and is in training mode afterwards. Raises InvalidArgument for
    a graph that was exported in training mode, ModelError with the exporter's reason or where the graph computes something
    else, DataError where the sample does not fit forward().
    """
    require_torch()
    if isinstance(model, torch.export.ExportedProgram):
        model = model.module()
    check_devices(model)
    if is_exported(model):
        refuse_training(model)
        captured = functional(copy_module(model)[0], lambda: exported_again(model))
        _compare_exported(model, captured, example)
    else:
        call = example if isinstance(example, Call) else _call_of_several(model, [example, *others])
        with evaluating(model):
            captured = _export(model, call)
            _check_open(type(model).__name__, captured, call)
            if call is not example:
                check_module(model, captured, call.args, call.kwargs)
    clean(captured)
    return captured


def _compare_exported(model: fx.GraphModule, captured: fx.GraphModule, example: Any) -> None:
    """Samples of shapes that the graph does not take are left to be refused with the others."""
    signature = Signature(captured)
    if example is None:
        return
    named = signature.flatten(example, 0)
    if not all(_takes(signature.placeholders[place], named) for place in signature.tensors):
        return
    check_exported(model, captured, signature.place(list(named.values())))


def _takes(node: fx.Node, named: dict[str, torch.Tensor]) -> bool:
    value, tensor = node.meta["val"], named[str(node.target)]
    return (
        value.dtype == tensor.dtype
        and value.dim() == tensor.dim()
        and all(
            is_open(size) or size == own
            for size, own in zip(value.shape, tensor.shape, strict=True)
        )
    )


def check_devices(model: torch.nn.Module) -> None:
    devices = {str(tensor.device) for tensor in [*model.parameters(), *model.buffers()]}
    if len(devices) > 1:
        raise InvalidArgument(
            f"[torch] the model's tensors are on {', '.join(sorted(devices))}. Move it to one of them: model.to(device)."
        )


def _export(model: torch.nn.Module, call: Call) -> fx.GraphModule:
    if call.open is not None:
        return _exported(model, call.args, call.kwargs, call.open)
    varying = call.varying or [set() for _ in call.tensors()]
    batched = _twice((call.args, call.kwargs))
    if batched is not None:
        with contextlib.suppress(Exception):
            module = _exported(model, *batched, [{0} | axes for axes in varying])
            # What a batch leaves in a state is not what its items would.
            if _is_dynamic(module) and not states_of(module):
                if _items_are_independent(model, module, call):
                    return module
    return _exported(model, call.args, call.kwargs, varying)


@contextlib.contextmanager
def evaluating(model: torch.nn.Module) -> Iterator[None]:
    """Batch norms and dropouts as in inference, whatever mode each part is in."""
    modes = [(part, part.training) for part in model.modules()]
    try:
        if any(training for _, training in modes):
            model.eval()
        yield
    finally:
        for part, training in modes:
            part.training = training


def _check_open(name: str, module: fx.GraphModule, call: Call) -> None:
    """Raises ModelError where the export has settled on one size of an axis whose sizes differ."""
    nodes = module.graph.find_nodes(op="placeholder")
    inputs = [node for node in nodes if isinstance(node.meta.get("val"), torch.Tensor)]
    if call.varying is None or len(inputs) != len(call.varying):
        return
    for node, axes in zip(inputs, call.varying, strict=True):
        for axis in sorted(axes):
            size = node.meta["val"].shape[axis]
            if not is_open(size):
                raise ModelError(
                    f"[torch] the samples have several sizes along axis {axis} of '{node.target}', and {name} is exported "
                    f"for {size} alone. Bring them to one size in transform_func, or leave out Python code that turns sizes "
                    "into plain numbers."
                )


def _call_of_several(model: torch.nn.Module, items: Sequence[Any]) -> Call:
    """The first sample that shows sizes above 1 where they differ, and where that is."""
    calls = [call_of(model, items[0])]
    for item in items[1:]:
        with contextlib.suppress(Exception):  # what is wrong with it is said when its turn comes
            calls.append(call_of(model, item))
    shapes = [[tensor.shape for tensor in call.tensors()] for call in calls]
    alike = [each for each in shapes if list(map(len, each)) == list(map(len, shapes[0]))]
    varying = [
        {axis for axis, sizes in enumerate(zip(*leaf, strict=True)) if len(set(sizes)) > 1}
        for leaf in zip(*alike, strict=True)
    ]
    varying = [axes - {0} for axes in varying]  # axis 0 is a batch, or settled
    telling = [
        call
        for call, sizes in zip(calls, shapes, strict=True)
        if sizes in alike
        and all(size[axis] > 1 for size, axes in zip(sizes, varying, strict=True) for axis in axes)
    ]
    call = (telling or calls)[0]
    call.varying = varying
    return call


def call_of(model: torch.nn.Module, example: Any) -> Call:
    """The arguments that a sample stands for, on the model's device."""
    signature = inspect.signature(model.forward)
    kinds = [parameter.kind for parameter in signature.parameters.values()]
    names = [] if inspect.Parameter.VAR_KEYWORD in kinds else list(signature.parameters)
    device = next((tensor.device for tensor in model.parameters()), torch.device("cpu"))
    args, kwargs = as_tensors(as_call(example, names))
    for candidate in ((args, kwargs), ((as_tensors(example),), {})):
        try:
            signature.bind(*candidate[0], **candidate[1])
        except TypeError as error:
            reason = error
            continue
        return Call(
            *pytree.tree_map_only(torch.Tensor, lambda leaf: leaf.detach().to(device), candidate)
        )
    raise DataError(
        f"[dataset] sample 0 does not fit forward({', '.join(signature.parameters)}): {reason}. Pass a tuple of its "
        "arguments in order, a dict of them by name, or the only one; see transform_func of eightbit.Dataset."
    )


def _exported(
    model: torch.nn.Module, args: tuple, kwargs: dict[str, Any], open_axes: list[set[int]]
) -> fx.GraphModule:
    bound = inspect.signature(model.forward).bind(*args, **kwargs).arguments
    axes_of = {
        id(tensor): dict.fromkeys(axes, torch.export.Dim.AUTO) or None
        for tensor, axes in zip(_tensors_of((args, kwargs)), open_axes, strict=True)
    }
    shapes = {
        name: pytree.tree_map(lambda leaf: axes_of.get(id(leaf)), value)
        for name, value in bound.items()
    }
    try:
        with torch.no_grad(), quietly(), shapes_at_once():
            program = torch.export.export(
                model, args, kwargs, dynamic_shapes=shapes if any(open_axes) else None
            )
        with torch.no_grad(), quietly():
            return functional(program.module(), lambda: program)
    except Error:
        raise
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise ModelError(
            f"[torch] {type(model).__name__} cannot be exported: {type(error).__name__}: {lines[0] if lines else ''}. "
            "Make torch.export.export(model, example_inputs) work, or pass the part of the model that it works for."
        ) from error


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Exporting warns about its own internals."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _tensors_of(call: Any) -> list[torch.Tensor]:
    return [leaf for leaf in pytree.tree_leaves(call) if isinstance(leaf, torch.Tensor)]


def _twice(call: Any) -> Any:
    """The call with each tensor doubled along axis 0, as a batch of two; None where axis 0 cannot be a batch."""
    tensors = _tensors_of(call)
    if not tensors or any(tensor.dim() < 1 for tensor in tensors):
        return None
    if len({tensor.shape[0] for tensor in tensors}) > 1:
        return None
    return pytree.tree_map_only(torch.Tensor, lambda tensor: torch.cat([tensor, tensor]), call)


def _is_dynamic(module: fx.GraphModule) -> bool:
    return all(
        is_open(node.meta["val"].shape[0])
        for node in module.graph.find_nodes(op="placeholder")
        if isinstance(node.meta.get("val"), torch.Tensor)
    )


def _items_are_independent(model: torch.nn.Module, module: fx.GraphModule, call: Call) -> bool:
    """Whether two items of a batch give what each gives alone."""
    one = call.args, call.kwargs
    other = pytree.tree_map_only(torch.Tensor, lambda tensor: tensor.flip(-1), one)
    both = pytree.tree_map_only(
        torch.Tensor, lambda tensor: torch.cat([tensor, tensor.flip(-1)]), one
    )
    with torch.no_grad(), untouched(model):
        alone = [pytree.tree_leaves(model(*args, **kwargs)) for args, kwargs in (one, other)]
        beside = pytree.tree_leaves(module(*both[0], **both[1]))
    return len(alone[0]) == len(beside) and all(map(_agree, *alone, beside))


def _agree(one: Any, other: Any, beside: Any) -> bool:
    if not isinstance(one, torch.Tensor):
        return True
    if not one.dim() or beside.shape[0] != one.shape[0] + other.shape[0]:
        return False
    wanted, found = torch.cat([one, other]).double(), beside.double()
    scale = float(wanted.abs().max()) if wanted.numel() else 0.0
    return torch.allclose(found, wanted, rtol=_CLOSE, atol=_CLOSE * scale, equal_nan=True)


def largest_batch(module: fx.GraphModule) -> int:
    """How many samples may run together: several where axis 0 of every tensor that is computed holds the samples."""
    signature = Signature(module)
    values = [signature.placeholders[place].meta["val"] for place in signature.tensors]
    if not values or any(not value.dim() or not is_open(value.shape[0]) for value in values):
        return 1
    batch = values[0].shape[0]
    largest = 1
    for node in module.graph.nodes:
        value = node.meta.get("val")
        if node.op in ("get_attr", "output") or not isinstance(value, torch.Tensor):
            continue
        symbolic = [size for size in value.shape if is_open(size)]
        if symbolic and (
            not is_open(value.shape[0]) or str(value.shape[0]) != str(batch) or len(symbolic) > 1
        ):
            return 1
        if symbolic:
            largest = max(largest, _item_size(value))
    return max(1, min(_MOST_TOGETHER, _MOST_ELEMENTS // largest))


_MOST_TOGETHER = 16
_MOST_ELEMENTS = 1 << 22  # of one value: 16 MB


def _item_size(value: torch.Tensor) -> int:
    count = 1
    for size in value.shape[1:]:
        count *= size
    return count
