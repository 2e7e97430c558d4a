"""Formats that OpenVINO reads: TensorFlow Lite, TensorFlow, PaddlePaddle, and an onnx.ModelProto that is to run in OpenVINO. The
frameworks themselves are not needed."""

import json
import struct
import subprocess
from pathlib import Path

import eightbit as eb
import numpy as np
import openvino as ov
import pytest

W1 = np.random.default_rng(1).normal(0, 0.3, (16, 24)).astype(np.float32)  # [in, out]
W2 = np.random.default_rng(2).normal(0, 0.3, (24, 8)).astype(np.float32)


def expected(x):
    return np.maximum(x @ W1, 0) @ W2


# TensorFlow Lite: a flatbuffer. Numbers of fields are those of tensorflow/compiler/mlir/lite/schema/schema.fbs.


def tflite_bytes():
    flatbuffers = pytest.importorskip("flatbuffers")
    builder = flatbuffers.Builder(1024)

    def table(*fields):
        """`fields`: (slot, kind, value)."""
        builder.StartObject(1 + max(slot for slot, _, _ in fields))
        for slot, kind, value in fields:
            if kind == "offset":
                builder.PrependUOffsetTRelativeSlot(slot, value, 0)
            else:
                getattr(builder, f"Prepend{kind}Slot")(slot, value, 0)
        return builder.EndObject()

    def vector(kind, size, values):
        builder.StartVector(size, len(values), size)
        for value in reversed(values):
            getattr(builder, f"Prepend{kind}")(value)
        return builder.EndVector()

    def offsets(values):
        return vector("UOffsetTRelative", 4, values)

    def tensor(name, shape, buffer):
        text, extents = builder.CreateString(name), vector("Int32", 4, shape)
        return table((0, "offset", extents), (2, "Uint32", buffer), (3, "offset", text))

    def fully_connected(inputs, output, activation):
        options = table((0, "Int8", activation))
        reads, yields = vector("Int32", 4, inputs), vector("Int32", 4, [output])
        return table((1, "offset", reads), (2, "offset", yields), (3, "Uint8", 8), (4, "offset", options))  # fmt: skip

    buffers = [
        table((0, "offset", builder.CreateByteVector(array.tobytes())))
        for array in (np.zeros(0), W1.T, W2.T)
    ]
    tensors = [
        tensor("x", [1, 16], 0), tensor("w1", [24, 16], 1), tensor("h", [1, 24], 0),
        tensor("w2", [8, 24], 2), tensor("y", [1, 8], 0),
    ]  # fmt: skip
    operators = [fully_connected([0, 1, -1], 2, 1), fully_connected([2, 3, -1], 4, 0)]
    graph = table(
        (0, "offset", offsets(tensors)), (1, "offset", vector("Int32", 4, [0])),
        (2, "offset", vector("Int32", 4, [4])), (3, "offset", offsets(operators)),
    )  # fmt: skip
    code = table((0, "Int8", 9), (2, "Int32", 1), (3, "Int32", 9))  # FULLY_CONNECTED
    model = table(
        (0, "Uint32", 3), (1, "offset", offsets([code])), (2, "offset", offsets([graph])),
        (4, "offset", offsets(buffers)),
    )  # fmt: skip
    builder.Finish(model, file_identifier=b"TFL3")
    return bytes(builder.Output())


# TensorFlow: protobuf messages, written by hand. GraphDef.node = 1; NodeDef.name, op, input, attr = 1, 2, 3, 5.


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


FLOAT = field(6, 1)  # AttrValue.type = DT_FLOAT


def tf_node(name, op, inputs=(), **attributes):
    text = field(1, name) + field(2, op) + b"".join(field(3, i) for i in inputs)
    for key, value in attributes.items():
        text += field(5, field(1, key) + field(2, value))
    return field(1, text)


def tf_shape(shape):
    return b"".join(field(2, field(1, extent)) for extent in shape)


def tf_constant(name, array):
    tensor = field(1, 1) + field(2, tf_shape(array.shape)) + field(4, array.tobytes())
    return tf_node(name, "Const", dtype=FLOAT, value=field(8, tensor))


