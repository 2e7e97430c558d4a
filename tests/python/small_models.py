"""Small models for the tests of the Python package."""

import numpy as np
import openvino as ov
from openvino import opset13 as ops


def conv_net(channels: int = 8, batch: int = 1) -> ov.Model:
    """Two convolutions and a fully connected layer, with fixed random weights."""
    random = np.random.default_rng(7)

    def weights(*shape):
        return ops.constant((random.standard_normal(shape) * 0.2).astype(np.float32))

    image = ops.parameter([batch, 3, 16, 16], np.float32, name="image")
    image.output(0).get_tensor().set_names({"image"})
    node = image
    for index, width in enumerate((channels, channels)):
        depth = 3 if index == 0 else channels
        node = ops.convolution(
            node, weights(width, depth, 3, 3), [1, 1], [1, 1], [1, 1], [1, 1], name=f"conv_{index}"
        )
        node = ops.add(node, weights(1, width, 1, 1), name=f"bias_{index}")
        node = ops.relu(node, name=f"relu_{index}")
    node = ops.reduce_mean(node, ops.constant(np.array([2, 3])), keep_dims=False, name="pool")
    node = ops.matmul(node, weights(channels, 5), False, False, name="classifier")
    node.output(0).get_tensor().set_names({"logits"})
    return ov.Model([ops.result(node, name="out")], [image], "conv_net")


def op_types(model: ov.Model) -> list[str]:
    return [node.get_type_name() for node in model.get_ordered_ops()]


def serialized(model: ov.Model, folder, name: str) -> tuple[bytes, bytes]:
    """The bytes of the model's files."""
    ov.save_model(model, folder / f"{name}.xml", compress_to_fp16=False)
    return (folder / f"{name}.xml").read_bytes(), (folder / f"{name}.bin").read_bytes()
