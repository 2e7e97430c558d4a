"""Dictionaries whose keys are attributes too, as users' code writes configurations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Attributes(dict):
    """A missing key is an empty one: `if config.preprocessing` is False, `config.a.b = 1` makes both."""

    def __init__(self, *given: Any, **keywords: Any):
        super().__init__()
        self.update(dict(*given, **keywords))

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, _deep(value))

    def __missing__(self, key: Any) -> Attributes:
        return _Missing(self, key)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name]

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        self.pop(name, None)

    def update(self, *given: Any, **keywords: Any) -> None:
        for key, value in dict(*given, **keywords).items():
            self[key] = value

    def __deepcopy__(self, memo: dict) -> Attributes:
        return Attributes(self)


class _Missing(Attributes):
    """Joins its parent when something is put into it."""

    def __init__(self, parent: Attributes, key: Any):
        dict.__init__(self)
        object.__setattr__(self, "_place", (parent, key))

    def __setitem__(self, key: Any, value: Any) -> None:
        parent, own = object.__getattribute__(self, "_place")
        if own not in parent:
            parent[own] = {}
        parent[own][key] = value
        super().__setitem__(key, value)


def _deep(value: Any) -> Any:
    if isinstance(value, Mapping) and not isinstance(value, Attributes):
        return Attributes(value)
    if isinstance(value, list):
        return [_deep(one) for one in value]
    return value