def graph_def():
    return (
        tf_node("x", "Placeholder", dtype=FLOAT, shape=field(7, tf_shape((1, 16))))
        + tf_constant("w1", W1) + tf_constant("w2", W2)
        + tf_node("a", "MatMul", ["x", "w1"], T=FLOAT) + tf_node("r", "Relu", ["a"], T=FLOAT)
        + tf_node("y", "MatMul", ["r", "w2"], T=FLOAT)
    )  # fmt: skip


def saved_model():
    def info(name, shape):  # TensorInfo
        return field(1, f"{name}:0") + field(2, 1) + field(3, tf_shape(shape))

    signature = field(1, field(1, "x") + field(2, info("x", (1, 16))))
    signature += field(2, field(1, "y") + field(2, info("y", (1, 8)))) + field(
        3, "tensorflow/serving/predict"
    )
    meta = field(1, field(4, "serve")) + field(2, graph_def())
    meta += field(5, field(1, "serving_default") + field(2, signature))
    return field(1, 1) + field(2, meta)


# PaddlePaddle: ProgramDesc of framework.proto, and weights one after the other in the order of their names.

FP32, LOD_TENSOR, FEED_MINIBATCH, FETCH_LIST = 5, 7, 9, 10
INT, BOOLEAN = 0, 6


def paddle_tensor(shape):
    return field(1, FP32) + b"".join(field(2, extent) for extent in shape)


def paddle_variable(name, kind, shape=None, persistable=0):
    described = field(1, kind)
    if shape is not None:
        described += field(3, field(1, paddle_tensor(shape)))
    return field(3, field(1, name) + field(2, described) + field(3, persistable))


def paddle_op(kind, inputs, outputs, **attributes):
    text = b"".join(
        field(number, field(1, slot) + field(2, name))
        for number, slots in ((1, inputs), (2, outputs))
        for slot, name in slots.items()
    )
    text += field(3, kind)
    for name, (form, place, value) in attributes.items():
        text += field(4, field(1, name) + field(2, form) + field(place, value))
    return field(4, text)


def paddle_program():
    as_is = {"trans_x": (BOOLEAN, 10, 0), "trans_y": (BOOLEAN, 10, 0)}
    column = {"col": (INT, 3, 0)}
    block = field(1, 0) + field(2, 0)
    block += paddle_variable("feed", FEED_MINIBATCH, persistable=1)
    block += paddle_variable("fetch", FETCH_LIST, persistable=1)
    for name, shape in (("x", (1, 16)), ("a", (1, 24)), ("r", (1, 24)), ("y", (1, 8))):
        block += paddle_variable(name, LOD_TENSOR, shape)
    for name, array in (("w1", W1), ("w2", W2)):
        block += paddle_variable(name, LOD_TENSOR, array.shape, persistable=1)
    block += paddle_op("feed", {"X": "feed"}, {"Out": "x"}, **column)
    block += paddle_op("matmul_v2", {"X": "x", "Y": "w1"}, {"Out": "a"}, **as_is)
    block += paddle_op("relu", {"X": "a"}, {"Out": "r"})
    block += paddle_op("matmul_v2", {"X": "r", "Y": "w2"}, {"Out": "y"}, **as_is)
    block += paddle_op("fetch", {"X": "y"}, {"Out": "fetch"}, **column)
    return field(1, block) + field(4, field(1, 0))


def paddle_weights():
    text = b""
    for array in (W1, W2):
        described = paddle_tensor(array.shape)
        text += struct.pack("<IQIi", 0, 0, 0, len(described)) + described + array.tobytes()
    return text


@pytest.fixture
def files(tmp_path):
    (tmp_path / "m.tflite").write_bytes(tflite_bytes())
    (tmp_path / "m.pb").write_bytes(graph_def())
    (tmp_path / "m.pdmodel").write_bytes(paddle_program())
    (tmp_path / "m.pdiparams").write_bytes(paddle_weights())
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").write_bytes(saved_model())
    return tmp_path


SAMPLES = [np.random.default_rng(i).normal(size=(1, 16)).astype(np.float32) for i in range(20)]


def check(quantized):
    compiled = ov.Core().compile_model(quantized, "CPU")
    wanted = np.concatenate([expected(x) for x in SAMPLES])
    got = np.concatenate([compiled([x])[0] for x in SAMPLES])
    assert 10 * np.log10(np.sum(wanted**2) / np.sum((wanted - got) ** 2)) > 25
    types = [node.get_type_name() for node in quantized.get_ops()]
    assert types.count("FakeQuantize") >= 2


