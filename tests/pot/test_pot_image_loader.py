"""ImageLoader: pictures by index, as OpenCV reads them."""

import copy

import cv2 as cv
import eightbit as eb
import numpy as np
import openvino as ov
import pytest
from eightbit.pot import SimplifiedEngine, create_pipeline
from eightbit.pot.data_loaders.creator import create_data_loader
from eightbit.pot.data_loaders.image_loader import ImageLoader
from eightbit.pot.graph.compressed_model import CompressedModel
from eightbit.pot.graph.model_utils import get_nodes_by_type
from openvino import opset13 as ops

SIDE = 16


@pytest.fixture
def folder(tmp_path):
    random = np.random.default_rng(1)
    (tmp_path / "pictures").mkdir()
    for i in range(8):
        noise = random.integers(0, 255, (24 + i, 30, 3), np.uint8)
        cv.imwrite(str(tmp_path / "pictures" / f"{i}.png"), noise)
    (tmp_path / "pictures" / "note.txt").write_text("no picture")
    (tmp_path / "list.txt").write_text("pictures/5.png\npictures/2.png\n")
    return tmp_path


def of_shape(shape, layout=None) -> CompressedModel:
    x = ops.parameter(shape, np.float32, name="image")
    if layout:
        x.set_layout(ov.Layout(layout))
    channels = shape[-1] if shape[-1] in (1, 3) else shape[1]
    nchw = x if shape[-1] not in (1, 3) else ops.transpose(x, [0, 3, 1, 2])
    random = np.random.default_rng(0)
    kernel = ops.constant(random.standard_normal((8, channels, 3, 3)).astype(np.float32) / 100)
    h = ops.relu(ops.convolution(nchw, kernel, [2, 2], [1, 1], [1, 1], [1, 1]))
    return CompressedModel([{"model": ov.Model([ops.result(h)], [x], "net")}])


def as_opencv_reads(path, grey=False, fraction=None):
    picture = cv.imread(str(path), cv.IMREAD_GRAYSCALE if grey else cv.IMREAD_COLOR)
    if fraction:
        height, width = (int(side * fraction) for side in picture.shape[:2])
        top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
        picture = picture[top : top + height, left : left + width]
    picture = cv.resize(picture, (SIDE, SIDE))
    return picture[..., None] if grey else picture


@pytest.mark.parametrize(
    "config, shape, grey, last",
    [
        ({}, [1, 3, SIDE, SIDE], False, False),
        ({}, [1, SIDE, SIDE, 3], False, True),
        ({}, [1, 1, SIDE, SIDE], True, False),
        ({"central_fraction": 0.5}, [1, 3, SIDE, SIDE], False, False),
        ({"layout": "NHWC"}, [1, SIDE, SIDE, 3], False, True),
        ({"layout": "HWC"}, [1, SIDE, SIDE, 1], True, True),
    ],
)
def test_items_are_what_opencv_reads(config, shape, grey, last, folder):
    loader = create_data_loader({"data_source": folder / "pictures", **config}, of_shape(shape))
    assert len(loader) == 8
    for index in (0, 7):
        expected = as_opencv_reads(
            folder / "pictures" / f"{index}.png", grey, config.get("central_fraction")
        )
        found = loader[index]
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, expected if last else expected.transpose(2, 0, 1))
    with pytest.raises(IndexError):
        loader[8]


def test_lists_and_globs(folder):
    assert len(ImageLoader({"data_source": str(folder / "pictures" / "[3-5].png")})) == 3
    listed = ImageLoader({"data_source": str(folder / "list.txt")})
    listed.shape = (1, 3, SIDE, SIDE)
    expected = as_opencv_reads(folder / "pictures" / "5.png")
    np.testing.assert_array_equal(listed[0], expected.transpose(2, 0, 1))


def test_pictures_keep_their_size_where_the_model_takes_any(folder):
    loader = create_data_loader({"data_source": folder / "pictures"}, of_shape([1, 3, -1, -1]))
    assert loader.shape == (1, 3, -1, -1)
    assert [one.shape for one in loader] == [(3, 24 + i, 30) for i in range(8)]


def test_the_layout_of_the_model_counts(folder):
    model = of_shape([1, 3, SIDE, 3], "NHWC")  # both axes could be the channels
    assert create_data_loader({"data_source": folder / "pictures"}, model)[0].shape == (3, SIDE, 3)


def test_a_simplified_engine_over_a_folder(folder):
    model = of_shape([1, 3, SIDE, SIDE])
    loader = create_data_loader({"data_source": folder / "pictures"}, model)
    engine = SimplifiedEngine({"device": "CPU"}, data_loader=loader)
    quantized = create_pipeline([{"name": "DefaultQuantization"}], engine).run(copy.deepcopy(model))
    assert get_nodes_by_type(quantized, ["FakeQuantize"])


def test_what_cannot_be_read(folder):
    with pytest.raises(eb.DataError, match="nowhere"):
        ImageLoader({"data_source": str(folder / "nowhere")})
    with pytest.raises(eb.InvalidArgument, match="engine.layout is 'CWH'"):
        ImageLoader({"data_source": str(folder / "pictures"), "layout": "CWH"})
    with pytest.raises(eb.InvalidArgument, match="data_source"):
        ImageLoader({})
    (folder / "pictures" / "3.png").write_bytes(b"no png")
    loader = ImageLoader({"data_source": str(folder / "pictures")})
    with pytest.raises(eb.DataError, match="3.png"):
        loader[3]
    first, second = (ops.parameter([1, 3, 8, 8], np.float32) for _ in range(2))
    both = ov.Model([ops.result(ops.add(first, second))], [first, second], "two")
    with pytest.raises(RuntimeError, match="2 inputs"):
        create_data_loader({"data_source": folder}, CompressedModel([{"model": both}]))
