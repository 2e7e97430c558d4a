"""Layers, control flow and nesting that torch.export allows: each is quantized as a module and as an exported graph."""

import eightbit as eb
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils import _pytree as pytree
from torch_networks import sqnr, trained


class Recurrent(nn.Module):
    def __init__(self, kind: type[nn.RNNBase]):
        super().__init__()
        self.rnn = kind(8, 12, batch_first=True)
        self.fc = nn.Linear(12, 6)

    def forward(self, x):
        return self.fc(self.rnn(x)[0])


class Branching(nn.Module):
    def __init__(self):
        super().__init__()
        self.before, self.inside, self.after = (nn.Linear(8, 8) for _ in range(3))

    def forward(self, x):
        x = torch.relu(self.before(x))
        x = torch.cond(x.sum() > 0, lambda t: self.inside(t), lambda t: t * 2, (x,))
        return self.after(x)


class Nested(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, pair, extra):
        x, y = pair
        return {"sum": (self.one(x) + self.two(extra["z"]), [y]), "one": self.one(y)}


class Convolutions(nn.Module):
    """Plain, depthwise and transposed ones over `axes` axes."""

    def __init__(self, axes: int):
        super().__init__()
        conv, back = getattr(nn, f"Conv{axes}d"), getattr(nn, f"ConvTranspose{axes}d")
        self.plain = conv(2, 8, 3, padding=1)
        self.depthwise = conv(8, 8, 3, padding=1, groups=8)
        self.back = back(8, 4, 2, stride=2)
        self.back_depthwise = back(4, 4, 3, groups=4)

    def forward(self, x):
        x = functional.relu(self.depthwise(functional.relu(self.plain(x))))
        return self.back_depthwise(self.back(x))


class FunctionalAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.mixed = nn.Parameter(torch.zeros(24, 8))
        self.out = nn.Linear(8, 8)

    def forward(self, x):
        query, key, value = functional.linear(x, self.mixed).chunk(3, -1)
        scores = torch.softmax(query @ key.transpose(-1, -2) / 8**0.5, -1)
        return self.out(scores @ value)


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)

    def forward(self, x):
        return self.layer(self.attention(x, x, x, need_weights=False)[0])


class Tied(nn.Module):
    """One table for words in and words out."""

    def __init__(self):
        super().__init__()
        self.words, self.inside = nn.Embedding(40, 8), nn.Linear(8, 8)
        self.out = nn.Linear(8, 40, bias=False)
        self.out.weight = self.words.weight

    def forward(self, ids):
        return self.out(torch.tanh(self.inside(self.words(ids))))


def floats(*shape: int):
    return lambda generator: (torch.randn(*shape, generator=generator),)


def nested(generator):
    x, y, z = (torch.randn(1, 8, generator=generator) for _ in range(3))
    return (x, y), {"z": z}


# The network, what makes a sample, and how many weights are quantized: those of LSTM and GRU and of branches are not, the
# tied one is one.
CASES = {
    "lstm": (lambda: Recurrent(nn.LSTM), floats(1, 5, 8), 1),
    "gru": (lambda: Recurrent(nn.GRU), floats(1, 5, 8), 1),
    "cond": (Branching, floats(1, 8), 2),
    "nested": (Nested, nested, 2),
    "conv1d": (lambda: Convolutions(1), floats(1, 2, 12), 4),
    "conv2d": (lambda: Convolutions(2), floats(1, 2, 6, 6), 4),
    "conv3d": (lambda: Convolutions(3), floats(1, 2, 4, 4, 4), 4),
    "functional attention": (FunctionalAttention, floats(1, 5, 8), 2),
    "encoder": (Encoder, floats(1, 5, 8), 6),
    "tied": (Tied, lambda generator: (torch.randint(0, 40, (1, 6), generator=generator),), 2),
}


@pytest.mark.parametrize("exported", [False, True], ids=["module", "fx"])
@pytest.mark.parametrize("case", CASES)
def test_layers(case, exported):
    make, sample, weights = CASES[case]
    generator = torch.Generator().manual_seed(3)
    model = trained(make())
    samples = [sample(generator) for _ in range(8)]
    source = torch.export.export(model, samples[0]).module() if exported else model
    report = eb.Report()
    quantized = eb.quantize(source, eb.Dataset(samples), report=report, trial_run=False)
    assert report.weight_quantizers == weights
    with torch.no_grad():
        pairs = [(model(*item), quantized(*item)) for item in samples]
    assert all(
        pytree.tree_structure(wanted) == pytree.tree_structure(found) for wanted, found in pairs
    )
    wanted, found = (torch.cat([flat(pair[side]) for pair in pairs]) for side in (0, 1))
    assert 24 < sqnr(wanted, found) < 60


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_recurrent_layers_taken_apart_are_quantized(kind):
    generator = torch.Generator().manual_seed(3)
    model = trained(Recurrent(kind))
    samples = [floats(1, 5, 8)(generator) for _ in range(8)]
    exported = torch.export.export(model, samples[0]).run_decompositions().module()
    report = eb.Report()
    quantized = eb.quantize(exported, eb.Dataset(samples), report=report, trial_run=False)
    assert (
        report.weight_quantizers == 6
    )  # of all inputs, of the state at each step but the first, where it is 0, of the last layer
    with torch.no_grad():
        wanted, found = (
            torch.cat([network(*item).flatten() for item in samples])
            for network in (model, quantized)
        )
    assert 24 < sqnr(wanted, found) < 60


def flat(outputs) -> torch.Tensor:
    return torch.cat([leaf.flatten() for leaf in pytree.tree_leaves(outputs)])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize(
    "conv",
    [
        lambda: nn.Conv2d(4, 6, 3, bias=False),
        lambda: nn.Conv2d(4, 6, 3, groups=2),
        lambda: nn.ConvTranspose2d(4, 6, 3, groups=2),
    ],
    ids=["plain", "groups", "transposed groups"],
)
def test_batch_norms_are_folded_in_the_precision_of_the_model(conv, dtype):
    from eightbit.torch.clean import fold_batch_norms

    torch.manual_seed(0)
    norm = nn.BatchNorm2d(6)
    for tensor in (norm.running_mean, norm.running_var, norm.weight, norm.bias):
        tensor.data = torch.rand(6) + 0.5
    model = nn.Sequential(conv(), norm).eval().to(dtype)
    x = torch.randn(2, 4, 8, 8, dtype=dtype)
    module = torch.export.export(model, (x,)).module()
    fold_batch_norms(module)
    module.recompile()
    assert not [node for node in module.graph.nodes if "batch_norm" in str(node.target)]
    with torch.no_grad():
        expected, found = model(x), module(x)
    error = (found - expected).abs().max() / expected.abs().max()
    assert found.dtype == dtype and error < 4 * torch.finfo(dtype).eps
