"""What Dataset takes, how often it reads, and what it copies."""

import gc
import weakref

import eightbit as eb
import numpy as np
import pytest


def read(source, transform=None):
    """The samples that the library sees."""
    return list(eb.Dataset(source, transform)._native().open())


def arrays(sample):
    return [array.tolist() for _, array in sample.inputs]


def test_an_array_is_the_only_input():
    (sample,) = read([np.float32([[1, 2]])])
    ((name, array),) = sample.inputs
    assert (name, array.dtype, array.shape) == ("", np.float32, (1, 2))
    assert array.tolist() == [[1, 2]]


@pytest.mark.parametrize("kind", [list, tuple])
def test_a_sequence_is_inputs_by_position(kind):
    (sample,) = read([kind([np.int64([1]), np.float64([2.5])])])
    assert [(name, array.dtype) for name, array in sample.inputs] == [
        ("", np.int64),
        ("", np.float64),
    ]


def test_a_dict_is_inputs_by_name():
    (sample,) = read([{"ids": np.int32([[1]]), "mask": np.bool_([[True]])}])
    assert [name for name, _ in sample.inputs] == ["ids", "mask"]


def test_other_mappings_count_as_dicts():
    from collections import UserDict

    (sample,) = read([UserDict(ids=np.int32([[1]]))])
    assert [name for name, _ in sample.inputs] == ["ids"]


@pytest.mark.parametrize(
    ("mark", "seen"),
    [({}, None), ({"nncf_reset_state": True}, True), ({"nncf_reset_state": False}, False)],
)
def test_the_reset_state_mark_is_no_input(mark, seen):
    (sample,) = read([{"x": np.zeros(1), **mark}])
    assert sample.reset_state is seen
    assert [name for name, _ in sample.inputs] == ["x"]


def test_the_transform_function_makes_the_input():
    (sample,) = read([(np.float32([1]), "label")], lambda item: {"x": item[0]})
    assert sample.inputs[0][0] == "x"


@pytest.mark.parametrize(
    "dtype",
    [
        "bool",
        "int8",
        "uint8",
        "int16",
        "uint16",
        "int32",
        "uint32",
        "int64",
        "uint64",
        "float16",
        "float32",
        "float64",
    ],
)
def test_element_types_and_values_survive(dtype):
    values = np.array([0, 1, 1, 0], dtype=dtype)
    (sample,) = read([values])
    assert sample.inputs[0][1].dtype == np.dtype(dtype)
    np.testing.assert_array_equal(sample.inputs[0][1], values)


@pytest.mark.parametrize(
    "odd", [lambda a: a.T, lambda a: a[::2], lambda a: a[:, ::-1], np.asfortranarray]
)
def test_arrays_in_any_memory_order(odd):
    array = odd(np.arange(24, dtype=np.float32).reshape(4, 6))
    (sample,) = read([array])
    np.testing.assert_array_equal(sample.inputs[0][1], array)


def test_lists_of_numbers_scalars_and_empty_arrays():
    samples = read([{"a": [[1.0, 2.0]], "b": 3, "c": np.zeros((0, 2), np.float32)}])
    assert arrays(samples[0]) == [[[1.0, 2.0]], 3, []]


def test_read_only_arrays():
    array = np.float32([1, 2])
    array.flags.writeable = False
    assert arrays(read([array])[0]) == [[1, 2]]


def test_torch_tensors_and_data_loaders():
    torch = pytest.importorskip("torch")
    data = torch.arange(12, dtype=torch.float32).reshape(6, 2)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(data, data), batch_size=2)
    dataset = eb.Dataset(loader, lambda item: item[0])
    assert (dataset.get_length(), dataset.get_batch_size()) == (3, 2)
    samples = list(dataset._native().open())
    assert [arrays(sample)[0] for sample in samples] == [
        data[i : i + 2].tolist() for i in (0, 2, 4)
    ]


def test_torch_tensors_of_every_kind():
    torch = pytest.importorskip("torch")
    base = torch.tensor([[1.5, 2.0], [3.0, 4.0]])
    for tensor in (
        base.requires_grad_(),
        base.detach().T,
        base.detach().to(torch.bfloat16),
        base.detach().half(),
    ):
        assert arrays(read([tensor])[0]) == [tensor.detach().float().tolist()]


def test_objects_with_the_array_protocol():
    class Wrapped:
        def __array__(self, dtype=None, copy=None):
            return np.float32([1, 2])

    assert arrays(read([Wrapped()])[0]) == [[1, 2]]


