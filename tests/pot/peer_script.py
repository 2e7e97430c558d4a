"""One script for two tools: POT 2023.3, or eightbit.pot in its place. Run by test_pot_peers.py.

    python peer_script.py pot|eightbit MODEL.onnx SAMPLES.npz SAMPLES FOLDER

Reads the model as that tool's OpenVINO does, quantizes it with the first samples of the file, and prints the seconds."""

import sys
import time
from pathlib import Path

import numpy as np
import openvino as ov

tool, model_path, samples, count, folder = sys.argv[1:]
if tool == "eightbit":
    import eightbit.pot

    eightbit.pot.install_alias()
from openvino.tools.pot import (  # noqa: E402
    DataLoader,
    IEEngine,
    compress_model_weights,
    create_pipeline,
    load_model,
    save_model,
)


class Samples(DataLoader):
    def __init__(self, path):
        with np.load(path) as arrays:
            self.arrays = {name: arrays[name] for name in arrays.files}

    def __len__(self):
        return len(next(iter(self.arrays.values())))

    def __getitem__(self, index):
        return {name: rows[index] for name, rows in self.arrays.items()}, None


folder = Path(folder)
folder.mkdir(parents=True, exist_ok=True)
xml = folder / "float.xml"
loader = Samples(samples)
model = ov.Core().read_model(model_path)
if model.inputs[0].partial_shape.is_dynamic:  # POT's engine binds what has a shape
    model.reshape({name: rows[:1].shape for name, rows in loader.arrays.items()})
ov.serialize(model, str(xml))
began = time.monotonic()
loaded = load_model({"model_name": "model", "model": str(xml), "weights": str(xml.with_suffix(".bin"))})
engine = IEEngine(config={"device": "CPU"}, data_loader=loader)
params = {"target_device": "CPU", "preset": "mixed", "stat_subset_size": int(count)}
quantized = create_pipeline([{"name": "DefaultQuantization", "params": params}], engine).run(loaded)
compress_model_weights(quantized)
save_model(quantized, str(folder), "quantized")
print("seconds", time.monotonic() - began)
