"""The dependency rule of ARCHITECTURE.md, read off the #include lines; and names that say nothing."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src"

# What a module may include besides itself. `pipeline` is where algorithms and backends meet;
# `accuracy` and `analysis` look at what it makes, and not at each other.
ALGORITHMIC = "base graph quant kernels records placement algorithms"
MEETING = f"{ALGORITHMIC} config backends search"
BELOW = {
    "base": "",
    "graph": "base",
    "quant": "base graph",
    "kernels": "base graph quant",
    "records": "base graph quant",
    "placement": "base graph quant kernels",
    "algorithms": "base graph quant kernels records placement config",
    "data": "base",
    "config": "base",
    "backends": "base graph quant kernels records",
    "search": "base graph quant kernels records placement backends",
    "pipeline": MEETING,
    "accuracy": f"{MEETING} data pipeline",
    "analysis": f"{MEETING} pipeline",
    "pot": "base data",
}
NEUTRAL = tuple(
    "graph quant records placement algorithms search pipeline accuracy analysis data".split()
)
FRAMEWORKS = ("openvino", "onnx", "torch", "tensorflow", "keras")
EMPTY_NAMES = ("util", "helper", "manager", "common", "misc")

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def sources(*folders: Path) -> list[Path]:
    return sorted(
        path for folder in folders for path in folder.rglob("*") if path.suffix in (".h", ".cc")
    )


def includes(path: Path) -> list[tuple[str, str]]:
    """Pairs of the quote or bracket, and the path."""
    return INCLUDE.findall(path.read_text(encoding="utf8"))


def code(path: Path) -> str:
    """Without comments."""
    text = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf8"), flags=re.DOTALL)
    return re.sub(r"//[^\n]*", "", text)


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_every_module_is_known():
    assert {path.name for path in SRC.iterdir() if any(path.rglob("*.cc"))} <= set(BELOW)


@pytest.mark.parametrize("module", BELOW)
def test_a_module_includes_what_stands_below_it(module):
    allowed = {module, *BELOW[module].split()}
    wrong = [
        f"{shown(path)} includes {name}"
        for path in sources(SRC / module)
        for _, name in includes(path)
        if name.partition("/")[0] in BELOW and name.partition("/")[0] not in allowed
    ]
    assert not wrong, "\n".join(wrong)


def test_only_the_registry_names_a_backend():
    folders = {path.name for path in (SRC / "backends").iterdir() if path.is_dir()}
    wrong = []
    for path in sources(SRC):
        for _, name in includes(path):
            backend = re.match(r"backends/([^/]+)/", name)
            own = backend and (SRC / "backends" / backend[1]) in path.parents
            registry = path == SRC / "backends" / "registry.cc"
            if backend and backend[1] in folders and not own and not registry:
                wrong.append(f"{shown(path)} includes {name}")
    assert folders and not wrong, "\n".join(wrong)


# What can be done to a ModelProto without knowing what it means, and ONNX Runtime as a library.
ONNX_BELOW = {"proto": "proto", "ort": "proto ort"}


@pytest.mark.parametrize("room", ONNX_BELOW)
def test_rooms_of_onnx_include_what_stands_below_them(room):
    files = [
        path
        for path in sources(SRC / "backends" / "onnx" / room)
        if not path.stem.endswith("_test")
    ]
    wrong = [
        f"{shown(path)} includes {name}"
        for path in files
        for _, name in includes(path)
        if name.startswith("backends/onnx/")
        and name.removeprefix("backends/onnx/").partition("/")[0] not in ONNX_BELOW[room].split()
    ]
    assert files and not wrong, "\n".join(wrong)


@pytest.mark.parametrize("room", sorted(p.name for p in (SRC / "data").iterdir() if p.is_dir()))
def test_rooms_of_data_know_none_of_the_others(room):
    files = sources(SRC / "data" / room)
    wrong = [
        f"{shown(path)} includes {name}"
        for path in files
        for _, name in includes(path)
        if name.startswith("data/") and name.count("/") > 1 and name.split("/")[1] != room
    ]
    assert files and not wrong, "\n".join(wrong)


MOST_FILES = 50


def test_no_folder_is_too_large():
    folders = [SRC, *(path for path in SRC.rglob("*") if path.is_dir())]
    counts = {shown(path): sum(file.is_file() for file in path.iterdir()) for path in folders}
    assert not {name: count for name, count in counts.items() if count > MOST_FILES}


@pytest.mark.parametrize("client", ["cli", "python/src"])
def test_clients_know_the_public_headers_only(client):
    own = {path.name for path in sources(ROOT / client)}
    wrong = [
        f"{shown(path)} includes {name}"
        for path in sources(ROOT / client)
        for mark, name in includes(path)
        if name.partition("/")[0] in BELOW or (mark == '"' and name not in own)
    ]
    assert own and not wrong, "\n".join(wrong)


def test_public_headers_include_public_headers_only():
    headers = sources(ROOT / "include")
    wrong = [
        f"{shown(path)} includes {name}"
        for path in headers
        for mark, name in includes(path)
        if mark == '"'
    ]
    assert headers and not wrong, "\n".join(wrong)


@pytest.mark.parametrize("module", NEUTRAL)
def test_neutral_modules_name_no_framework(module):
    wrong = [
        f"{shown(path)} says {framework}"
        for path in sources(SRC / module)
        for framework in FRAMEWORKS
        if framework in code(path).lower()
    ]
    assert not wrong, "\n".join(wrong)


def roles() -> list[str]:
    """The questions of src/graph/roles.h."""
    declared = r"^(?:inline )?(?:bool|Trait|int32_t|int64_t|std::\S+|WeightAxes) (\w+)\("
    return re.findall(declared, (SRC / "graph/roles.h").read_text(), re.MULTILINE)


def test_what_a_node_is_is_answered_once():
    """No room has an answer of its own under the same name, or reads it off the op table past roles.h. Functions that
    unite an answer with something else (a unit's, a plan's) have another name."""
    assert {"is_convolution", "passes_on", "weight_axes", "bias_behind"} <= set(roles())
    again = re.compile(
        rf"^\s*(?:static |inline )*\w[\w:<>]*&? ({'|'.join(roles())})\((?:Op|const Graph&|const Node&)",
        re.M,
    )
    past = re.compile(r"\brow\([^;\n]*\)\s*\.(?:trait|weight_layout|weight_ports)\b")
    wrong = [
        f"{shown(path)}: {match[0].strip()}"
        for path in sources(SRC)
        if path.parent.name != "graph" and not path.stem.endswith("_test")
        for pattern in (again, past)
        for match in pattern.finditer(code(path))
    ]
    assert not wrong, "\n".join(wrong)


def imported(path: Path) -> set[str]:
    """The packages that a Python file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
            if (node.module or "").startswith("eightbit."):
                found.add(node.module.split(".")[1])
    return found


def test_what_frameworks_share_imports_none_of_them():
    files = sorted((ROOT / "python/eightbit/external").glob("*.py"))
    wrong = [
        f"{shown(path)} imports {name}"
        for path in files
        for name in imported(path) & {*FRAMEWORKS, "tf_keras"}
    ]
    assert files and not wrong, "\n".join(wrong)


def test_a_framework_of_python_imports_no_other():
    for name, others in (("torch", {"tensorflow", "keras"}), ("tensorflow", {"torch"})):
        files = sorted((ROOT / "python/eightbit" / name).rglob("*.py"))
        wrong = [f"{shown(path)}: {imported(path) & others}" for path in files]
        assert files and not [line for line in wrong if not line.endswith("set()")], wrong


def test_no_file_has_an_empty_name():
    files = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    # Users know eightbit.common from NNCF and eightbit.pot from POT, which is where such names come from.
    given = ("python/eightbit/common/", "python/eightbit/pot/")
    named = [file for file in files if not file.startswith(given)]
    assert named
    assert not [
        file for file in named if any(word in Path(file).stem.lower() for word in EMPTY_NAMES)
    ]
