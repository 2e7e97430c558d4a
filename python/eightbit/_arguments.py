"""Arguments as callers write them, checked."""

from __future__ import annotations

import operator
from enum import Enum
from typing import Any

from eightbit import _eightbit
from eightbit.errors import InvalidArgument


def as_enum(where: str, name: str, enum: type[Enum], value: Any) -> Any:
    """A member of `enum` from a member or its value, in any case; None stays None."""
    if value is None or isinstance(value, enum):
        return value
    text = str(getattr(value, "value", value))
    for member in enum:
        if text.lower() in (str(member.value).lower(), member.name.lower()):
            return member
    allowed = ", ".join(f"{enum.__name__}.{member.name}" for member in enum)
    raise InvalidArgument(f"[{where}] {name} is {value!r}. Allowed are {allowed}.")


def as_count(where: str, name: str, value: Any, least: int) -> int:
    """An integer that is not below `least`."""
    try:
        count = operator.index(value) if not isinstance(value, bool) else None
    except TypeError:
        count = None
    if count is None or count < least:
        raise InvalidArgument(
            f"[{where}] {name} is {value!r}. It must be an integer of at least {least}."
        )
    return count


def as_bytes(where: str, name: str, value: Any) -> int:
    """A number of bytes, written as a number or as "2GB"; 0 for None."""
    if value is None:
        return 0
    if isinstance(value, str):
        return _eightbit.parse_bytes(value)
    return as_count(where, name, value, 1)


def as_subset_size(where: str, value: Any) -> int:
    """How many samples; 0, the library's word for as many as it takes, for None."""
    return 0 if value is None else as_count(where, "subset_size", value, 1)


def as_instance(where: str, name: str, kind: type, value: Any) -> Any:
    """`value`, which must be None or a `kind`."""
    if value is not None and not isinstance(value, kind):
        raise InvalidArgument(
            f"[{where}] {name} is a {type(value).__name__}. Pass an eightbit.{kind.__name__}."
        )
    return value
