"""A graph that OpenVINO runs, called like the module that it was."""

from __future__ import annotations

from typing import Any

import openvino
import torch
from torch import fx
from torch.utils import _pytree as pytree

from eightbit.errors import DataError
from eightbit.torch.openvino_model import source_of, to_openvino
from eightbit.torch.signature import Signature


class OpenVinoCallable:
    """Takes the arguments of the graph and returns its outputs as tensors on the host, nested as ever.

    device, config: of openvino.Core.compile_model. Not for several threads at once.
    """

    def __init__(self, module: fx.GraphModule, device: str, config: dict[str, Any]):
        self._signature = Signature(module)
        (output,) = module.graph.find_nodes(op="output")
        self._outputs, self._spec = pytree.tree_flatten(output.args[0])
        info = getattr(module.graph._codegen, "pytree_info", None)
        if info is not None and info.out_spec is not None:
            self._spec = info.out_spec
        nodes = [source_of(leaf) for leaf in self._outputs if isinstance(leaf, fx.Node)]
        self._results = list(dict.fromkeys(nodes))
        self._model = to_openvino(
            module, self._results, "Run it with backend 'inductor', or as it is."
        )
        self._device, self._config = device, config
        self._compiled: dict[tuple, openvino.CompiledModel] = {}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        inputs = self._inputs(args, kwargs)
        found = self._compiled_for(inputs)(inputs, share_inputs=True)
        tensors = {node: torch.from_numpy(found[place]) for place, node in enumerate(self._results)}
        leaves = [
            tensors[source_of(leaf)] if isinstance(leaf, fx.Node) else leaf
            for leaf in self._outputs
        ]
        return pytree.tree_unflatten(leaves, self._spec)

    def _inputs(self, args: tuple, kwargs: dict[str, Any]) -> list:
        try:
            leaves = self._signature.leaves(args, kwargs)
            tensors = [leaves[place] for place in self._signature.tensors]
            return [tensor.detach().cpu().contiguous().numpy() for tensor in tensors]
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            raise DataError(
                f"[compile] the arguments do not fit forward({', '.join(self._signature.names)}): {error}. Pass tensors "
                "as the graph was exported with."
            ) from None

    def _compiled_for(self, inputs: list) -> openvino.CompiledModel:
        """Fixed shapes run faster than open ones."""
        shapes = tuple(array.shape for array in inputs)
        if shapes not in self._compiled:
            model = self._model.clone()
            model.reshape({place: list(shape) for place, shape in enumerate(shapes)})
            self._compiled[shapes] = openvino.Core().compile_model(
                model, self._device, self._config
            )
        return self._compiled[shapes]
