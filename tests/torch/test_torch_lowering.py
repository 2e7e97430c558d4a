"""What the returned models become in the runtimes that execute integers."""

import collections
import copy
import re

import eightbit as eb
import numpy as np
import openvino as ov
import pytest
import torch
from eightbit.torch.fx import with_dequantize_ops
from torch_networks import ConvNet, export, sqnr, trained


@pytest.fixture(scope="module")
def samples():
    random = np.random.default_rng(7)
    return [random.standard_normal((1, 3, 16, 16)).astype(np.float32) for _ in range(16)]


@pytest.fixture(scope="module")
def quantized(samples):
    return eb.quantize(
        export(trained(ConvNet()), torch.from_numpy(samples[0])),
        eb.Dataset(samples),
        trial_run=False,
    )


def expected(quantized, samples):
    with torch.no_grad():
        return quantized(torch.from_numpy(samples[0]))


def integer_layers(compiled: ov.CompiledModel) -> set[str]:
    """Types of the layers that OpenVINO runs on 8-bit inputs."""
    layers = set()
    for op in compiled.get_runtime_model().get_ordered_ops():
        for source in op.inputs():
            info = source.get_source_output().get_node().get_rt_info()
            if info["outputPrecisions"].astype(str).split(",")[0] in ("u8", "i8"):
                layers.add(op.get_rt_info()["layerType"].astype(str))
    return layers


def test_openvino_runs_integers(quantized, samples):
    program = torch.export.export(quantized, (torch.from_numpy(samples[0]),))
    model = ov.convert_model(program)
    counts = collections.Counter(op.get_type_name() for op in model.get_ops())
    stored = [
        op
        for op in model.get_ops()
        if op.get_type_name() == "Constant" and op.get_element_type() == ov.Type.i8
    ]
    assert counts["FakeQuantize"] >= 5 and len(stored) == 5
    compiled = ov.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    assert integer_layers(compiled) >= {"Convolution", "FullyConnected"}
    assert sqnr(expected(quantized, samples), torch.from_numpy(compiled(samples[0])[0])) > 30


def test_a_saved_program_is_the_same(quantized, samples, tmp_path):
    path = tmp_path / "quantized.pt2"
    torch.export.save(torch.export.export(quantized, (torch.from_numpy(samples[0]),)), path)
    loaded = torch.export.load(path).module()
    assert torch.equal(expected(quantized, samples), expected(loaded, samples))


def test_compile_with_openvino_runs_integers(quantized, samples):
    compiled = eb.torch.compile(quantized, options={"config": {"INFERENCE_PRECISION_HINT": "f32"}})
    assert sqnr(expected(quantized, samples), expected(compiled, samples)) > 30
    (made,) = compiled._compiled.values()
    assert integer_layers(made) >= {"Convolution", "FullyConnected"}


class Nested(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 4, 3)

    def forward(self, images: dict, scale):
        out = self.conv(images["left"]) + self.conv(images["right"]) * scale
        return {"sum": out, "parts": [out.mean((2, 3)), None], "same": out}


def test_compile_with_openvino_keeps_nesting_and_batches():
    generator = torch.Generator().manual_seed(1)
    images = [torch.randn(2, 3, 8, 8, generator=generator) for _ in range(4)]
    inputs = ({"left": images[0], "right": images[1]}, torch.ones(1))
    open_batch = ({"left": {0: torch.export.Dim.AUTO}, "right": {0: torch.export.Dim.AUTO}}, None)
    exported = torch.export.export(Nested().eval(), inputs, dynamic_shapes=open_batch).module()
    quantized = eb.quantize(exported, eb.Dataset([inputs]), trial_run=False)
    compiled = eb.torch.compile(quantized)
    for count in (2, 1):
        left, right = images[2][:count], images[3][:count]
        with torch.no_grad():
            wanted = quantized({"left": left, "right": right}, torch.ones(1))
        result = compiled({"left": left, "right": right}, scale=torch.ones(1))
        assert list(result) == list(wanted) and result["parts"][1] is None
        assert (
            sqnr(wanted["sum"], result["sum"]) > 30
            and sqnr(wanted["parts"][0], result["parts"][0]) > 30
        )
    with pytest.raises(eb.DataError, match="do not fit forward"):
        compiled(images[0])


