"""The formulas of docs/quantization.md in plain numpy, over random tensors: the library's figures are the nearest f32,
or its neighbour."""

import json
import subprocess

import numpy as np
import pytest

TENSORS = 10_000
BATCH = 500


def random_tensor(random):
    """Scales over ten decades; now and then one-sided, constant, dead in a channel, or zero."""
    shape = tuple(int(n) for n in random.integers(1, 6, random.integers(1, 4)))
    values = random.standard_normal(shape) * 10.0 ** random.uniform(-6, 4)
    kind = random.integers(0, 8)
    if kind == 0:
        values = np.abs(values)
    elif kind == 1:
        values = -np.abs(values)
    elif kind == 2:
        values[0] = 0
    elif kind == 3:
        values = np.full(shape, values.flat[0])
    elif kind == 4:
        values = values + 3 * np.abs(values).max()
    axes = [] if random.integers(0, 3) == 0 else [int(random.integers(0, len(shape)))]
    return {
        "values": values.astype(np.float32), "axes": axes, "bits": int(random.integers(2, 17)),
        "narrow": bool(random.integers(0, 2)), "p": float(random.choice([1e-4, 0.01, 0.1, 0.25, 0.4])),
    }  # fmt: skip


def ask(program, tensors):
    questions = [
        {**t, "shape": t["values"].shape, "values": t["values"].ravel().tolist()} for t in tensors
    ]
    done = subprocess.run(
        [program], input=json.dumps(questions), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def ulps(ours, reference):
    """Distances in representable numbers, the reference rounded to f32 first."""

    def place(x):
        bits = np.asarray(x, np.float32).view(np.int32).astype(np.int64)
        return np.where(bits < 0, -(2**31) - bits, bits)

    return np.abs(place(ours) - place(reference)).max()


class Reference:
    def __init__(self, values, axes, bits, narrow, p):
        self.values = values
        self.axes, self.p = axes, p
        others = tuple(a for a in range(values.ndim) if a not in axes)
        exact = values.astype(np.float64)
        self.min, self.max = exact.min(others).reshape(-1), exact.max(others).reshape(-1)
        self.abs_max = np.maximum(np.abs(self.min), np.abs(self.max))
        self.bits, self.narrow = bits, narrow
        self.levels = 2**bits - narrow

    def floored(self):
        return np.maximum(self.abs_max, max(0.01 * self.abs_max.max(), 8e-5))

    def symmetric(self):
        high = self.floored()
        if not (self.min < 0).any():
            return 0 * high, high
        return (-high if self.narrow else -high * self.levels / (self.levels - 2)), high

    def half(self):
        levels = 2 ** (self.bits - 1)
        high = self.floored() * (self.levels - 1) / (levels - 1)
        return (-high if self.narrow else -high * levels / (levels - 2)), high

    def asymmetric(self):
        top = self.levels - 1
        narrow = self.max - self.min <= 8e-4
        low = np.minimum(self.min - 8e-4 * narrow, 0)
        high = np.maximum(self.max + 8e-4 * narrow, 0)
        q = np.round(-low * top / (high - low))
        with np.errstate(divide="ignore", invalid="ignore"):
            a = np.where(q < top, q / (q - top) * high, low)
            b = np.where(q > 0, (q - top) / q * low, high)
        down = high - a > b - low
        return np.where(down, a, low), np.where(down, high, b)

    def fp8(self, largest):
        return largest / np.maximum(self.max, np.abs(self.min) + np.finfo(np.float32).eps)

    def spread(self, channels):
        """One number a channel, so that it broadcasts over the tensor."""
        shape = [n if a in self.axes else 1 for a, n in enumerate(self.values.shape)]
        return np.asarray(channels, np.float32).reshape(shape)

    def fake_quantized(self, low, high):
        """FakeQuantize-1 in f32, as runtimes compute it."""
        low, high, top = self.spread(low), self.spread(high), np.float32(self.levels - 1)
        inside = np.round((self.values - low) / (high - low) * top) / top * (high - low) + low
        return np.where(self.values <= low, low, np.where(self.values > high, high, inside))

    def without_outliers(self):
        flat = self.values.astype(np.float64).ravel()
        low, high = np.quantile(flat, self.p), np.quantile(flat, 1 - self.p)
        kept = flat[(flat >= low) & (flat <= high)]
        return kept if kept.size else flat


@pytest.fixture(scope="module")
def program(build_dir):
    return build_dir / "tests" / "formulas"


@pytest.fixture(scope="module")
def answered(program):
    random = np.random.default_rng(20261121)
    pairs = []
    for _ in range(TENSORS // BATCH):
        tensors = [random_tensor(random) for _ in range(BATCH)]
        pairs += [
            (Reference(**t), found) for t, found in zip(tensors, ask(program, tensors), strict=True)
        ]
    return pairs


@pytest.mark.parametrize("scheme", ["symmetric", "asymmetric", "half"])
def test_ranges(answered, scheme):
    for reference, found in answered:
        if scheme == "half" and reference.bits < 3:
            continue
        low, high = getattr(reference, scheme)()
        assert found[scheme]["levels"] == reference.levels
        assert ulps(found[scheme]["low"], low) <= 1 and ulps(found[scheme]["high"], high) <= 1, (
            vars(reference)
        )


def test_scales_of_fp8(answered):
    for reference, found in answered:
        assert ulps(found["f8e4m3"], reference.fp8(448)) <= 1
        assert ulps(found["f8e5m2"], reference.fp8(57344) / 2) <= 1


def test_scales_and_zero_points(answered):
    for reference, found in answered:
        low, high = (
            np.array(found["asymmetric"][end], np.float32).astype(np.float64)
            for end in ("low", "high")
        )
        scale = np.maximum((high - low) / (reference.levels - 1), np.finfo(np.float32).tiny)
        assert ulps([s for s, _ in found["scales"]], scale) <= 1
        zero = np.clip(np.round(-low / scale), 0, reference.levels - 1)
        assert [z for _, z in found["scales"]] == zero.tolist()


@pytest.mark.parametrize("scheme", ["symmetric", "asymmetric"])
def test_values(answered, scheme):
    """From the same f32 range, so that no level is in doubt."""
    for reference, found in answered:
        expected = reference.fake_quantized(found[scheme]["low"], found[scheme]["high"])
        assert ulps(found[scheme + "_values"], expected.ravel()) <= 1, vars(reference)


def test_aggregates(answered):
    for reference, found in answered:
        values = reference.values.astype(np.float64).ravel()
        kept = reference.without_outliers()
        # Sums of values that cancel have no fixed number of correct digits; in double they have enough.
        slack = 1e-12 * np.abs(values).max()
        for name, expected in {
            "mean": values.mean(), "median": np.median(values), "mean_no_outliers": kept.mean(),
            "median_no_outliers": np.median(kept), "quantile": np.quantile(values, reference.p),
        }.items():  # fmt: skip
            got = found["aggregates"][name]
            assert ulps(got, expected) <= 1 or abs(got - expected) <= slack, (name, got, expected)
