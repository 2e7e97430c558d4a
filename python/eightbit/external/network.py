"""A captured model as the library reads and rewrites it (see include/eightbit/external.h): the half that asks no framework."""

from __future__ import annotations

from typing import Any

from eightbit import _eightbit
from eightbit.external.reading import Reading
from eightbit.scopes import IgnoredScope


class Network:
    """A framework's network inherits it and adds `backend`, `inputs`, `outputs`, `describe`, `apply`, `finished`, and what
    stands below. What runs it is an engine (engine.py).

    steps_before: seconds of what was done before the library was called.
    largest_batch: how many samples may run together. stateful: whether a run leaves something for the next one.
    """

    backend: str

    def __init__(self):
        self.reading: Reading | None = None
        self.stateful = False
        self.largest_batch = 1
        self.metadata: dict[str, str] = {}
        self.steps_before: dict[str, float] = {}

    @property
    def graph(self) -> Any:
        """What an engine runs."""
        raise NotImplementedError

    def planned(self, instructions: _eightbit.Instructions) -> tuple[Any, dict[Any, Any]]:
        """A copy of the graph that simulates a plan in float, and the twins of this graph's nodes and values in it."""
        raise NotImplementedError

    def first_output(self, node: Any) -> Any:
        """The value that a node computes."""
        return node

    def flatten(self, item: Any, number: int) -> dict[str, Any]:
        """The tensors of a sample by the names of the inputs. Raises DataError, which tells the number of the sample."""
        raise NotImplementedError

    def resolved(self, scope: IgnoredScope | None) -> IgnoredScope | None:
        """An ignored scope in the names of the description."""
        return scope

    def requests(self) -> list[_eightbit.QuantizerRequest] | None:
        """What is quantized; None leaves that to the target device."""
        return None
