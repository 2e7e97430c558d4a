"""What a model is called with and what it gives, and samples in that form."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

from eightbit.errors import DataError


@dataclass
class Signature:
    """names: of the flat inputs, in order. specs: of the same; None for sizes that are open. structure: of the arguments, as
    tf.nest packs the flat inputs. outputs: structure of what a call gives, output_names: of its flat values."""

    names: list[str]
    specs: list[tf.TensorSpec]
    structure: Any
    outputs: Any = None
    output_names: list[str] = field(default_factory=list)

    def flatten(self, item: Any, number: int) -> dict[str, np.ndarray]:
        """The arrays of a sample by the names of the inputs. Raises DataError naming the sample."""
        values = self._ordered(item, number)
        return {
            name: self._array(name, spec, value, number)
            for name, spec, value in zip(self.names, self.specs, values, strict=True)
        }

    def _ordered(self, item: Any, number: int) -> list[Any]:
        if hasattr(item, "keys"):
            item = dict(item)
            if set(self.names) <= set(item):
                return [item[name] for name in self.names]
        if len(self.names) == 1 and not isinstance(item, (dict, list, tuple)):
            return [item]
        if isinstance(item, (list, tuple)) and len(item) == 1 and len(self.names) > 1:
            item = item[0]
        try:
            tf.nest.assert_same_structure(self.structure, item, check_types=False)
            return tf.nest.flatten(item)
        except (ValueError, TypeError):
            pass
        if isinstance(item, (list, tuple)) and len(item) == len(self.names):
            return list(item)
        held = f"{len(item)} values" if hasattr(item, "__len__") else f"a {type(item).__name__}"
        raise DataError(
            f"[dataset] sample {number} holds {held}, and the model takes {', '.join(self.names)}. Pass its inputs in order, a dict "
            "of them by name, or the only one, and leave labels out; see transform_func of eightbit.Dataset."
        )

    def _array(self, name: str, spec: tf.TensorSpec, value: Any, number: int) -> np.ndarray:
        array = np.asarray(value)
        wanted = spec.dtype.as_numpy_dtype
        if array.dtype != wanted and spec.dtype != tf.string:
            if array.dtype.kind != np.dtype(wanted).kind and not (
                array.dtype.kind in "iu" and np.dtype(wanted).kind in "iuf"
            ):
                raise DataError(
                    f"[dataset] sample {number}: input '{name}' is {array.dtype}, and the model takes {spec.dtype.name}. "
                    "Convert it in transform_func."
                )
            array = array.astype(wanted)
        rank = spec.shape.rank
        if rank is not None and array.ndim == rank - 1 and spec.shape[0] in (None, 1):
            array = array[None]
        if not spec.shape.is_compatible_with(array.shape):
            raise DataError(
                f"[dataset] sample {number}: input '{name}' has shape {list(array.shape)}, and the model takes {spec.shape}. "
                "Bring samples to that shape in transform_func."
            )
        return array

    def packed_outputs(self, flat: list[Any]) -> Any:
        """Outputs nested as the model gives them."""
        return tf.nest.pack_sequence_as(self.outputs, flat)


def names_of_outputs(structure: Any, flat: list[Any]) -> list[str]:
    """Keys of a dict, else the names of the ops."""
    if isinstance(structure, dict) and len(structure) == len(flat):
        return [str(key) for key in sorted(structure)]
    names: list[str] = []
    for number, _ in enumerate(flat):
        names.append("output" if len(flat) == 1 else f"output_{number}")
    return names
