"""Results through executors are those of one process, byte for byte, whatever becomes of workers."""

import os
import pickle
import time
from concurrent.futures import Future, ThreadPoolExecutor

import eightbit as eb
import eightbit.executors
import numpy as np
import openvino as ov
import pytest
from factories import Broken, Distance, FromFile, Mishap, few, share

pytestmark = pytest.mark.executors


def recipe(model, data, **options):
    report = eb.Report()
    eb.quantize(model, data, report=report, **options)
    return report.recipe.to_json()


@pytest.fixture(scope="module")
def alone(model, data):
    return recipe(model, eb.Dataset(data))


def test_quantize(model, data, processes, alone):
    assert recipe(model, eb.Dataset(data), executor=processes) == alone


def test_careful_correction(model, data, processes):
    options = {"fast_bias_correction": False}
    assert recipe(model, eb.Dataset(data), executor=processes, **options) == recipe(
        model, eb.Dataset(data), **options
    )


def test_calibrate(model, data, processes):
    one = eb.calibrate(model, eb.Dataset(data))
    assert pickle.dumps(eb.calibrate(model, eb.Dataset(data), executor=processes)) == pickle.dumps(
        one
    )


@pytest.mark.parametrize("source", [share, few])
def test_a_factory_makes_the_items_of_each_worker(model, processes, source):
    """Also where there are fewer than subset_size."""
    whole = eb.Dataset(source(0, 1))
    assert recipe(model, source, executor=processes) == recipe(model, whole)


def test_a_factory_opens_files(model, processes, alone):
    data = FromFile(model.with_name("d.npz"))
    report = eb.Report()
    eb.quantize(model, data, executor=processes, report=report)
    assert report.samples == 150 and report.recipe.to_json() == alone


def test_models_in_memory_travel_as_bytes(model, data, processes, alone):
    assert recipe(ov.Core().read_model(model), eb.Dataset(data), executor=processes) == alone


def test_a_worker_that_cannot_see_the_file_is_sent_the_model(model, data, alone, monkeypatch):
    """Threads stand for workers elsewhere: what they have seen is empty, and no path exists to them."""
    sent = []
    exists = eightbit.executors.os.path.exists
    monkeypatch.setattr(eightbit.executors.os.path, "exists", lambda path: False if str(path) == str(model) else exists(path))  # fmt: skip
    monkeypatch.setattr(eightbit.executors, "_MODELS", {})
    files_of = eightbit.executors._files_of
    monkeypatch.setattr(eightbit.executors, "_files_of", lambda path: sent.append(path) or files_of(path))  # fmt: skip
    with ThreadPoolExecutor(2) as executor:
        assert recipe(model, eb.Dataset(data), executor=executor) == alone
    assert sent


def test_tune(model, data, processes):
    def trials(**options):
        result = eb.TuneResult()
        eb.tune(model, eb.Dataset(data), result=result, **options)
        return [(trial.what, trial.sqnr_db) for trial in result.trials], result.options.to_json()

    assert trials(executor=processes) == trials()


def test_accuracy_control(model, data, processes):
    items = eb.Dataset(data[:40])
    compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    wanted = [compiled(item)[0].copy() for item in data[:40]]

    def validate(model, items):
        each = [-float(np.abs(model(i)[0] - w).max()) for i, w in zip(items, wanted, strict=True)]
        return float(np.mean(each)), each

    def found(**options):
        result = eb.AccuracyResult()
        eb.quantize_with_accuracy_control(
            model, eb.Dataset(data), items, validate, max_drop=1e-4, on_failure=eb.OnFailure.RETURN,
            result=result, **options,
        )  # fmt: skip
        groups = [(group.layers, group.share) for group in (*result.reverted, *result.suspects)]
        return [(trial.what, trial.metric) for trial in result.trials], groups

    assert found(executor=processes) == found()


