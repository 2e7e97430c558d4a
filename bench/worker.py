"""One measurement in a process of its own; `run.py` starts it. Prints one JSON line at the end.

worker.py quantize INPUTS MODEL TOOL FOLDER SAMPLES EVALUATE
worker.py speed INPUTS MODEL SAMPLES ENGINE NAME=PATH ...
worker.py recipes INPUTS MODEL FOLDER
"""

import json
import sys
import time
import warnings
from pathlib import Path

from cases import Case
from contenders import CONTENDERS, engine_of
from make_inputs import CALIBRATION
from runtime import RUNTIMES, measured


def quantize(inputs: str, model: str, tool: str, folder: str, samples: str, evaluate: str) -> dict:
    """Times FP32 inference and quantization one after the other; saves the result as FOLDER/quantized.*."""
    engine = engine_of(tool)
    case, runtime = Case(model, Path(inputs)), RUNTIMES[engine]()
    target = Path(folder) / f"quantized{runtime.suffix}"
    float_model = case.float_model(engine)
    fp32 = runtime.seconds_for(float_model, case.calibration())
    call = CONTENDERS[tool](case, Path(folder), int(samples))
    (quantized, steps, program_peak), seconds, peak = measured(call)
    if not isinstance(quantized, Path):
        runtime.save(quantized, target, case.calibration(1)[0])
    row = {
        "model": model,
        "tool": tool,
        "samples": int(samples),
        "fp32_s": fp32,
        "quantize_s": seconds,
        "ratio": seconds / fp32 * CALIBRATION / int(samples),
        "peak_mb": max(peak, program_peak),
        "steps": steps,
        "path": str(target),
    }
    if int(evaluate):
        data = case.evaluation(int(evaluate))
        row |= case.score(
            runtime.outputs(float_model, data),
            runtime.outputs(runtime.load(target), data),
        )
    return row


def speed(inputs: str, model: str, samples: str, engine: str, *named: str) -> dict:
    """Median latency of FP32 and every quantized model, in turns."""
    case, runtime = Case(model, Path(inputs)), RUNTIMES[engine]()
    models = {"fp32": case.float_model(engine)}
    models |= {
        name: runtime.load(Path(path)) for name, path in (pair.split("=", 1) for pair in named)
    }
    return {"model": model, "latency_ms": runtime.latencies(models, case.evaluation(int(samples)))}


def recipes(inputs: str, model: str, folder: str) -> dict:
    """One calibration, saved; then other recipes from the file, without data."""
    import eightbit as eb

    case = Case(model, Path(inputs))
    network, path = case.openvino_model(), Path(folder) / "model.stats"
    model_type = eb.ModelType.TRANSFORMER if case.transformer else None
    statistics, calibrate_s, _ = measured(
        lambda: eb.calibrate(
            network, eb.Dataset(case.calibration()), subset_size=CALIBRATION, model_type=model_type
        )
    )
    statistics.save(path, overwrite=True)
    first = {
        "default": {},
        "preset mixed": {"preset": eb.QuantizationPreset.MIXED},
        "preset performance": {"preset": eb.QuantizationPreset.PERFORMANCE},
        "recipe nncf": {"recipe": eb.Recipe.NNCF},
        "without bias correction": {
            "advanced_parameters": eb.AdvancedQuantizationParameters(disable_bias_correction=True)
        },
    }
    seconds = {}
    for name, options in first.items():
        loaded = eb.Statistics.load(path)
        begin = time.perf_counter()
        eb.quantize(network, loaded, model_type=model_type, **options)
        seconds[name] = time.perf_counter() - begin
    return {
        "model": model,
        "calibrate_s": calibrate_s,
        "file_mb": path.stat().st_size / 1e6,
        "seconds": seconds,
    }


def main() -> None:
    warnings.filterwarnings("ignore")
    jobs = {"quantize": quantize, "speed": speed, "recipes": recipes}
    print(json.dumps(jobs[sys.argv[1]](*sys.argv[2:])), flush=True)


if __name__ == "__main__":
    main()
