"""How many samples are kept for corrections, whatever the source tells and whatever of the model is free."""

import eightbit as eb
import numpy as np
import pytest
from small_models import conv_net


def from_samples(batch, source):
    model = conv_net()
    model.reshape([batch, 3, 16, 16])
    report = eb.Report()
    eb.quantize(model, eb.Dataset(source), report=report, min_sqnr_db=0)
    [note] = [note for note in report.notes if note.startswith("bias correction: ")]
    return note, report


def arrays(count):
    random = np.random.default_rng(count)
    return [random.standard_normal((1, 3, 16, 16)).astype(np.float32) for _ in range(count)]


@pytest.mark.parametrize("batch", [1, -1], ids=["fixed batch", "free batch"])
@pytest.mark.parametrize("form", ["list", "generator"])
@pytest.mark.parametrize("count", [24, 40, 150])
def test_sixteen_samples_correct_biases(batch, form, count):
    """And others are left for the trial run, from 24 on."""
    data = arrays(count)
    note, report = from_samples(batch, data if form == "list" else (x for x in data))
    assert note.endswith("from 16 samples")
    assert report.samples == count and report.trial.samples == 8 and report.trial.unseen


@pytest.mark.parametrize("batch", [1, -1], ids=["fixed batch", "free batch"])
def test_a_third_of_few_samples_is_for_the_trial_run(batch):
    note, report = from_samples(batch, arrays(10))
    assert note.endswith("from 7 samples") and report.trial.samples == 3


def test_without_a_trial_run_all_correct():
    report = eb.Report()
    eb.quantize(conv_net(), eb.Dataset(arrays(10)), report=report, trial_run=False)
    assert any(
        note.endswith("from 10 samples")
        for note in report.notes
        if note.startswith("bias correction: ")
    )


def test_padding_that_is_worked_out_is_padding_in_numbers():
    """same_upper, as TensorFlow writes it: weights are rounded together all the same."""
    from openvino import opset13 as ops

    found = {}
    for form in ("numbers", "same_upper"):
        model = conv_net()
        for op in model.get_ordered_ops() if form == "same_upper" else ():
            if op.get_type_name() == "Convolution":
                a = op.get_attributes()
                new = ops.convolution(
                    op.input_value(0),
                    op.input_value(1),
                    a["strides"],
                    [0, 0],
                    [0, 0],
                    a["dilations"],
                    auto_pad=form,
                )
                new.set_friendly_name(op.get_friendly_name())
                for target in op.output(0).get_target_inputs():
                    target.replace_source_output(new.output(0))
        report = eb.Report()
        eb.quantize(model, eb.Dataset(arrays(40)), report=report, min_sqnr_db=0)
        found[form] = [note for note in report.notes if note.startswith("weight rounding: ")]
    assert found["same_upper"] == found["numbers"] != []