def test_validations(model, data, processes, tmp_path):
    """Models that the search may want next are validated in workers, and the trials are the same."""
    validate = Distance(model, data[:40], tmp_path)

    def trials(max_drop, **options):
        for file in tmp_path.iterdir():
            file.unlink()
        result = eb.AccuracyResult()
        best = eb.quantize_with_accuracy_control(
            model, eb.Dataset(data), eb.Dataset(data[:40]), validate, max_drop=max_drop, result=result,
            on_failure=eb.OnFailure.RETURN, **options,
        )  # fmt: skip
        here = len(list(tmp_path.glob(f"{os.getpid()}-*")))
        elsewhere = len(list(tmp_path.iterdir())) - here
        return [(each.what, each.metric) for each in result.trials], best, here, elsewhere

    for max_drop in (1e-4, 1e-9):
        alone, best, here, elsewhere = trials(max_drop)
        assert here == 1 + len(alone) > 4 and elsewhere == 0
        spread, same, here, elsewhere = trials(max_drop, executor=processes)
        assert spread == alone and elsewhere >= len(alone) - 2
        assert here <= 3  # the float model, the first one, and the one with corrections made again
        assert [op.get_friendly_name() for op in same.get_ordered_ops()] == [
            op.get_friendly_name() for op in best.get_ordered_ops()
        ]
    few, _, _, elsewhere = trials(
        1e-9,
        executor=processes,
        advanced_accuracy_restorer_parameters=eb.AdvancedAccuracyRestorerParameters(
            max_num_iterations=1
        ),
    )
    assert few == alone[:2] and elsewhere == 1


@pytest.mark.parametrize("what", ["dies", "hangs"])
def test_workers_that_die_or_hang_change_nothing(model, data, tmp_path, alone, what, monkeypatch):
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    monkeypatch.setattr(eightbit.executors, "LATE_SECONDS", 2)
    executor = ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn"))
    try:
        assert recipe(model, Mishap(tmp_path / "mark", what), executor=executor) == alone
        assert (tmp_path / "mark").exists()
    finally:
        for process in (executor._processes or {}).values():
            process.kill()
        executor.shutdown(wait=False, cancel_futures=True)


class Twice(ThreadPoolExecutor):
    """Every call is carried out twice, and some answers come from the second."""

    def submit(self, function, *args):
        def both():
            function(*args)
            time.sleep(0.01)
            return function(*args)

        return super().submit(both)


def test_answers_that_come_twice_count_once(model, data, alone):
    with Twice(2) as executor:
        assert recipe(model, eb.Dataset(data), executor=executor) == alone


class Refusing(ThreadPoolExecutor):
    """A pool that is broken."""

    def submit(self, function, *args):
        future = Future()
        future.set_exception(RuntimeError("no workers left"))
        return future


def test_without_any_worker_the_work_is_done_here(model, data, alone):
    with Refusing(3) as executor:
        assert recipe(model, eb.Dataset(data), executor=executor) == alone


def test_an_error_of_the_data_is_named(model, processes):
    with pytest.raises(eb.DataError, match="sample"):
        eb.quantize(model, Broken(), executor=processes)


def test_what_cannot_be_sent_is_said(model, data, processes):
    with pytest.raises(eb.InvalidArgument, match="function \\(worker, workers\\)"):
        eb.quantize(model, eb.Dataset(x for x in data), executor=processes)
    with pytest.raises(eb.InvalidArgument, match="open_files"):
        eb.quantize(model, eb.open_files(model.with_name("d.npz")), executor=processes)
    with pytest.raises(eb.InvalidArgument, match="concurrent.futures.Executor"):
        eb.quantize(model, eb.Dataset(data), executor=3)
    with pytest.raises(eb.InvalidArgument, match="recipe nncf"):
        eb.quantize(model, eb.Dataset(data), executor=processes, recipe=eb.Recipe.NNCF)


def test_shares_that_are_done_are_not_measured_again(model, data, processes, tmp_path, alone):
    checkpoint = tmp_path / "c"
    with pytest.raises(eb.DataError):
        eb.quantize(model, Broken(), executor=processes, checkpoint=checkpoint)
    assert recipe(model, share, executor=processes, checkpoint=checkpoint) == alone
    assert not list(tmp_path.iterdir())
