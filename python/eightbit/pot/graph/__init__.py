"""Models in and out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eightbit.errors import FileError, Unsupported
from eightbit.pot.graph.compressed_model import CompressedModel
from eightbit.pot.utils.logger import get_logger

_log = get_logger(__name__)


def load_model(model_config: Mapping[str, Any], target_device: str = "ANY") -> CompressedModel:
    """model_config: `model` and `weights` (.xml and .bin), `model_name`; or `cascade`, a list of `name`, `model`, `weights`.
    Raises RuntimeError for a file that is not there."""
    import openvino

    parts = model_config.get("cascade")
    if not parts:
        parts = [{"name": model_config.get("model_name"), **model_config}]
        named = False
    else:
        named = len(parts) > 1
        if not named:
            _log.warning("cascade has one entry, which is a plain model")
    core, models = openvino.Core(), []
    for part in parts:
        if named and not part.get("name"):
            raise RuntimeError("[pot] a part of the cascade has no name. Give each one.")
        xml, bin_file = _file(part, "model"), _file(part, "weights")
        models.append({"model": core.read_model(xml, bin_file)})
        if named:
            models[-1]["name"] = part["name"]
    return CompressedModel(models, name=model_config.get("model_name"))


def _file(part: Mapping[str, Any], key: str) -> str:
    path = part.get(key)
    if not path:
        raise RuntimeError(
            f"[pot] model_config has no '{key}'. Give the paths of the .xml and the .bin file."
        )
    if not Path(path).is_file():
        raise RuntimeError(f"[pot] the file '{path}' of '{key}' is not there.")
    return str(path)


def save_model(
    model: CompressedModel,
    save_path: str,
    model_name: str | None = None,
    for_stat_collection: bool = False,
) -> list[dict[str, str]]:
    """Writes IR into the folder, which is made where it is missing; files that are there are overwritten. Returns a dict a part:
    the paths `model` and `weights`, in a cascade also `name`."""
    if not isinstance(model, CompressedModel):
        raise Unsupported(
            f"[pot] save_model takes what load_model or a pipeline returned, and this is a {type(model).__name__}."
        )
    folder = Path(save_path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except PermissionError:
        raise PermissionError(
            f"[pot] the folder '{folder}' cannot be made: no permission."
        ) from None
    except OSError as error:
        raise FileError(f"[pot] the folder '{folder}' cannot be made: {error.strerror}.") from error
    return [_save(part, folder, model_name) for part in model.models]


def _save(part: dict[str, Any], folder: Path, model_name: str | None) -> dict[str, str]:
    import openvino

    name = model_name or part["model"].friendly_name
    if "name" in part:
        name = f"{model_name}_{part['name']}" if model_name else part["name"]
    xml = folder / f"{name}.xml"
    openvino.save_model(part["model"], xml, compress_to_fp16=False)
    paths = {"model": str(xml), "weights": str(xml.with_suffix(".bin"))}
    return {"name": part["name"], **paths} if "name" in part else paths


__all__ = ["CompressedModel", "load_model", "save_model"]
