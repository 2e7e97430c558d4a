"""Small ONNX models for tests, and what ONNX Runtime makes of them with its default settings."""

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

F32 = TensorProto.FLOAT
I64 = TensorProto.INT64


def node(kind, inputs, outputs, name=None, **attributes):
    """Names in `inputs` and `outputs` have blanks between; `_` is an open input."""
    names = ["" if name == "_" else name for name in inputs.split()]
    return helper.make_node(kind, names, outputs.split(), name, **attributes)


def weight(seed, *shape, fan_in=None):
    scale = 1 / np.sqrt(fan_in or max(1, int(np.prod(shape[1:]))))
    return np.random.default_rng(seed).normal(0, scale, shape).astype(np.float32)


def model_of(nodes, inputs, outputs, constants, opset=17, domains=()):
    """`inputs`, `outputs`: (name, type, shape)."""
    info = [
        [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in ports]
        for ports in (inputs, outputs)
    ]
    tensors = [
        numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()
    ]
    graph = helper.make_graph(nodes, "g", *info, tensors)
    imports = [
        helper.make_opsetid("", opset),
        *(helper.make_opsetid(domain, 1) for domain in domains),
    ]
    return helper.make_model(graph, opset_imports=imports, ir_version=8 if opset < 21 else 10)


def run(model, samples):
    """The outputs of each sample, in a session as users make it."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return [session.run(None, sample) for sample in samples]


def sqnr(reference, other):
    """In dB, of the first outputs; shapes must agree."""
    noise = signal = 0.0
    for (a, *_), (b, *_) in zip(reference, other, strict=True):
        assert a.shape == b.shape
        a, b = a.astype(np.float64), b.astype(np.float64)
        signal += np.sum(a * a)
        noise += np.sum((a - b) ** 2)
    return 10 * np.log10(signal / max(noise, 1e-300))


def quantized_tensors(model):
    """What QuantizeLinear reads."""
    return [node.input[0] for node in model.graph.node if node.op_type == "QuantizeLinear"]
