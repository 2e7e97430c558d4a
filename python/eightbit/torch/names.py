"""What users of PyTorch call the nodes of an exported graph: modules by their path, the rest by path and op."""

from __future__ import annotations

from torch import fx

from eightbit.torch.clean import packet

# Classes of torch.nn that are one op each, by ATen op.
_CLASSES = {
    "linear": "Linear",
    "embedding": "Embedding",
    "embedding_bag": "EmbeddingBag",
    "batch_norm": "BatchNorm",
    "layer_norm": "LayerNorm",
    "group_norm": "GroupNorm",
    "relu": "ReLU",
    "relu6": "ReLU6",
    "hardtanh": "Hardtanh",
    "hardswish": "Hardswish",
    "hardsigmoid": "Hardsigmoid",
    "leaky_relu": "LeakyReLU",
    "elu": "ELU",
    "gelu": "GELU",
    "silu": "SiLU",
    "mish": "Mish",
    "prelu": "PReLU",
    "softmax": "Softmax",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "softplus": "Softplus",
    "lstm": "LSTM",
    "gru": "GRU",
    "pixel_shuffle": "PixelShuffle",
    **{f"conv{n}d": f"Conv{n}d" for n in (1, 2, 3)},
    **{f"conv_transpose{n}d": f"ConvTranspose{n}d" for n in (1, 2, 3)},
    **{f"max_pool{n}d": f"MaxPool{n}d" for n in (1, 2, 3)},
    **{f"avg_pool{n}d": f"AvgPool{n}d" for n in (1, 2, 3)},
    **{f"adaptive_avg_pool{n}d": f"AdaptiveAvgPool{n}d" for n in (1, 2, 3)},
}
_COMPOSITES = ("container", "transformer", "MultiheadAttention")


def op_name(node: fx.Node) -> str:
    """`conv2d` of torch.ops.aten.conv2d.default; the function's own name where it is no ATen op."""
    op = packet(node)
    return op.__name__ if op is not None else getattr(node.target, "__name__", str(node.target))


def type_of(node: fx.Node) -> str:
    """`Conv2d`, `Linear` for ops that are a module of torch.nn, else the ATen op."""
    return _CLASSES.get(op_name(node), op_name(node))


def other_types(node: fx.Node) -> list[str]:
    """The other names of the type: with and without overload, and the class of the module that it stands in."""
    names = [op_name(node), str(node.target).removesuffix("_"), f"aten.{op_name(node)}"]
    _, owner, weighted = _owner(node)
    if owner and (weighted or _is_leaf(owner)):
        names.append(owner.rpartition(".")[2])
    return [name for name in dict.fromkeys(names) if name != type_of(node)]


def path_of(node: fx.Node) -> str:
    """`layer1.0.conv1` for the op of that module, `layer1.0.add` for an op that stands in the module layer1.0."""
    path, owner, weighted = _owner(node)
    if path and (weighted or _is_leaf(owner)):
        return path
    return f"{path}.{op_name(node)}" if path else node.name


def nncf_name(node: fx.Node) -> str:
    """`layer1/0/conv1/conv2d/0`, as NNCF calls the first call of a function in a module."""
    path, _, _ = _owner(node)
    return "/".join([*path.split("."), op_name(node).removesuffix("_"), "0"]).lstrip("/")


def _owner(node: fx.Node) -> tuple[str, str, bool]:
    """Path and class of the innermost module, and whether the op reads that module's weight."""
    stack = node.meta.get("nn_module_stack") or {}
    if not stack:
        return "", "", False
    path, owner = list(stack.values())[-1]
    path = path.removeprefix("L['self'].").removeprefix("L['self']")
    owner = owner if isinstance(owner, str) else f"{owner.__module__}.{owner.__qualname__}"
    targets = [source.target for source in node.all_input_nodes if source.op == "get_attr"]
    own = any(str(target).startswith(f"{path}.weight") for target in targets)
    return path, owner, own


def _is_leaf(owner: str) -> bool:
    return owner.startswith("torch.nn.modules.") and not any(name in owner for name in _COMPOSITES)
