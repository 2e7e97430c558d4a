#!/usr/bin/env python3
"""What fewer samples cost: a model quantized on some of 300 samples and on all, in dB on samples
that none of them saw.

    python bench/settling.py [--model efflite0] [--orders 3] [--samples 128,192,300]
                             [--same-corrections]

An order is a draw of 300 of the samples there are. Corrections and the trial run meet a few samples
that are spread over the data, which differ with how many there are, and matter more than ranges do.
--same-corrections arranges each order so that they are the same ones whatever the number: what is
left is what ranges are worth. `None` among the numbers is subset_size=None; its data is in the
order of the draw. Prints a line a run, then the mean difference to the last number and its
standard error."""

import argparse
import os
import time
from pathlib import Path

import eightbit as eb
import numpy as np
from cases import MODELS, Case, sqnr
from make_inputs import CALIBRATION
from runtime import RUNTIMES

HERE = Path(__file__).parent
KEPT, CORRECTED = 48, 16  # samples that a call keeps, and of these those of corrections
UNSEEN = 200


def spread(numbers: list[int], count: int) -> list[int]:
    """As records::spread_of (src/records/kept_samples.cc): multiples of a power of two, then
    evenly of what lies between."""
    if len(numbers) <= count:
        return list(numbers)
    step = 1
    while sum(n % step == 0 for n in numbers) > count:
        step *= 2
    chosen = [n for n in numbers if n % step == 0]
    between = [n for n in numbers if n % step and step > 1 and n % (step // 2) == 0]
    rest = [n for n in numbers if n % step and (step == 1 or n % (step // 2))]
    for more in (between, rest):
        most = min(len(more), count - len(chosen))
        chosen += [more[k * len(more) // most] for k in range(most)]
    return sorted(chosen)


def arranged(samples: list, count: int) -> list:
    """The first `count` samples; those that are kept are the first ones, corrections in front."""
    kept = spread(list(range(count)), KEPT)
    corrected = spread(kept, CORRECTED)
    others = [n for n in range(count) if n not in kept]
    places = [*corrected, *(n for n in kept if n not in corrected), *others]
    return [sample for _, sample in sorted(zip(places, samples, strict=False), key=lambda x: x[0])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    default = Path(os.environ.get("EIGHTBIT_INPUTS", HERE / "inputs"))
    parser.add_argument("inputs", nargs="?", type=Path, default=default)
    parser.add_argument("--model", choices=MODELS, default="efflite0")
    parser.add_argument("--orders", type=int, default=3)
    parser.add_argument("--samples", default="None,128,300")
    parser.add_argument("--same-corrections", action="store_true")
    arguments = parser.parse_args()
    case, runtime = Case(arguments.model, arguments.inputs), RUNTIMES["openvino"]()
    unseen = case.evaluation(UNSEEN)
    pool = case.before_evaluation()
    reference = runtime.outputs(case.openvino_model(), unseen)
    kind = eb.ModelType.TRANSFORMER if case.transformer else None
    counts, found = arguments.samples.split(","), []
    for order in range(1, arguments.orders + 1):
        drawn = np.random.default_rng(order).permutation(len(pool))[:CALIBRATION]
        samples, row = [pool[i] for i in drawn], []
        for count in counts:
            size = None if count == "None" else int(count)
            data = arranged(samples, size) if size and arguments.same_corrections else samples
            cpu = time.process_time()
            quantized = eb.quantize(case.ir, eb.Dataset(data), subset_size=size, model_type=kind)
            cpu = time.process_time() - cpu
            row.append(sqnr(reference, runtime.outputs(quantized, unseen)))
            told = f"{case.name}, order {order}, {count}: {row[-1]:.2f} dB"
            print(f"{told}, {cpu:.1f} s of CPU time", flush=True)
        found.append(row)
    values = np.array(found)
    for column, count in enumerate(counts[:-1]):
        apart = values[:, column] - values[:, -1]
        error = apart.std(ddof=1) / np.sqrt(len(apart)) if len(apart) > 1 else float("nan")
        print(f"{count} against {counts[-1]}: {apart.mean():+.2f} dB, standard error {error:.2f}")
    last = values[:, -1]
    apart = last.std(ddof=1) if len(last) > 1 else float("nan")
    print(f"{counts[-1]}: {last.mean():.2f} dB, {apart:.2f} between orders")


if __name__ == "__main__":
    main()
