"""One script for two tools: POT 2023.3, or eightbit.pot in its place. Run by test_pot_peers.py.

    python peer_script.py convert MODEL.onnx MODEL.xml [SHAPE]           by the tool chain that POT belonged to; 1,3,320,320
    python peer_script.py pot|eightbit MODEL.xml SAMPLES.npz COUNT FOLDER [PARAMS]

Quantizes the model with the first samples of the file, and prints the seconds: of the clock, and of all processors together.
PARAMS: JSON of parameters beside those that both tools get."""

import json
import sys
import time

import numpy as np

tool, model_path, *rest = sys.argv[1:]
if tool == "convert":
    import openvino as ov
    from openvino.tools.mo import convert_model

    shape = [int(size) for size in rest[1].split(",")] if len(rest) > 1 else None
    converted = convert_model(model_path, input_shape=shape)
    ov.save_model(converted, rest[0], compress_to_fp16=False)
    sys.exit()
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

samples, count, folder, *more = rest


class Samples(DataLoader):
    def __init__(self, path):
        with np.load(path) as arrays:
            self.arrays = {name: arrays[name] for name in arrays.files}

    def __len__(self):
        return len(next(iter(self.arrays.values())))

    def __getitem__(self, index):
        return {name: rows[index : index + 1] for name, rows in self.arrays.items()}, None


loader = Samples(samples)
began, worked = time.monotonic(), time.process_time()
weights = model_path.replace(".xml", ".bin")
loaded = load_model({"model_name": "model", "model": model_path, "weights": weights})
engine = IEEngine(config={"device": "CPU"}, data_loader=loader)
params = {"target_device": "CPU", "preset": "mixed", "stat_subset_size": int(count)}
params |= json.loads(more[0]) if more else {}
quantized = create_pipeline([{"name": "DefaultQuantization", "params": params}], engine).run(loaded)
compress_model_weights(quantized)
save_model(quantized, folder, "quantized")
print("seconds", time.monotonic() - began, time.process_time() - worked)
