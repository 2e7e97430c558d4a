"""Functions that workers call: they must be able to import them."""

import os
import time

import eightbit as eb
import numpy as np


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


class Broken:
    def __call__(self, worker, workers):
        items = share(worker, workers)
        items[5] = np.zeros((1, 3, 16, 17), np.float32)
        return items
