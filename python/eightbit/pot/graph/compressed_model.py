"""One model, or the parts of a cascade."""

from __future__ import annotations

from typing import Any


class CompressedModel:
    """models: a dict a part: `model`, an openvino.Model, and in a cascade `name`."""

    def __init__(self, models: list[dict[str, Any]], name: str | None = None):
        self._models = models
        self._name = name
        self.meta_data: dict[str, Any] = {}

    @property
    def models(self) -> list[dict[str, Any]]:
        return self._models

    @property
    def is_cascade(self) -> bool:
        return len(self._models) > 1

    @property
    def name(self) -> str:
        return self._name or self._models[0]["model"].friendly_name

    @property
    def only_model(self) -> Any:
        """The openvino.Model of what is no cascade."""
        return self._models[0]["model"]

    def with_models(self, models: list[Any]) -> CompressedModel:
        """The same with other openvino.Models."""
        parts = [{**part, "model": model} for part, model in zip(self._models, models, strict=True)]
        return CompressedModel(parts, self._name)

    def save(
        self, save_path: str, model_name: str | None = None, for_stat_collection: bool = False
    ):
        from eightbit.pot.graph import save_model

        return save_model(self, save_path, model_name, for_stat_collection)

    def get_final_output_nodes(self) -> list[Any]:
        return list(self._models[-1]["model"].get_results())

    def number_of_nodes(self) -> int:
        return sum(len(part["model"].get_ops()) for part in self._models)

    def clean_up(self) -> None:
        """There is nothing to clean: models are not edited in place."""

    def node_labels(self) -> dict[int, str]:
        """Numbers of nodes, in order, and their names, with the part's in front in a cascade."""
        from eightbit.pot.graph.model_utils import get_all_operation_nodes

        return {at: node.fullname for at, node in enumerate(get_all_operation_nodes(self))}

    def __deepcopy__(self, memo: dict) -> CompressedModel:
        copy = self.with_models([part["model"].clone() for part in self._models])
        copy.meta_data = dict(self.meta_data)
        return copy
