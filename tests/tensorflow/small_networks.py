"""Small networks in either Keras, and what is asked of results."""

import numpy as np
import openvino as ov
import tensorflow as tf

LAYERS = ("Convolution", "Deconvolution", "FullyConnected", "MatMul")


def images(count: int, seed: int = 0, batch: int = 1) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [random.standard_normal((batch, 16, 16, 3)).astype(np.float32) for _ in range(count)]


def convolutions(kit):
    """Convolution, depthwise, residual, pooling, dense; batch norms with statistics."""
    layers = kit.layers
    image = layers.Input((16, 16, 3), name="image")
    x = layers.Conv2D(8, 3, padding="same", use_bias=False, name="first")(image)
    x = layers.ReLU(6.0)(layers.BatchNormalization(name="first_norm")(x))
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="depthwise")(x)
    x = layers.ReLU(6.0)(layers.BatchNormalization(name="depthwise_norm")(x))
    y = layers.Conv2D(8, 1, padding="same", name="project")(x)
    x = layers.Add(name="sum")([x, y])
    x = layers.GlobalAveragePooling2D()(x)
    model = kit.Model(image, layers.Dense(5, name="classes")(x), name="small")
    random = np.random.default_rng(3)
    for name in ("first_norm", "depthwise_norm"):
        shapes = [weight.shape for weight in model.get_layer(name).get_weights()]
        numbers = [random.uniform(0.5, 1.5, shape).astype(np.float32) for shape in shapes]
        model.get_layer(name).set_weights(numbers)
    return model


def attention(kit):
    layers = kit.layers
    tokens = layers.Input((8,), dtype="int32", name="tokens")
    x = layers.Embedding(50, 32, name="table")(tokens)
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 16, name="heads")(x, x))
    y = layers.Dense(64, activation="gelu", name="wide")(x)
    return kit.Model(tokens, layers.Dense(32, name="narrow")(y), name="attention")


def token_rows(count: int) -> list[np.ndarray]:
    random = np.random.default_rng(2)
    return [random.integers(0, 50, (1, 8)).astype(np.int32) for _ in range(count)]


def sqnr(wanted, found) -> float:
    wanted, found = (np.asarray(each, np.float64) for each in (wanted, found))
    return 10 * np.log10((wanted**2).sum() / max(((wanted - found) ** 2).sum(), 1e-30))


def outputs(model, samples) -> np.ndarray:
    """Of the first output."""
    found = [tf.nest.flatten(model(sample))[0].numpy() for sample in samples]
    return np.concatenate(found)


def in_openvino(model, samples) -> tuple[np.ndarray, ov.Model]:
    """Outputs of the model as OpenVINO converts and runs it, and that model."""
    converted = ov.convert_model(model)
    compiled = ov.compile_model(converted, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.concatenate([compiled(sample)[0] for sample in samples]), converted


def in_tflite(module: tf.Module):
    """An interpreter of the module as TFLite converts it."""
    from ai_edge_litert.interpreter import Interpreter

    serving = module.signatures["serving_default"]
    converter = tf.lite.TFLiteConverter.from_concrete_functions([serving], module)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    interpreter = Interpreter(model_content=converter.convert())
    interpreter.allocate_tensors()
    return interpreter


def layers_of(interpreter, *kinds: str) -> list[list[type]]:
    """Of each layer of these kinds, the types of its input and its weight."""
    types = {each["index"]: each["dtype"] for each in interpreter.get_tensor_details()}
    return [
        [types[index] for index in operation["inputs"][:2]]
        for operation in interpreter._get_ops_details()
        if operation["op_name"] in kinds
    ]


def run_tflite(interpreter, samples) -> np.ndarray:
    """The only output for the only input."""
    (given,), (made,) = interpreter.get_input_details(), interpreter.get_output_details()
    found = []
    for sample in samples:
        interpreter.set_tensor(given["index"], sample)
        interpreter.invoke()
        found.append(interpreter.get_tensor(made["index"]))
    return np.concatenate(found)
