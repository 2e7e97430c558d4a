"""TensorFlow shows its protobuf to all libraries that are loaded after it. Here a small library does, in which whatever is called
ends the process."""

import subprocess
import sys

import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

PROGRAM = """
import ctypes, sys
ctypes.CDLL(sys.argv[1], ctypes.RTLD_GLOBAL)
import numpy as np
import eightbit as eb
from onnx import TensorProto, helper, numpy_helper

w = np.random.default_rng(0).normal(0, 0.3, (8, 8)).astype(np.float32)
ports = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 8]) for n in ("x", "y")]
graph = helper.make_graph(
    [helper.make_node("MatMul", ["x", "w"], ["y"], "product")], "g", ports[:1], ports[1:], [numpy_helper.from_array(w, "w")])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
quantized = eb.quantize(model, eb.Dataset([{"x": np.ones((1, 8), np.float32)}] * 4))
assert any(node.op_type == "QuantizeLinear" for node in quantized.graph.node)
print("quantized")
"""


def names_of_protobuf(build_dir):
    """What this build's libraries would let another protobuf take over."""
    names = set()
    for library in (build_dir / "libeightbit.so", build_dir / "libeightbit_protobuf.so"):
        if not library.exists():
            continue
        done = subprocess.run(
            ["nm", "-D", str(library)], capture_output=True, text=True, check=True
        )
        names |= {line.split()[-1].partition("@")[0] for line in done.stdout.splitlines()}
    return {name for name in names if "6google8protobuf" in name}


def test_no_symbol_of_protobuf_can_be_taken_over(build_dir):
    assert not names_of_protobuf(build_dir)


def test_a_protobuf_that_is_shown_to_all_is_not_used(build_dir, tmp_path):
    names = {
        "_ZN6google8protobuf11MessageLite15ParseFromStringERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE",
        "_ZN6google8protobuf11MessageLite21ParsePartialFromArrayEPKvi",
        "_ZN6google8protobuf8internal14ArenaStringPtr7DestroyEv",
        "_ZN6google8protobuf2io16CodedInputStream7RefreshEv",
    } | {name for name in names_of_protobuf(build_dir) if name.startswith("_ZN")}
    source = tmp_path / "shown.cc"
    source.write_text(
        "#include <unistd.h>\n"
        + "".join(f'extern "C" void {name}() {{ _exit(77); }}\n' for name in sorted(names))
    )
    library = tmp_path / "libshown.so"
    subprocess.run(["g++", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(library)], capture_output=True, text=True
    )
    assert done.returncode == 0, f"{done.returncode}\n{done.stderr}"
    assert done.stdout.endswith("quantized\n")
