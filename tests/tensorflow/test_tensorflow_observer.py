"""Models of TensorFlow that are watched while the caller's own code calls them."""

from pathlib import Path
from tempfile import TemporaryDirectory

import eightbit as eb
import numpy as np
import pytest
import tensorflow as tf
from small_networks import attention, convolutions, images, outputs, sqnr, token_rows


def same_file(*both: eb.Statistics) -> bool:
    with TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("a.stats", "b.stats")]
        for statistics, path in zip(both, paths, strict=True):
            statistics.save(path)
        return paths[0].read_bytes() == paths[1].read_bytes()


def plan_of(model, statistics: eb.Statistics) -> str:
    report = eb.Report()
    eb.quantize(model, statistics, trial_run=False, report=report)
    return report.plan_text


def test_the_statistics_are_those_of_calibrate(kit):
    """Whatever runs together there: `calibrate` stacks samples, an observer takes them as they come."""
    for model, samples, count in (
        (convolutions(kit), images(40), 40),
        (convolutions(kit), images(12, batch=7), 84),
        (attention(kit), token_rows(40), 40),
    ):
        observer = eb.Observer(model)
        for sample in samples:
            assert np.array_equal(observer(sample), model(sample))
        assert observer.calls == len(samples) and observer.samples == count
        expected = eb.calibrate(model, eb.Dataset(samples))
        if count == len(samples):
            assert same_file(observer.statistics(), expected)
        else:  # kernels of some CPUs round otherwise in batches of another size
            assert plan_of(model, observer.statistics()) == plan_of(model, expected)


class Scaled(tf.Module):
    def __init__(self):
        super().__init__(name="scaled")
        random = np.random.default_rng(5)
        self.weight = tf.Variable(random.standard_normal((16, 16)).astype(np.float32) / 4)

    @tf.function(input_signature=[tf.TensorSpec([None, 16], name="x")])
    def __call__(self, x):
        return {"scores": tf.nn.relu(x @ self.weight)}


def rows(count):
    random = np.random.default_rng(6)
    return [random.standard_normal((1, 16)).astype(np.float32) for _ in range(count)]


@pytest.mark.parametrize("form", ["module", "signature"])
def test_modules_and_signatures_are_called_as_ever(form, tmp_path):
    module, samples = Scaled(), rows(24)
    if form == "signature":
        tf.saved_model.save(module, tmp_path / "model")
        loaded = tf.saved_model.load(tmp_path / "model")  # owns the variables
        module = loaded.signatures["serving_default"]
    observer = eb.Observer(module)
    for sample in samples:
        found = observer(x=tf.constant(sample)) if form == "signature" else observer(sample)
        assert set(found) == {"scores"}
    expected = eb.calibrate(module, eb.Dataset(samples))
    assert same_file(observer.statistics(), expected)


def test_a_chain_is_quantized_by_running_it(kit):
    first, second = convolutions(kit), Scaled()

    def chain(image, look, score):
        seen = tf.tile(look(image), [1, 4])[:, :16]
        return score(seen)["scores"].numpy()

    with eb.observe(first, second) as (look, score):
        expected = [chain(image, look, score) for image in images(40)]
    quantized = eb.Observation([look, score]).quantize()
    assert isinstance(quantized[0], kit.Model) and isinstance(quantized[1], tf.Module)
    found = [chain(image, *quantized) for image in images(40)]
    assert 20 < sqnr(np.concatenate(expected), np.concatenate(found)) < 60


def test_a_model_that_was_never_called_is_named(kit, caplog):
    model, other = convolutions(kit), convolutions(kit)
    observation = eb.observe(model, other)
    for image in images(8):
        observation[0](image)
    quantized = observation.quantize(min_sqnr_db=0)
    assert quantized[1] is other and "'small' was never called" in caplog.text
    assert sqnr(outputs(model, images(4)), outputs(quantized[0], images(4))) > 20


def test_what_does_not_fit_is_not_measured(kit):
    model, samples = convolutions(kit), images(12)
    observer = eb.Observer(model)
    for number, sample in enumerate(samples):
        if number == 5:
            with pytest.raises(eb.DataError, match="sample"):
                observer(np.full((1, 16, 16, 3), np.nan, np.float32))
        observer(sample)
    assert observer.calls == 12
    expected = eb.calibrate(model, eb.Dataset(samples))
    assert same_file(observer.statistics(), expected)