def test_torch_compile_with_inductor(quantized, samples):
    pytest.importorskip("torchao", reason="it lowers quantized graphs to inductor")
    from torch._inductor.utils import run_and_get_code

    torch._dynamo.reset()
    compiled = eb.torch.compile(quantized, "inductor")
    with torch.no_grad():
        result, code = run_and_get_code(compiled, torch.from_numpy(samples[0]))
    assert sqnr(expected(with_dequantize_ops(quantized), samples), result) > 30
    kernels = re.findall(r"= torch.ops.onednn.(qconv\w*|qlinear\w*)", "\n".join(code))
    assert sum(name.startswith("qconv") for name in kernels) == 4, kernels


def test_what_compile_refuses(quantized):
    with pytest.raises(eb.InvalidArgument, match="no exported graph"):
        eb.torch.compile(ConvNet())
    with pytest.raises(eb.InvalidArgument, match="openvino, inductor"):
        eb.torch.compile(quantized, "tvm")
    with pytest.raises(
        eb.InvalidArgument,
        match="'aot_autograd' is not one of backend 'openvino'. Choose from: device, config",
    ):
        eb.torch.compile(quantized, options={"aot_autograd": True})


@pytest.mark.parametrize("traced", [False, True])
def test_openvino_runs_stripped_modules_in_integers(samples, traced):
    module = eb.strip(eb.quantize(trained(ConvNet()), eb.Dataset(samples), trial_run=False))
    example = torch.from_numpy(samples[0])
    if traced:
        model = ov.convert_model(module, example_input=example)
    else:
        model = ov.convert_model(torch.export.export(module, (example,)))
    compiled = ov.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    assert integer_layers(compiled) >= {"Convolution", "FullyConnected"}
    assert sqnr(expected(module, samples), torch.from_numpy(compiled(samples[0])[0])) > 30


def test_onnx_runtime_takes_the_exported_model(quantized, samples, tmp_path):
    pytest.importorskip("onnxscript", reason="torch's exporter to ONNX needs it")
    import onnxruntime

    path = tmp_path / "quantized.onnx"
    other = with_dequantize_ops(quantized)
    torch.onnx.export(other, (torch.from_numpy(samples[0]),), dynamo=True, verbose=False).save(path)
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    result = session.run(None, {session.get_inputs()[0].name: samples[0]})[0]
    assert sqnr(expected(other, samples), torch.from_numpy(result)) > 25
    import onnx

    fused = collections.Counter(
        node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node
    )
    assert fused["QLinearConv"] >= 2


def test_dequantize_ops_compute_the_same(quantized, samples):
    other = with_dequantize_ops(quantized)
    assert sqnr(expected(quantized, samples), expected(other, samples)) > 30
    with pytest.raises(eb.InvalidArgument, match="no exported graph"):
        with_dequantize_ops(ConvNet())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64], ids=str)
@pytest.mark.parametrize("with_ops", [False, True], ids=["products", "dequantize"])
def test_other_floating_types(quantized, samples, dtype, with_ops):
    other = copy.deepcopy(quantized)
    if with_ops:
        other = with_dequantize_ops(other)
    wanted = expected(other, samples)
    x = torch.from_numpy(samples[0])
    with torch.no_grad():
        found = other.to(dtype)(x.to(dtype))
        assert found.dtype == dtype
        assert sqnr(wanted, found.float()) > 25
        back = other.float()(x)
    assert back.dtype == torch.float32
    assert sqnr(wanted, back) > (60 if dtype == torch.float64 else 25)
    stored = [tensor for tensor in other.state_dict().values() if tensor.dtype == torch.int8]
    assert len(stored) == 5, "integers stay what they are"
