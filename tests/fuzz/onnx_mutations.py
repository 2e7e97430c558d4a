#!/usr/bin/env python3
"""Structure-aware mutations of small ONNX models: each is planned or refused with one clear error, every eighth is
quantized too. See supervision.py."""

import random
from pathlib import Path

import eightbit as eb
import numpy as np
import onnx
from google.protobuf.descriptor import FieldDescriptor as Field
from onnx import TensorProto, helper, numpy_helper
from supervision import main, used_or_refused

INTEGERS = [0, 1, -1, 2, 3, 7, 13, 17, 100, -100, 1 << 20, 1 << 40, 2**63 - 1, -(2**63)]
FLOATS = [0.0, -1.0, 1e38, float("nan"), float("inf")]
WORDS = ["", "x", "ai.onnx", "com.microsoft", "Conv", "MatMul", "If", "Constant", "../w", "a" * 300]


def constant(name, *shape):
    values = np.linspace(-1, 1, int(np.prod(shape)), dtype=np.float32).reshape(shape)
    return numpy_helper.from_array(values, name)


def model_of(nodes, inputs, outputs, initializers):
    def info(pairs):
        return [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in pairs]

    graph = helper.make_graph(nodes, "g", info(inputs), info(outputs), initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def convolutions():
    n = helper.make_node
    nodes = [
        n("Conv", ["x", "w", "b"], ["c"], "first", pads=[1, 1, 1, 1]),
        n("BatchNormalization", ["c", "s", "s", "b", "v"], ["n"], "norm"),
        n("HardSwish", ["n"], ["h"], "hard_swish"),
        n("Mul", ["h", "half"], ["m"], "scaled"),
        n("Conv", ["m", "d", "b"], ["e"], "depthwise", group=4),
        n("Relu", ["e"], ["r"], "relu"),
        n("GlobalAveragePool", ["r"], ["p"], "pool"),
        n("Flatten", ["p"], ["f"], "flat"),
        n("Gemm", ["f", "g"], ["y"], "product"),
    ]
    variance = numpy_helper.from_array(np.ones(4, np.float32), "v")
    half = numpy_helper.from_array(np.full(1, 0.5, np.float32), "half")
    initializers = [
        constant("w", 4, 2, 3, 3), constant("b", 4), constant("s", 4), variance, half,
        constant("d", 4, 1, 3, 3), constant("g", 4, 3),
    ]  # fmt: skip
    return model_of(nodes, [("x", [1, 2, 6, 6])], [("y", [1, 3])], initializers)


def attention():
    n = helper.make_node
    nodes = [
        *[n("MatMul", ["x", name], [name + "x"], name) for name in "qkv"],
        n("Transpose", ["kx"], ["t"], "turned", perm=[0, 2, 1]),
        n("MatMul", ["qx", "t"], ["s"], "scores"),
        n("Softmax", ["s"], ["a"], "soft"),
        n("MatMul", ["a", "vx"], ["o"], "mixed"),
        n("Add", ["o", "x"], ["z"], "residual"),
        n("LayerNormalization", ["z", "g", "g"], ["y"], "norm"),
    ]
    initializers = [*[constant(name, 8, 8) for name in "qkv"], constant("g", 8)]
    return model_of(nodes, [("x", [1, 4, 8])], [("y", [1, 4, 8])], initializers)


def branches():
    n = helper.make_node

    def out(name):
        return [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4])]

    then = helper.make_graph([n("MatMul", ["h", "w"], ["t"], "inner")], "then", [], out("t"))
    other = helper.make_graph([n("Relu", ["h"], ["e"], "relu")], "else", [], out("e"))
    nodes = [
        n("MatMul", ["x", "w"], ["h"], "outer"),
        n("ReduceMean", ["h"], ["mean"], "mean", keepdims=0),
        n("Greater", ["mean", "zero"], ["yes"], "compare"),
        n("If", ["yes"], ["y"], "branch", then_branch=then, else_branch=other),
    ]
    zero = numpy_helper.from_array(np.float32(0), "zero")
    return model_of(nodes, [("x", [1, 4])], [("y", [1, 4])], [constant("w", 4, 4), zero])


