"""Runs a configuration whose engine is code of the user's own. `eightbit pot` calls it, and has checked the configuration."""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import importlib
import json
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

from eightbit.errors import Error, InvalidArgument
from eightbit.pot.attributes import Attributes
from eightbit.pot.engines.ie_engine import IEEngine
from eightbit.pot.graph import load_model, save_model
from eightbit.pot.pipeline import create_pipeline
from eightbit.pot.utils.logger import get_logger, init_logger

_log = get_logger(__name__)

_REFUSED, _RAISED, _INTERRUPTED = 2, 3, 130  # how the process ends


def engine_of(name: str, folder: str, config: dict[str, Any], key: str) -> IEEngine:
    """name: MODULE.NAME of a function or a class, which is called with `config`. The module is looked for in `folder` first. key:
    where the configuration has the name. Raises InvalidArgument where there is no such thing, or where what it makes is no engine."""
    sys.path.insert(0, folder)
    where, _, what = name.rpartition(".")
    try:
        module = importlib.import_module(where)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{where}.".startswith(f"{error.name}."):
            raise  # something that the module itself imports
        raise InvalidArgument(
            f"[pot] {key}: there is no module '{where}' in '{folder}'. Name its folder in python_path."
        ) from None
    if not callable(made := getattr(module, what, None)):
        raise InvalidArgument(f"[pot] {key}: '{where}' has no function and no class '{what}'.")
    engine = made(Attributes(config))
    if not isinstance(engine, IEEngine):
        raise InvalidArgument(
            f"[pot] {key}: '{name}' makes a {type(engine).__name__}. It must be an engine derived from "
            "eightbit.pot.IEEngine."
        )
    return engine


def run(asked: argparse.Namespace) -> None:
    engine = engine_of(asked.module, asked.path, asked.config, asked.key)
    pipeline = create_pipeline(asked.algorithms, engine)
    pipeline.compresses_weights = not asked.keep_weights
    model = load_model(asked.model)
    asked.out.mkdir(parents=True, exist_ok=True)
    init_logger(asked.log_level, sys.stderr, str(asked.out / "log.txt"))
    result = pipeline.run(model)
    name = asked.model.get("model_name")
    for paths in save_model(result, str(asked.out / "optimized"), name):
        if asked.log_level not in ("ERROR", "CRITICAL"):
            print(f"Saved to {paths['model']}", flush=True)
    if asked.evaluate:
        _print_metrics(pipeline.evaluate(result))


def _print_metrics(metrics: dict[str, float] | None) -> None:
    """As POT logs them: a name of 27 characters, and the value."""
    if metrics is None:
        raise InvalidArgument("[pot] --evaluate needs a metric. Pass one to the engine.")
    for name, value in metrics.items():
        print(f"{name:<27}: {value}", flush=True)


def _end_with_parent() -> None:
    """Linux only: SIGTERM when the program that waits for this one is gone, however it went."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def main() -> None:
    _end_with_parent()
    parser = argparse.ArgumentParser()
    for flag in ("--module", "--path", "--key", "--log-level"):
        parser.add_argument(flag, required=True)
    for flag in ("--config", "--model", "--algorithms"):
        parser.add_argument(flag, required=True, type=json.loads)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--evaluate", action="store_true")
    parser.add_argument("--keep-weights", action="store_true")
    try:
        run(parser.parse_args())
    except Error as error:
        print(str(error).replace("\n", " "), file=sys.stderr)
        sys.exit(_REFUSED)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except Exception:  # of the user's code
        traceback.print_exc()
        sys.exit(_RAISED)


if __name__ == "__main__":
    main()
