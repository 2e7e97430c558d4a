"""What functions of the user's make of values inside a model: which outputs they need, and where their results gather."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from eightbit.pot.graph.compressed_model import CompressedModel

# {node name, or (node name, output port): {statistic: function of an array}}
StatsLayout = dict[Any, dict[Any, Callable]]


class StatisticGraphBuilder:
    """Says which outputs a layout needs. Nothing is inserted into graphs."""

    def insert_statistic(
        self, model: CompressedModel, stats_layout: StatsLayout, stat_aliases: Any = None
    ) -> tuple[CompressedModel, dict[str, dict[Any, tuple[str, int]]], dict[str, str]]:
        """(the model, {name of a part's model: {key: (node, port)}}, an empty dict: bodies of If and Loop have no statistics).
        In a cascade keys begin with the part's name: "pnet_conv1"."""
        names: dict[str, dict[Any, tuple[str, int]]] = {}
        for part in model.models:
            own = {op.get_friendly_name() for op in part["model"].get_ops()}
            prefix = f"{part['name']}_" if "name" in part else ""
            found = names.setdefault(part_name(part), {})
            for key in stats_layout:
                node, port = key if isinstance(key, tuple) else (key, 0)
                if node.startswith(prefix) and node.removeprefix(prefix) in own:
                    found[key] = (node.removeprefix(prefix), port)
        return model, names, {}


def part_name(part: Mapping[str, Any]) -> str:
    """Of a part's model, as an engine sees it."""
    return part.get("name") or part["model"].friendly_name


def text_of(key: Any) -> str:
    """("conv", 1) is "conv.1"."""
    return f"{key[0]}.{key[1]}" if isinstance(key, tuple) else key


def tensor_name(key: Any) -> str:
    """Of a value with statistics: the last of a port's names in the order that decides which one is its first."""
    return f"~{text_of(key)}"


def add_tensor_names(outputs: Iterable[Any], keys: Iterable[Any]) -> None:
    """outputs: ports, as adding outputs returned them. Their first names stay what they were."""
    for output, key in zip(outputs, keys, strict=True):
        output.get_tensor().add_names({tensor_name(key)})


def process_raw_output(output: Mapping[Any, Any]) -> dict[str, Any]:
    """Results of an inference by all names of their ports."""
    return {name: value for port, value in output.items() for name in port.names}


def append_stats(
    accumulated: dict[str, dict[Any, list]], stats_layout: StatsLayout, value: Any, sample_id: Any
) -> None:
    """value: results of an inference; of a batch a list of them, one a sample. Values that are not there, as those of other
    parts, are passed over."""
    for one in value if isinstance(value, list) else [value]:
        found = process_raw_output(one)
        for key, functions in stats_layout.items():
            gathered = accumulated.setdefault(key, {name: [] for name in functions})
            if tensor_name(key) not in found:
                continue
            for name, function in functions.items():
                gathered[name].append((sample_id, function(found[tensor_name(key)])))


def process_accumulated_stats(
    accumulated_stats: dict[str, dict[Any, list]], stat_names_aliases: Any = None
) -> dict[Any, dict[Any, list]]:
    """Sorted by sample and without their numbers, by the keys that the layout had."""
    ordered = {
        key: {
            name: [value for _, value in sorted(rows, key=_by_sample)]
            for name, rows in functions.items()
        }
        for key, functions in accumulated_stats.items()
    }
    aliases = stat_names_aliases or {}
    return {aliases.get(key, key): functions for key, functions in ordered.items()}


def _by_sample(row: tuple[Any, Any]) -> tuple[bool, Any]:
    return isinstance(row[0], str), row[0]