@pytest.mark.parametrize(
    "view", [lambda a: a, lambda a: a[None], lambda a: {"x": a}, lambda a: [a]]
)
def test_fresh_arrays_are_taken_over_without_a_copy(view):
    addresses = []

    def fresh(index):
        array = np.full(1000, index, np.float32)
        addresses.append(array.ctypes.data)
        return view(array)

    for sample in eb.Dataset(range(3), fresh)._native().open():
        assert sample.inputs[0][1].ctypes.data == addresses[-1]


def test_what_somebody_else_may_write_to_is_copied():
    """A loader may fill one buffer again and again while earlier samples are still being inferred."""
    buffer = np.zeros(4, np.float32)

    def refilled():
        for index in range(3):
            buffer[:] = index
            yield buffer[None]

    assert [arrays(sample)[0] for sample in list(eb.Dataset(refilled())._native().open())] == [
        [[index] * 4] for index in range(3)
    ]


def test_samples_are_let_go():
    alive = []

    def make(index):
        array = np.zeros(4, np.float32)
        alive.append(weakref.ref(array))
        return array

    for sample in eb.Dataset(range(5), make)._native().open():
        del sample
    gc.collect()
    assert not any(reference() is not None for reference in alive)


def test_reading_is_lazy_and_happens_once(model, samples):
    taken = []

    def source():
        for index, sample in enumerate(samples):
            taken.append(index)
            yield sample

    report = eb.Report()
    eb.quantize(model, eb.Dataset(source()), subset_size=5, report=report, trial_run=False)
    assert report.samples == 5
    assert taken == list(range(5))


def test_a_used_up_generator_is_explained(model, samples):
    dataset = eb.Dataset(sample for sample in samples)
    eb.quantize(model, dataset, trial_run=False)
    with pytest.raises(eb.DataError, match="generator"):
        eb.quantize(model, dataset, trial_run=False)


def test_a_list_can_be_read_again(model, samples):
    dataset = eb.Dataset(samples)
    for _ in range(2):
        report = eb.Report()
        eb.quantize(model, dataset, report=report, trial_run=False)
        assert report.samples == len(samples)


def test_batches_count_as_samples(samples):
    from small_models import conv_net

    report = eb.Report()
    batches = [np.concatenate(samples[i : i + 4]) for i in (0, 4, 8)]
    eb.quantize(
        conv_net(batch=4), eb.Dataset(batches), subset_size=8, report=report, trial_run=False
    )
    assert report.samples == 8


def test_no_samples_is_an_error(model):
    with pytest.raises(eb.ValidationError):
        eb.quantize(model, eb.Dataset([]), trial_run=False)


def test_length_is_asked_only_where_it_is_known():
    class Unsized:
        def __iter__(self):
            return iter([])

    class Refusing(Unsized):
        def __len__(self):
            raise TypeError("no length")

    assert eb.Dataset(Unsized()).get_length() is None
    assert eb.Dataset(Refusing()).get_length() is None
    assert eb.Dataset([1, 2]).get_length() == 2


def test_items_by_index():
    dataset = eb.Dataset([10, 11, 12, 13], lambda item: item + 100)
    assert list(dataset.get_data()) == [10, 11, 12, 13]
    assert list(dataset.get_inference_data([3, 1])) == [113, 111]
    assert list(eb.Dataset(iter([10, 11, 12, 13])).get_data([2, 0])) == [10, 12]
    again = dataset.get_inference_data([0])
    assert list(again) == list(again) == [110]


@pytest.mark.parametrize("wrong", [5, None, object()])
def test_what_can_not_be_iterated_over_is_refused(wrong):
    with pytest.raises(eb.InvalidArgument, match="iterat"):
        eb.Dataset(wrong)


def test_a_transform_that_is_no_function_is_refused():
    with pytest.raises(eb.InvalidArgument, match="transform_func"):
        eb.Dataset([], 3)


@pytest.mark.parametrize("item", ["text", object(), {"x": "text"}, np.zeros(2, complex)])
def test_items_that_are_no_arrays_are_named(item):
    with pytest.raises(eb.DataError, match="sample 1"):
        read([np.zeros(1), item])


@pytest.mark.parametrize("empty", [[], (), {}, {"nncf_reset_state": True}])
def test_items_without_inputs_are_named(empty):
    with pytest.raises(eb.DataError, match="sample 0 holds no inputs"):
        read([empty])
