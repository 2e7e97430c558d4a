"""Small models for the tests of the Python package."""

import numpy as np
import openvino as ov
from openvino import opset13 as ops


def weights(*shape, seed=0, gain=1.4) -> ov.Node:
    """Random, scaled so that a layer of them keeps the size of its input."""
    random = np.random.default_rng(seed)
    return ops.constant(
        (gain * random.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)
    )


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


def by_runtime(model: ov.Model, samples: list, **options) -> np.ndarray:
    """The first output on all samples, as users get it but for bf16."""
    compiled = ov.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32", **options})
    return np.concatenate([compiled(sample)[0].ravel() for sample in samples])


def sqnr(reference: np.ndarray, other: np.ndarray) -> float:
    """Signal to noise in dB."""
    return float(10 * np.log10((reference**2).sum() / ((reference - other) ** 2).sum()))


def quantized_sqnr(model: ov.Model, quantized: ov.Model, samples: list) -> float:
    return sqnr(by_runtime(model, samples), by_runtime(quantized, samples))


def delicate_net() -> ov.Model:
    """Four products with weights of one size. `ruined` reads one channel that is 3000 times as large as the others and that it
    has no use for: a quantizer in front of it leaves nothing of these."""
    random = np.random.default_rng(21)

    def weights():
        return (random.standard_normal((64, 64)) / np.sqrt(32)).astype(np.float32)

    x = ops.parameter([1, 16, 64], np.float32, name="x")
    node = ops.relu(ops.matmul(x, ops.constant(weights()), False, False, name="first"))
    large = weights()
    large[:, 0] *= 3000
    node = ops.relu(ops.matmul(node, ops.constant(large), False, False, name="second"))
    deaf = weights()
    deaf[0] *= 1e-6
    node = ops.relu(ops.matmul(node, ops.constant(deaf), False, False, name="ruined"))
    node = ops.matmul(node, ops.constant(weights()), False, False, name="last")
    node.output(0).get_tensor().set_names({"y"})
    return ov.Model([ops.result(node)], [x], "delicate_net")


def delicate_samples(count: int = 48, seed: int = 5) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [random.standard_normal((1, 16, 64)).astype(np.float32) for _ in range(count)]
