"""A model made for any device holds on processors that this one is not: the instruction set is lowered for a process that
runs it. What a processor lacks is not there to be lowered, so on an old one all of these are the same."""

import os
import subprocess
import sys

import eightbit as eb
import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops
from small_models import sqnr

RUN = """
import sys
import numpy as np, openvino as ov
compiled = ov.compile_model(sys.argv[1], "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
np.save(sys.argv[3], np.stack([compiled(x[None])[0] for x in np.load(sys.argv[2])]))
"""


def transform() -> ov.Model:
    """Sines and cosines as weights with one input channel, whose kernels add neighbouring positions in pairs."""
    x = ops.parameter([1, 1, 1024], np.float32, name="x")
    t = np.arange(256) / 256
    waves = np.stack([f(2 * np.pi * k * t) for k in range(1, 33) for f in (np.cos, np.sin)])
    weights = ops.constant(waves[:, None].astype(np.float32))
    conv = ops.convolution(x, weights, [128], [0], [0], [1])
    return ov.Model([ops.result(conv)], [x])


def sounds(count: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    t = np.arange(1024) / 256
    tones = [
        np.sin(2 * np.pi * (random.uniform(1, 30) * t + random.random())) for _ in range(count)
    ]
    return (0.5 + 0.5 * np.array(tones)[:, None]).astype(np.float32)  # one sign: pairs add up


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("processors")
    model = transform()
    data = [x[None] for x in sounds(32, 1)]
    ov.save_model(eb.quantize(model, eb.Dataset(data)), folder / "q.xml")
    np.save(folder / "x.npy", sounds(8, 2))
    ov.save_model(model, folder / "f.xml", compress_to_fp16=False)
    return folder


def outputs(folder, model, isa):
    environment = {**os.environ, "ONEDNN_MAX_CPU_ISA": isa}
    paths = [folder / model, folder / "x.npy", folder / f"{model}.{isa}.npy"]
    subprocess.run([sys.executable, "-c", RUN, *map(str, paths)], env=environment, check=True)
    return np.load(paths[-1])


@pytest.mark.parametrize("isa", ["AVX2", "AVX512_CORE", "AVX512_CORE_VNNI", "DEFAULT"])
def test_one_input_channel(folder, isa):
    reference = outputs(folder, "f.xml", "DEFAULT")
    assert sqnr(reference, outputs(folder, "q.xml", isa)) > 30
