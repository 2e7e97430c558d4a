"""Functions that workers call: they must be able to import them."""

import os
import tempfile
import time

import eightbit as eb
import numpy as np
import openvino as ov


def all_items(count=150):
    return [x[None] for x in np.random.default_rng(1).normal(0, 1, (count, 3, 16, 16)).astype(np.float32)]  # fmt: skip


def share(worker, workers):
    """The items of one worker."""
    return all_items()[worker::workers]


def few(worker, workers):
    return all_items(30)[worker::workers]


class FromFile:
    def __init__(self, path):
        self.path = str(path)

    def __call__(self, worker, workers):
        return eb.open_files(self.path)


class Mishap:
    """A worker that dies, or sleeps, once: the first that gets to make a file."""

    def __init__(self, mark, what):
        self.mark, self.what = str(mark), what

    def __call__(self, worker, workers):
        if worker == 1:
            try:
                os.close(os.open(self.mark, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                return share(worker, workers)
            if self.what == "dies":
                os.kill(os.getpid(), 9)
            time.sleep(600)
        return share(worker, workers)


class Distance:
    """A validation that can be sent to workers; a file tells in which process each model was validated."""

    def __init__(self, model, items, folder):
        self.folder = str(folder)
        config = {"INFERENCE_PRECISION_HINT": "f32"}
        compiled = ov.Core().compile_model(model, "CPU", config)
        self.wanted = [compiled(item)[0].copy() for item in items]

    def __call__(self, model, items):
        tempfile.mkstemp(prefix=f"{os.getpid()}-", dir=self.folder)
        each = [np.abs(model(i)[0] - w).max() for i, w in zip(items, self.wanted, strict=True)]
        return -float(np.mean(each)), [-float(x) for x in each]


class Broken:
    def __call__(self, worker, workers):
        items = share(worker, workers)
        items[5] = np.zeros((1, 3, 16, 17), np.float32)
        return items
