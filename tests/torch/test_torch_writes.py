"""Models that write: into slices and views of what they compute, into buffers, into their inputs."""

import eightbit as eb
import pytest
import torch
from eightbit.torch.capture import capture
from eightbit.torch.functional import functional
from torch import nn
from torch.nn.functional import conv2d
from torch_networks import export, sqnr


class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(8, 8), nn.Linear(8, 4)
        self.register_buffer("state", torch.zeros(1, 8))
        self.register_buffer("step", torch.zeros((), dtype=torch.long))


class Slice(Base):
    def forward(self, x):
        h = torch.relu(self.a(x))
        h[:, 2:4] = 0.5 * h[:, 0:2]
        return self.b(h)


class Column(Base):
    def forward(self, x):
        h = torch.relu(self.a(x))
        h[:, 0] = 1.0
        return self.b(h)


class Indices(Base):
    def forward(self, x):
        h = torch.relu(self.a(x))
        h[:, torch.tensor([1, 3])] = 0.25
        return self.b(h)


class View(Base):
    def forward(self, x):
        h = torch.relu(self.a(x))
        v = h.view(-1, 2, 4)
        v[:, 0].zero_()
        return self.b(h)


class ViewOfASecondName(Base):
    """The view is of what relu_() returned, and later reads see the addition."""

    def forward(self, x):
        h = self.a(x)
        y = h.relu_()
        v = h.view(-1, 2, 4)
        y.add_(1)
        return self.b(v.reshape(-1, 8))


class Mask(Base):
    def forward(self, x):
        h = torch.relu(self.a(x))
        h[h > 1] = 1.0
        return self.b(h)


class Input(Base):
    def forward(self, x):
        x[:, 0] = 0
        return self.b(self.a(x))


class RunningMean(Base):
    def forward(self, x):
        h = torch.relu(self.a(x))
        self.state.mul_(0.9).add_(h.mean(0, keepdim=True) * 0.1)
        return self.b(h - self.state)


class Assigned(Base):
    def forward(self, x):
        self.state = 0.5 * self.state + self.a(x).mean(0, keepdim=True)
        return self.b(torch.relu(self.a(x)) + self.state)


class Counter(Base):
    def forward(self, x):
        self.step.add_(1)
        return self.b(torch.relu(self.a(x))) * self.step.float()


class Cache(nn.Module):
    """Keys are kept at given positions; attention reads them all."""

    def __init__(self):
        super().__init__()
        self.q, self.k, self.o = (nn.Linear(16, 16) for _ in range(3))
        self.register_buffer("keys", torch.zeros(1, 10, 16))

    def forward(self, x, at):
        self.keys[:, at] = self.k(x)
        scores = self.q(x) @ self.keys.transpose(1, 2) / 4
        return self.o(torch.softmax(scores, -1) @ self.keys)


def samples(count=24):
    torch.manual_seed(1)
    return [torch.randn(2, 8) for _ in range(count)]


def made(kind):
    torch.manual_seed(0)
    return kind().eval()


def talk(model, data):
    """One call after the other, from empty buffers on."""
    with torch.no_grad():
        for name, buffer in model.named_buffers():
            if name in ("state", "step", "keys"):
                buffer.zero_()
        return torch.cat([model(*(value.clone() for value in as_tuple(item))) for item in data])


def as_tuple(item):
    return item if isinstance(item, tuple) else (item,)


EVERYTHING = eb.IgnoredScope(patterns=[".*"], validate=False)
KINDS = [
    Slice, Column, Indices, View, ViewOfASecondName, Mask, Input, RunningMean, Assigned, Counter,
]  # fmt: skip


@pytest.mark.parametrize("exported", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_read(kind, exported):
    model, data = made(kind), samples()
    source = export(model, data[0].clone()) if exported else model
    same = eb.quantize(source, eb.Dataset(data), ignored_scope=EVERYTHING, trial_run=False)
    quantized = eb.quantize(source, eb.Dataset(data), trial_run=False)
    assert not model.state.any() and not model.step.any()
    want = talk(made(kind), data)
    assert sqnr(want, talk(same, data)) > 100
    assert sqnr(want, talk(quantized, data)) > 25


@pytest.mark.parametrize("exported", [False, True])
def test_a_cache_is_the_models_own(exported):
    model = made(Cache)
    data = [(torch.randn(1, 1, 16), torch.tensor([i % 10])) for i in range(40)]
    source = export(model, *data[0]) if exported else model
    quantized = eb.quantize(source, eb.Dataset(data), trial_run=False)
    assert not model.keys.any() and not quantized.keys.any()
    assert sqnr(talk(made(Cache), data[:10]), talk(quantized, data[:10])) > 15
    assert quantized.keys.any()
    if not exported:
        stripped = eb.strip(quantized)
        talk(stripped, data[:3])
        assert quantized.keys[0, 5].any()  # each has its own


def test_a_second_call_sees_what_the_first_has_written():
    """In the records too: the third sample counts to three."""
    report = eb.Report()
    data = [torch.ones(2, 8)] * 3
    eb.quantize(made(Counter), eb.Dataset(data), report=report, trial_run=False)
    assert report.samples == 3
    assert sqnr(talk(made(Counter), data), talk(capture(made(Counter), data[0]), data)) > 100


def test_a_model_that_remembers_outside_of_its_buffers_is_refused():
    class Remembers(Base):
        calls = 0

        def forward(self, x):
            self.calls += 1
            return self.a(x) * self.calls

    with pytest.raises(
        eb.ModelError, match="captured from Remembers computes something else.*buffers"
    ):
        eb.quantize(made(Remembers), eb.Dataset(samples()), trial_run=False)


def test_a_write_that_torch_can_not_take_apart_is_named():
    def fails():
        raise RuntimeError("no kernel")

    with pytest.raises(
        eb.ModelError, match=r"'copy_' \(aten\.copy_.*apart: RuntimeError: no kernel"
    ):
        functional(export(made(Slice), samples(1)[0]), fails)


def test_random_numbers_are_no_difference():
    class Noisy(Base):
        def forward(self, x):
            return self.b(torch.relu(self.a(x)) + 0.01 * torch.rand_like(x))

    data = samples()
    quantized = eb.quantize(made(Noisy), eb.Dataset(data), trial_run=False)
    assert sqnr(talk(made(Noisy), data), talk(quantized, data)) > 20


def test_groups_that_depend_on_the_batch_stay_in_float():
    class Grouped(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3, padding=1)
            self.kernel = nn.Parameter(torch.randn(4, 1, 3, 3))

        def forward(self, x):
            y = self.conv(x)
            count = x.shape[0]
            y = y.reshape(1, count * 4, *y.shape[2:])
            y = conv2d(y, self.kernel.repeat(count, 1, 1, 1), groups=count * 4, padding=1)
            return y.reshape(count, 4, *x.shape[2:])

    model = made(Grouped)
    data = [torch.randn(1, 3, 8, 8) for _ in range(8)]
    quantized = eb.quantize(model, eb.Dataset(data), trial_run=False)
    with torch.no_grad():
        want, got = (torch.cat([net(x) for x in data]) for net in (model, quantized))
    assert sqnr(want, got) > 25