FORMATS = ["m.tflite", "m.pb", "m.pdmodel", "saved"]


@pytest.mark.parametrize("name", FORMATS)
def test_a_path_of_another_format_gives_an_openvino_model(files, name):
    quantized = eb.quantize(files / name, eb.Dataset(SAMPLES), trial_run=False)
    assert isinstance(quantized, ov.Model)
    check(quantized)


@pytest.mark.parametrize("name", FORMATS)
def test_layers_are_called_the_same_each_time(files, name):
    text = eb.plan(files / name).text
    ov.Core().read_model(files / name)
    assert eb.plan(files / name).text == text
    quantizers = json.loads(eb.plan(files / name).json)["quantizers"]
    layers = {use.rpartition(":")[0] for q in quantizers for use in q["uses"]}
    assert layers
    ignored = eb.IgnoredScope(names=sorted(layers))
    assert not eb.plan(files / name, ignored_scope=ignored).quantizers


@pytest.mark.parametrize("name", FORMATS)
def test_the_command_line_takes_it(files, name, cli):
    np.save(files / "x.npy", np.concatenate(SAMPLES))
    done = subprocess.run(
        [cli, "quantize", name, "--data", "x.npy", "-o", "q.xml"],
        cwd=files,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    check(ov.Core().read_model(files / "q.xml"))


def test_the_command_line_says_what_it_takes(files, cli):
    """As the table in docs/use.md, and with the name that the user knows in messages."""
    shown = subprocess.run([cli, "quantize", "--help"], capture_output=True, text=True).stdout
    page = (Path(__file__).parents[2] / "docs" / "use.md").read_text(encoding="utf8")
    for extension in (".xml", ".onnx", ".tflite", ".pb", ".pdmodel"):
        assert f"{extension}" in shown and f"`{extension}`" in page
    done = subprocess.run([cli, "plan", "none.tflite"], cwd=files, capture_output=True, text=True)
    assert done.returncode != 0 and "'none.tflite' does not exist" in done.stderr


@pytest.mark.parametrize("name", FORMATS)
def test_engine_onnxruntime_does_not_take_it(files, name):
    with pytest.raises(eb.Unsupported, match="Choose engine openvino"):
        eb.quantize(
            files / name, eb.Dataset(SAMPLES), engine=eb.Engine.ONNXRUNTIME, trial_run=False
        )


def test_a_folder_without_a_saved_model(tmp_path):
    with pytest.raises(eb.FileError, match="no SavedModel"):
        eb.plan(tmp_path)


def test_what_is_no_model_names_what_is(tmp_path):
    (tmp_path / "m.caffemodel").write_bytes(b"HDF")
    with pytest.raises(eb.Unsupported, match=r"\.tflite"):
        eb.plan(tmp_path / "m.caffemodel")
    (tmp_path / "m.tflite").write_bytes(b"nothing of the kind")
    with pytest.raises(eb.ModelError, match="broken or not a model"):
        eb.plan(tmp_path / "m.tflite")


def test_a_model_proto_runs_in_openvino():
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    nodes = [
        helper.make_node("MatMul", ["x", "w1"], ["a"], "first"), helper.make_node("Relu", ["a"], ["r"], "relu"),
        helper.make_node("MatMul", ["r", "w2"], ["y"], "last"),
    ]  # fmt: skip
    ports = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, s)
        for n, s in (("x", [1, 16]), ("y", [1, 8]))
    ]
    tensors = [numpy_helper.from_array(a, n) for n, a in (("w1", W1), ("w2", W2))]
    graph = helper.make_graph(nodes, "g", ports[:1], ports[1:], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    quantized = eb.quantize(model, eb.Dataset(SAMPLES), engine=eb.Engine.OPENVINO, trial_run=False)
    assert isinstance(quantized, ov.Model)
    check(quantized)
    with pytest.raises(eb.ModelError, match="OpenVINO cannot read"):
        eb.quantize(
            onnx.ModelProto(), eb.Dataset(SAMPLES), engine=eb.Engine.OPENVINO, trial_run=False
        )
