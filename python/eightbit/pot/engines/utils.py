"""What engines that users derive import, by the names that they import it by."""

from __future__ import annotations

from typing import Any

from eightbit.pot.engines.statistics import (
    add_tensor_names,
    append_stats,
    process_accumulated_stats,
    process_raw_output,
)
from eightbit.pot.refused import refuse


def collect_model_outputs(model: Any) -> list[str]:
    """All names of an openvino.Model's outputs."""
    return [name for port in model.outputs for name in sorted(port.names)]


def align_stat_names_with_results(
    result_names: Any,
    nodes_name: Any,
    node_to_result_names: Any,
    stats_layout: Any,
    stat_aliases: Any,
) -> None:
    """Statistics are looked up by names that they have from the beginning: there is nothing to align."""


def restore_original_node_names(
    output2node: Any, accumulated_stats: Any, stats_layout: Any, stat_aliases: Any
) -> None:
    """The same: there is nothing to restore."""


def __getattr__(name: str) -> Any:
    return refuse("engines.utils", name)


__all__ = [
    "add_tensor_names",
    "align_stat_names_with_results",
    "append_stats",
    "collect_model_outputs",
    "process_accumulated_stats",
    "process_raw_output",
    "restore_original_node_names",
]
