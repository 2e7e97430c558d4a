"""Runs an exported graph and shows its values as they appear."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from typing import Any

import numpy as np
import torch
from torch import fx

from eightbit.errors import Error, ModelError
from eightbit.torch.tensors import from_library


def as_measured(value: torch.Tensor) -> torch.Tensor:
    """As the recorder takes it: f32, contiguous, on the host."""
    return value.detach().to(device="cpu", dtype=torch.float32).contiguous()


class Interpreter(fx.Interpreter):
    """Calls `seen(node, value)` for every node among `watched`; what that returns takes the value's place. `states`: in the
    place of the tensors that the graph writes into. `bypassed`: nodes that hand on their first input."""

    def __init__(
        self,
        module: fx.GraphModule,
        watched: set[fx.Node],
        seen: Callable[[fx.Node, Any], Any],
        states: dict[str, torch.Tensor],
        bypassed: Container[fx.Node] = (),
    ):
        super().__init__(module)
        self._watched = watched
        self._seen = seen
        self._states = states
        self._bypassed = bypassed
        self.extra_traceback = False

    def fetch_attr(self, target: str) -> Any:
        return self._states[target] if target in self._states else super().fetch_attr(target)

    def run_node(self, n: fx.Node) -> Any:
        if n in self._bypassed:
            value = self.env[n.args[0]]
        elif n.target is torch.ops.aten.copy_.default and n.args[0].target in self._states:
            value = self._states[n.args[0].target] = self._changed(n)
        else:
            value = super().run_node(n)
        return self._seen(n, value) if n in self._watched else value

    def _changed(self, write: fx.Node) -> torch.Tensor:
        """A new tensor: values that were seen before may be views of the old one."""
        state, value = write.args[:2]
        return self._states[state.target].clone().copy_(self.env[value])


def run_graph(
    module: fx.GraphModule,
    inputs: list[Any],
    states: dict[str, torch.Tensor],
    watched: Iterable[fx.Node] = (),
    seen: Callable[[fx.Node, Any], Any] = lambda node, value: value,
    bypassed: Container[fx.Node] = (),
) -> Any:
    """The outputs, flat; new states are in `states`. Raises ModelError with torch's reason."""
    try:
        with torch.no_grad():
            interpreter = Interpreter(module, set(watched), seen, states, bypassed)
            return interpreter.run(*inputs, enable_io_processing=False)
    except (Error, KeyboardInterrupt):
        raise
    except Exception as error:
        raise not_runnable(error) from error


def not_runnable(error: Exception) -> ModelError:
    reason = str(error).strip().splitlines()
    return ModelError(
        f"[torch] the model could not be run: {type(error).__name__}: {reason[0] if reason else ''}. Check that it runs "
        "on a sample of the dataset."
    )


class TorchTensors:
    """See eightbit.external.sessions.Tensors."""

    def measured(self, tensor: torch.Tensor) -> torch.Tensor:
        return as_measured(tensor)

    def from_library(self, array: Any) -> np.ndarray:
        return from_library(array).numpy()

    def plus(self, tensor: torch.Tensor, row: np.ndarray) -> torch.Tensor:
        return tensor + torch.from_numpy(row).to(tensor)

    def like(self, tensor: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        return tensor.to(other.dtype)

    def kept(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.detach()
