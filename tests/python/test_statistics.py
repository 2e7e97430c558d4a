"""Statistics: the same whatever way they came about, and enough for the same biases."""

import json
import pickle

import eightbit as eb
import numpy as np
import pytest
from small_models import conv_net

COUNT = 100  # more than are kept, so that both programs of a calibration run
KEPT = 64


@pytest.fixture(scope="module")
def images() -> list[np.ndarray]:
    random = np.random.default_rng(3)
    return [random.standard_normal((1, 3, 16, 16)).astype(np.float32) + 0.5 for _ in range(COUNT)]


def content(statistics, folder, name) -> bytes:
    statistics.save(folder / name)
    return (folder / name).read_bytes()


def biases(source, **options) -> dict[str, np.ndarray]:
    report = eb.Report()
    eb.quantize(conv_net(), source, report=report, **options)
    shifts = json.loads(report.to_json())["plan"]["biases"]
    return {shift["node"]: np.array(shift["shift"]) for shift in shifts}


def test_a_file_gives_the_biases_of_a_direct_run(images, tmp_path):
    direct = biases(eb.Dataset(images))
    assert set(direct) == {"conv_0", "conv_1", "classifier"}
    content(eb.calibrate(conv_net(), eb.Dataset(images)), tmp_path, "s")
    later = biases(eb.Statistics.load(tmp_path / "s"))
    assert set(later) == set(direct)
    for name, shift in direct.items():
        assert np.abs(shift).max() > 1e-4
        np.testing.assert_allclose(later[name], shift, atol=1e-5 * np.abs(shift).max() + 1e-6)


@pytest.mark.parametrize("batch", [1, -1])
def test_merged_shards_are_the_whole_byte_for_byte(images, tmp_path, batch):
    data = images if batch == 1 else [np.concatenate(images[i : i + 7]) for i in range(0, COUNT, 7)]
    model = conv_net(batch=batch)

    def calibrate(**options):
        return eb.calibrate(model, eb.Dataset(data), subset_size=COUNT, **options)

    whole = content(calibrate(), tmp_path, "whole")
    parts = [calibrate(shard=(index, 3)) for index in range(3)]
    assert content(eb.Statistics.merge(parts[::-1]), tmp_path, "merged") == whole
    for index, part in enumerate(parts):
        part.save(tmp_path / f"part{index}")
    loaded = [eb.Statistics.load(tmp_path / f"part{index}") for index in (1, 2, 0)]
    assert content(eb.Statistics.merge(loaded), tmp_path, "loaded") == whole


class Stopped(Exception):
    pass


@pytest.mark.parametrize("moment", [10, COUNT - KEPT, COUNT - KEPT + 1, COUNT - 5])
def test_an_interrupted_calibration_goes_on(images, tmp_path, moment):
    """Before, at the start of, and within the run of the kept samples."""

    def stop(step, done, total):
        if step == "calibrate" and done == moment:
            raise Stopped

    def calibrate(**options):
        return eb.calibrate(
            conv_net(), eb.Dataset(images), checkpoint=tmp_path / "c", threads=2, **options
        )

    whole = content(eb.calibrate(conv_net(), eb.Dataset(images)), tmp_path, "whole")
    with pytest.raises(Stopped):
        calibrate(progress=stop)
    done = eb.Statistics.load(tmp_path / "c").samples
    assert moment <= done < COUNT
    seen = []
    resumed = calibrate(progress=lambda step, number, total: seen.append(number))
    assert seen == list(range(done + 1, COUNT + 1))
    assert content(resumed, tmp_path, "resumed") == whole


def test_the_number_of_threads_does_not_reach_the_file(images, tmp_path):
    one, two = (
        content(eb.calibrate(conv_net(), eb.Dataset(images), threads=n), tmp_path, str(n))
        for n in (1, 2)
    )
    assert one == two


def test_few_samples_are_all_kept(images):
    few = images[:5]
    statistics = eb.calibrate(conv_net(), eb.Dataset(few))
    assert statistics.samples == 5 and "5 kept inputs" in statistics.summary()
    assert set(biases(statistics)) == set(biases(eb.Dataset(few)))


def test_the_thorough_correction_takes_more_samples(images):
    def note(**options):
        report = eb.Report()
        eb.quantize(conv_net(), eb.Dataset(images * 2), report=report, **options)
        return next(note for note in report.notes if note.startswith("bias correction"))

    assert "from 16 samples" in note()
    assert "from 64 samples" in note(fast_bias_correction=False)


@pytest.mark.parametrize("bad", [7, 98, 99])
@pytest.mark.parametrize("resumed", [False, True])
def test_a_bad_sample_is_named_by_its_place_in_the_data(images, tmp_path, bad, resumed):
    """Whether it is one of the kept ones, which run last, or not; and when others were measured before."""
    if resumed:

        def stop(step, done, total):
            return (_ for _ in ()).throw(Stopped()) if done == 10 else None

        with pytest.raises(Stopped):
            eb.calibrate(conv_net(), eb.Dataset(images), checkpoint=tmp_path / "c", progress=stop)
    data = list(images)
    data[bad] = data[bad] * np.nan
    with pytest.raises(eb.DataError, match=rf"sample {bad}:"):
        eb.calibrate(conv_net(), eb.Dataset(data), checkpoint=tmp_path / "c")


@pytest.mark.parametrize("threads", [1, 2])
def test_without_a_number_samples_are_measured_until_they_settle(images, tmp_path, threads):
    """As many whatever the threads; fewer where the data ends; the same after an interruption."""
    many = (images * 10)[:600]

    def measured(data, **options):
        return eb.calibrate(
            conv_net(), eb.Dataset(data), subset_size=None, threads=threads, **options
        )

    whole = measured(many)
    assert 64 < whole.samples < 600
    assert content(whole, tmp_path, "whole") == content(
        eb.calibrate(conv_net(), eb.Dataset(many), subset_size=None), tmp_path, "other"
    )
    assert measured(images[:20]).samples == 20

    def stop(step, done, total):
        if done == 70:
            raise Stopped

    with pytest.raises(Stopped):
        measured(many, checkpoint=tmp_path / "c", progress=stop)
    resumed = measured(many, checkpoint=tmp_path / "c")
    assert content(resumed, tmp_path, "resumed") == content(whole, tmp_path, "again")


def test_shards_need_a_number(images):
    with pytest.raises(eb.InvalidArgument, match="subset_size is 0"):
        eb.calibrate(conv_net(), eb.Dataset(images), subset_size=None, shard=(0, 2))


def test_statistics_can_be_pickled(images, tmp_path):
    statistics = eb.calibrate(conv_net(), eb.Dataset(images))
    again = pickle.loads(pickle.dumps(statistics))
    assert content(again, tmp_path, "again") == content(statistics, tmp_path, "first")
