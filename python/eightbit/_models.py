"""Models of the frameworks, in and out."""

from __future__ import annotations

import os
from typing import Any

from eightbit import _eightbit
from eightbit._arguments import as_enum
from eightbit.frameworks import Settings, framework_of, home_of
from eightbit.parameters import Engine


def settings_of(
    where: str, engine: Any, external_data_dir: Any = None, subset_size: int = 1
) -> Settings:
    """Arguments as callers write them, checked."""
    engine = as_enum(where, "engine", Engine, engine or Engine.AUTO)
    return Settings(engine, external_data_dir, subset_size)


def to_native_model(
    model: Any, engine: Engine = Engine.AUTO, external_data_dir: str | os.PathLike | None = None
) -> _eightbit.Model:
    """What `quantize` takes, as the library's handle. The caller's object is not changed.

    external_data_dir: of an onnx.ModelProto with tensors in other files.
    """
    return framework_of(model).read(model, settings_of("model", engine, external_data_dir))


def from_native_model(model: _eightbit.Model) -> Any:
    """A new model of the framework that it belongs to."""
    return home_of(model).unwrap(model)
