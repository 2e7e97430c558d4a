"""Whether a captured graph computes what the model does, on one sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import fx
from torch.utils import _pytree as pytree

from eightbit.errors import ModelError
from eightbit.torch.clean import drop_guards
from eightbit.torch.functional import untouched
from eightbit.torch.session import not_runnable, run_graph
from eightbit.torch.signature import Signature
from eightbit.torch.tensors import states_of
from eightbit.torch.writing import copy_module

_CLOSE = 1e-3  # of an output's norm: what the order of sums may change
_CLOSE_IN_HALF = 3e-2
_FEW = 0.01  # of an output's integers

Run = Callable[[], list[torch.Tensor]]


def check_module(
    model: torch.nn.Module, captured: fx.GraphModule, args: tuple, kwargs: dict[str, Any]
) -> None:
    """Raises ModelError where the graph gives other outputs than the model, in a first call or in a second one, which
    sees what the first has written. Random numbers may differ. The model's buffers and the arguments stay as they are."""

    def run() -> list[torch.Tensor]:
        own_args, own_kwargs = pytree.tree_map_only(torch.Tensor, torch.clone, (args, kwargs))
        try:
            return _tensors(model(*own_args, **own_kwargs))
        except Exception as error:
            raise not_runnable(error) from error

    _check(model, run, captured, Signature(captured).leaves(args, kwargs))


def check_exported(model: fx.GraphModule, captured: fx.GraphModule, leaves: list[Any]) -> None:
    """The same for an exported graph and its flat inputs."""
    reference, _ = copy_module(model)
    drop_guards(reference)

    def run() -> list[torch.Tensor]:
        own = pytree.tree_map_only(torch.Tensor, torch.clone, leaves)
        return _tensors(run_graph(reference, own, {}))

    _check(reference, run, captured, leaves)


def _check(model: torch.nn.Module, run: Run, captured: fx.GraphModule, leaves: list[Any]) -> None:
    states = states_of(captured)
    with torch.no_grad(), untouched(model), torch.random.fork_rng():
        wanted = [_seeded(run), _seeded(run)]
        if not states and not _difference(*wanted):
            wanted.pop()
        for call, outputs in enumerate(wanted):
            found = _seeded(lambda: _tensors(run_graph(captured, leaves, states)))
            difference = _difference(outputs, found)
            if difference and not _is_random(model, run):
                raise _refusal(type(model).__name__, ("first", "second")[call], difference)


def _seeded(run: Run, seed: int = 0) -> list[torch.Tensor]:
    torch.manual_seed(seed)
    return run()


def _is_random(model: torch.nn.Module, run: Run) -> bool:
    """Whether another seed gives other outputs, and the same seed the same."""
    first, again, other = [], [], []
    for outputs, seed in ((first, 0), (again, 0), (other, 1)):
        with untouched(model):
            outputs += _seeded(run, seed)
    return not _difference(first, again) and _difference(first, other) != ""


def _refusal(name: str, call: str, difference: str) -> ModelError:
    return ModelError(
        f"[torch] the graph that was captured from {name} computes something else than the model: {difference}, in the "
        f"{call} call with the first sample. Keep what the model remembers in buffers, and leave out Python code that "
        "depends on values of tensors."
    )


def _tensors(value: Any) -> list[torch.Tensor]:
    """The tensors of a result, as they are now."""
    return [
        leaf.detach().clone()
        for leaf in pytree.tree_leaves(value)
        if isinstance(leaf, torch.Tensor)
    ]


def _difference(wanted: list[torch.Tensor], found: list[torch.Tensor]) -> str:
    if len(wanted) != len(found):
        return f"{len(found)} outputs where the model has {len(wanted)}"
    for number, (one, other) in enumerate(zip(wanted, found, strict=True)):
        if one.shape != other.shape or one.dtype != other.dtype:
            return f"output {number} is {other.dtype}{list(other.shape)} and not {one.dtype}{list(one.shape)}"
        share = _share(one, other)
        if share > 0:
            return f"output {number} differs by {share:.2%}"
    return ""


def _share(one: torch.Tensor, other: torch.Tensor) -> float:
    """How much of an output differs; 0 for what rounding explains."""
    if not one.numel() or torch.equal(one, other):
        return 0.0
    if not (one.is_floating_point() or one.is_complex()):
        share = float((one != other).double().mean())
        return share if share > _FEW else 0.0
    finite = torch.isfinite(one)
    if not torch.equal(finite, torch.isfinite(other)):
        return 1.0
    close = _CLOSE if one.dtype in (torch.float32, torch.float64) else _CLOSE_IN_HALF
    wide = torch.complex128 if one.is_complex() else torch.float64
    first, second = (value[finite].to(wide) for value in (one, other))
    noise, signal = float((first - second).norm()), float(first.norm())
    share = noise / signal if signal > 0 else noise
    return share if share > close else 0.0
