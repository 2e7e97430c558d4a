"""Saving and loading a module that was quantized for training: its structure as a config, its numbers as a state_dict."""

from __future__ import annotations

from typing import Any

import torch

from eightbit import _eightbit
from eightbit.errors import InvalidArgument, ModelError
from eightbit.external.changes import instructions_from
from eightbit.torch.capture import capture
from eightbit.torch.changes import as_json, example_call
from eightbit.torch.network import TorchNetwork
from eightbit.torch.writing import Form, carry_out

_VERSION = 1


def get_config(model: torch.nn.Module) -> dict[str, Any]:
    """What `load_from_config` needs beside the float model, as plain data for JSON or torch.save.

    model: what `eightbit.quantize` made of an nn.Module, or `load_from_config`. Raises InvalidArgument for another one.
    """
    config = getattr(model, "meta", {}).get("eightbit_config")
    if config is None:
        raise InvalidArgument(
            f"[torch] a {type(model).__name__} holds no config. Pass what eightbit.quantize made of an nn.Module."
        )
    return as_json({"version": _VERSION, **config})


def load_from_config(model: torch.nn.Module, config: dict[str, Any]) -> torch.nn.Module:
    """The float model with quantizers where the config has them, and without their numbers: load_state_dict() brings them.

    model: an nn.Module of the class and sizes that was quantized, in evaluation mode; it does not change.
    config: from `get_config`. Raises InvalidArgument for anything else, ModelError where the model is another one.

        quantized = load_from_config(MyModel().eval(), torch.load("config.pt"))
        quantized.load_state_dict(torch.load("weights.pt"))
    """
    if not isinstance(config, dict) or config.get("version") != _VERSION or "changes" not in config:
        raise InvalidArgument(
            "[torch] this is no config of this release. Pass what eightbit.torch.get_config returned."
        )
    network = TorchNetwork(capture(model, example_call(config)), Form.MODULES)
    for changes in config["changes"]:
        description = _eightbit.Description()
        network.describe(description)
        try:
            instructions = instructions_from(changes, network.zeros)
            module, _ = carry_out(network.module, network.reading, instructions, Form.MODULES)
        except (IndexError, KeyError, AttributeError, RuntimeError) as error:
            raise ModelError(
                f"[torch] the config does not fit this {type(model).__name__}: {error}. Build the model as it was quantized."
            ) from error
        network = TorchNetwork(module, Form.MODULES)
    network.config = {key: value for key, value in config.items() if key != "version"}
    return network.finished()