MODELS = [build() for build in (convolutions, attention, branches)]


def places(message, found, words):
    """Every set field of the message and of those inside, and every string there is."""
    for field, value in message.ListFields():
        values = value if field.is_repeated else [value]
        for index, element in enumerate(values):
            found.append((message, field, index if field.is_repeated else None))
            if field.cpp_type == Field.CPPTYPE_MESSAGE:
                places(element, found, words)
            elif field.type == Field.TYPE_STRING or (
                field.type == Field.TYPE_BYTES and len(element) < 40
            ):
                words.append(element)
    return found


def rearrange(rng, message, field, index):
    """A field away; or one element away, twice there, or in another's place."""
    if index is None:
        return message.ClearField(field.name)
    values = getattr(message, field.name)
    what = rng.randrange(3)
    if what == 0:
        del values[index]
    elif what == 1:
        values.append(values[index])
    else:
        kept = list(values)
        rng.shuffle(kept)
        copies = (
            [type(v).FromString(v.SerializeToString()) for v in kept]
            if field.message_type
            else kept
        )
        del values[:]
        values.extend(copies)


def new_value(rng, field, words):
    if field.cpp_type in (Field.CPPTYPE_INT64, Field.CPPTYPE_INT32):
        value = rng.choice(INTEGERS)
        return (
            value if field.cpp_type == Field.CPPTYPE_INT64 else max(min(value, 2**31 - 1), -(2**31))
        )
    if field.cpp_type == Field.CPPTYPE_UINT64:
        return abs(rng.choice(INTEGERS))
    if field.cpp_type in (Field.CPPTYPE_FLOAT, Field.CPPTYPE_DOUBLE):
        return rng.choice(FLOATS)
    if field.cpp_type == Field.CPPTYPE_ENUM:
        return rng.choice(field.enum_type.values).number
    word = rng.choice(words)
    if field.type == Field.TYPE_BYTES:
        return word.encode() if isinstance(word, str) else word
    return word if isinstance(word, str) else word.decode("utf8", "replace")


def mutate(number):
    """Serialized model `number`: one or two changes, then perhaps damaged bytes."""
    rng = random.Random(number)
    model = onnx.ModelProto()
    model.CopyFrom(MODELS[number % len(MODELS)])
    for _ in range(rng.randrange(1, 3)):
        words = list(WORDS)
        found = places(model, [], words)
        message, field, index = rng.choice(found)
        if field.message_type or rng.randrange(4) == 0:
            rearrange(rng, message, field, index)
        elif index is None:
            setattr(message, field.name, new_value(rng, field, words))
        else:
            getattr(message, field.name)[index] = new_value(rng, field, words)
    data = bytearray(model.SerializeToString())
    if rng.randrange(10) == 0:
        del data[rng.randrange(len(data) + 1) :]
    if data and rng.randrange(10) == 0:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def sample_for(model):
    """A sample of the declared shapes; None where they are not small and of f32."""
    sample = {}
    for value in model.graph.input:
        tensor = value.type.tensor_type
        shape = [d.dim_value for d in tensor.shape.dim]
        if (
            tensor.elem_type != TensorProto.FLOAT
            or not all(0 < d < 64 for d in shape)
            or np.prod(shape) > 4096
        ):
            return None
        sample[value.name] = np.linspace(-2, 2, int(np.prod(shape)), dtype=np.float32).reshape(
            shape
        )
    return sample


def use_mutation(number, folder: Path) -> bool:
    data, path = mutate(number), folder / "mutation.onnx"
    path.write_bytes(data)

    def use():
        eb.plan(path)
        if number % 8 == 0:
            model = onnx.ModelProto.FromString(data)
            if sample := sample_for(model):
                eb.quantize(path, eb.Dataset([sample] * 2))

    return used_or_refused(use)


if __name__ == "__main__":
    main(use_mutation)
