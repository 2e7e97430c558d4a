"""Text as calibration data, through a tokenizer that the test trains."""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import eightbit as eb
import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops

tokenizers = pytest.importorskip("tokenizers", reason="texts are read by that package")

LINES = [
    "the quick brown fox jumps over the lazy dog",
    "a licence is granted",
    "without warranty of any kind",
]


@pytest.fixture(scope="module")
def tokenizer():
    """Words and [CLS] ... [SEP]."""
    made = tokenizers.Tokenizer(tokenizers.models.WordPiece(unk_token="[UNK]"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    trainer = tokenizers.trainers.WordPieceTrainer(vocab_size=200, special_tokens=special)
    made.train_from_iterator(LINES * 5, trainer)
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return made


@pytest.fixture
def folder(tmp_path, tokenizer):
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text(f"{LINES[0]}\n\n{LINES[1]}\n")
    (tmp_path / "texts" / "b.jsonl").write_text(json.dumps({"text": LINES[2], "label": 1}) + "\n")
    return tmp_path


def encoder(length, *names) -> ov.Model:
    """Vectors of tokens, masked."""
    inputs = [ops.parameter([1, length], np.int64, name=name) for name in names]
    for port, name in zip(inputs, names, strict=True):
        port.output(0).set_names({name})
    random = np.random.default_rng(0)
    table = ops.constant(random.standard_normal((200, 16)).astype(np.float32))
    hidden = ops.gather(table, inputs[0], ops.constant(np.int64(0)))
    for other in inputs[1:]:
        mask = ops.unsqueeze(ops.convert(other, np.float32), ops.constant(np.int64(2)))
        hidden = ops.add(hidden, ops.multiply(mask, ops.constant(np.float32(0.1))))
    weights = ops.constant(random.standard_normal((16, 8)).astype(np.float32))
    return ov.Model([ops.result(ops.matmul(hidden, weights, False, False))], inputs, "encoder")


def samples(source, tokenizer, **options):
    return [dict(sample.inputs) for sample in eb.open_texts(source, tokenizer, **options).open()]


def test_lines_of_files_in_order(folder, tokenizer):
    read = samples(folder / "texts", folder / "tokenizer.json")
    assert [set(sample) for sample in read] == [
        {"input_ids", "attention_mask", "token_type_ids"}
    ] * 3
    for line, sample in zip(LINES, read, strict=True):
        assert sample["input_ids"].tolist() == [tokenizer.encode(line).ids]
        assert sample["input_ids"].dtype == np.int64
        assert sample["attention_mask"].min() == 1
    assert len(samples(folder / "texts" / "*.txt", folder)) == 2


def test_the_models_length_and_names_decide(folder):
    model = encoder(8, "ids", "attention_mask")
    read = samples(LINES, folder, model=model)
    assert [set(sample) for sample in read] == [{"ids", "attention_mask"}] * 3
    assert all(sample["ids"].shape == (1, 8) for sample in read)
    assert read[0]["ids"][0, -1] == 3, "a text that is cut keeps its last token"
    assert read[1]["ids"][0, -1] == 0 and read[1]["attention_mask"][0].tolist() == [1] * 6 + [0] * 2
    quantized = eb.quantize(model, eb.open_texts(LINES, folder, model=model))
    assert any(op.get_type_name() == "FakeQuantize" for op in quantized.get_ops())


def test_any_length(folder):
    model = encoder(-1, "input_ids", "position_ids")
    read = samples(LINES, folder, model=model)
    assert len({sample["input_ids"].shape for sample in read}) > 1
    assert read[0]["position_ids"][0].tolist() == list(range(read[0]["input_ids"].shape[1]))
    assert samples(LINES, folder, model=model, max_length=5)[0]["input_ids"].shape == (1, 5)
    padded = samples(LINES, folder, model=model, max_length=20, pad=True)
    assert {sample["input_ids"].shape for sample in padded} == {(1, 20)}


def test_pairs(folder, tokenizer):
    (folder / "pairs.jsonl").write_text(json.dumps({"a": LINES[0], "b": LINES[1]}) + "\n")
    read = samples(folder / "pairs.jsonl", folder, field=("a", "b"))
    assert read[0]["input_ids"].tolist() == [tokenizer.encode(LINES[0], LINES[1]).ids]
    assert read[0]["token_type_ids"].max() == 1
    assert (
        samples([(LINES[0], LINES[1])], folder)[0]["input_ids"].tolist()
        == read[0]["input_ids"].tolist()
    )


def test_names_that_do_not_tell(folder):
    model = encoder(8, "x", "y")
    with pytest.raises(eb.InvalidArgument, match="what does the input 'x' take"):
        eb.open_texts(LINES, folder, model=model)
    read = samples(LINES, folder, model=model, names={"x": "ids", "y": "mask"})
    assert set(read[0]) == {"x", "y"}
    with pytest.raises(eb.InvalidArgument, match="'z'"):
        eb.open_texts(LINES, folder, model=model, names={"z": "ids"})


def test_the_callers_tokenizer_keeps_its_settings(tokenizer):
    tokenizer.enable_truncation(7)
    assert samples(LINES, tokenizer)[0]["input_ids"].shape == (1, 7)
    samples(LINES, tokenizer, max_length=4)
    assert tokenizer.truncation["max_length"] == 7
    tokenizer.no_truncation()


@pytest.mark.parametrize(
    "content, options, kind, words",
    [
        ("no json\n", {}, eb.DataError, "line 1 is no JSON"),
        ('{"txt": "a"}\n', {}, eb.DataError, "has no 'text'. It has: txt"),
        ('{"text": 3}\n', {}, eb.DataError, "is a int"),
        ('{"text": "a"}\n', {"max_length": 0}, eb.InvalidArgument, "at least 1"),
        ('{"text": "a"}\n', {"pad": True}, eb.InvalidArgument, "max_length"),
    ],
)
def test_what_is_wrong_is_named(folder, content, options, kind, words):
    (folder / "bad.jsonl").write_text(content)
    with pytest.raises(kind, match=words):
        samples(folder / "bad.jsonl", folder, **options)


def test_files_that_are_not_there(folder):
    with pytest.raises(eb.DataError, match=r"no \.txt and no \.jsonl"):
        eb.open_texts(folder / "gone", folder)
    with pytest.raises(eb.FileError, match="is not there"):
        eb.open_texts(LINES, folder / "gone.json")
    (folder / "broken.json").write_text("{}")
    with pytest.raises(eb.FileError, match="no tokenizer.json"):
        eb.open_texts(LINES, folder / "broken.json")
    (folder / "latin.txt").write_bytes("d\u00e9j\u00e0 vu\n".encode("latin1"))
    with pytest.raises(eb.DataError, match="not UTF-8"):
        samples(folder / "latin.txt", folder)


@pytest.fixture
def command(folder, cli):
    ov.save_model(encoder(8, "input_ids", "attention_mask"), folder / "m.xml")
    environment = {**os.environ, "EIGHTBIT_PYTHON": sys.executable}

    def run(*flags, **changed):
        words = [str(cli), "quantize", "m.xml", *flags, "-o", "int8.xml", "--force"]
        return subprocess.run(
            words, cwd=folder, env={**environment, **changed}, capture_output=True, text=True
        )

    return run


def test_the_command_line_reads_text(folder, command):
    done = command("--data", "texts", "--tokenizer", "tokenizer.json")
    assert done.returncode == 0, done.stderr
    saved = ov.Core().read_model(folder / "int8.xml")
    assert any(op.get_type_name() == "FakeQuantize" for op in saved.get_ops())
    assert not list(Path(tempfile.gettempdir()).glob("eightbit-texts-*/000000.npz"))


@pytest.fixture
def converted(folder, tokenizer):
    """Writes the tokenizer as IR, which the command line runs without Python."""
    openvino_tokenizers = pytest.importorskip("openvino_tokenizers")
    transformers = pytest.importorskip("transformers", reason="tokenizers are converted from its")

    def convert(name="openvino_tokenizer.xml", **options):
        names = ["input_ids", "token_type_ids", "attention_mask"]
        special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]"}
        fast = transformers.PreTrainedTokenizerFast(
            tokenizer_object=tokenizer, sep_token="[SEP]", model_input_names=names, **special
        )
        ir = openvino_tokenizers.convert_tokenizer(fast, **options)
        (folder / name).parent.mkdir(exist_ok=True)
        ov.save_model(ir, folder / name)
        return name

    return convert


@pytest.fixture
def without_python(command):
    """The command line where there is no Python to ask, which finds the library where this Python has it."""
    prefix = Path(pytest.importorskip("openvino_tokenizers").__file__).parents[4]
    named = {"EIGHTBIT_PYTHON": "/no/python", "VIRTUAL_ENV": str(prefix)}

    def run(*flags, **changed):
        return command("--data", *flags, **{**named, **changed})

    return run


def weights_of(folder, name="int8.bin"):
    return (folder / name).read_bytes()


@pytest.mark.parametrize("length", [8, -1])
def test_text_without_python_makes_the_same_model(
    length, folder, converted, command, without_python
):
    inputs = ("input_ids", "attention_mask", "token_type_ids")
    ov.save_model(encoder(length, *inputs), folder / "m.xml")
    done = command("--data", "texts", "--tokenizer", "tokenizer.json")
    assert done.returncode == 0, done.stderr
    by_python = weights_of(folder)
    converted("alone/openvino_tokenizer.xml")
    for tokenizer in (converted(), "alone"):
        (folder / "int8.bin").unlink()
        done = without_python("texts", "--tokenizer", tokenizer)
        assert done.returncode == 0, done.stderr
        assert weights_of(folder) == by_python


def test_pairs_without_python(folder, converted, command, without_python):
    row = {"a": LINES[0], "b": LINES[1]}
    (folder / "pairs.jsonl").write_text(json.dumps(row) + "\n" + json.dumps(row) + "\n")
    flags = ("--text-field", "a,b", "--tokenizer")
    ov.save_model(encoder(12, "input_ids", "token_type_ids"), folder / "m.xml")
    done = command("--data", "pairs.jsonl", *flags, "tokenizer.json")
    assert done.returncode == 0, done.stderr
    by_python = weights_of(folder)
    (folder / "int8.bin").unlink()
    done = without_python("pairs.jsonl", *flags, converted(number_of_inputs=2))
    assert done.returncode == 0, done.stderr
    assert weights_of(folder) == by_python
    done = without_python("texts/a.txt", *flags, "openvino_tokenizer.xml")
    assert done.returncode == 2 and "takes 2 texts at once, and 1 are given" in done.stderr


@pytest.mark.parametrize(
    "named, words",
    [("gone.xml", "does not exist"), ("m.xml", "is no tokenizer"), ("bad.xml", "is broken")],
)
def test_a_converted_tokenizer_that_is_none(named, words, folder, without_python):
    for name in ("bad.xml", "bad.bin"):
        (folder / name).write_text("no IR")
    done = without_python("texts", "--tokenizer", named)
    assert done.returncode == 2 and words in done.stderr


def openvino_alone(folder, tokenizers_library=None):
    """The environment of a command line whose OpenVINO has no neighbours but that library."""
    (folder / "libs").mkdir()
    for library in (Path(ov.__file__).parent / "libs").iterdir():
        (folder / "libs" / library.name).symlink_to(library)
    if tokenizers_library is not None:
        (folder / "libs" / "libopenvino_tokenizers.so").write_bytes(tokenizers_library)
    return {"EIGHTBIT_OPENVINO": str(folder / "libs"), "PATH": "/nowhere", "VIRTUAL_ENV": ""}


def test_a_library_of_tokenizers_that_does_not_fit(folder, command):
    (folder / "t.xml").write_text("never read")
    changed = openvino_alone(folder, b"no library")
    done = command("--data", "texts", "--tokenizer", "t.xml", **changed)
    assert done.returncode == 2, done.stderr
    assert "libopenvino_tokenizers.so' cannot be loaded" in done.stderr
    release = ov.__version__.partition("-")[0]
    assert f"pip install --no-deps openvino-tokenizers=={release}.*" in done.stderr


@pytest.mark.skipif(
    importlib.util.find_spec("openvino_tokenizers") is not None, reason="it is installed"
)
def test_the_library_of_tokenizers_may_be_missing(folder, command):
    changed = openvino_alone(folder)
    done = command("--data", "texts", "--tokenizer", "t.xml", **changed)
    assert done.returncode == 2, done.stderr
    assert "which is not installed" in done.stderr and "tokenizer.json" in done.stderr


@pytest.mark.parametrize(
    "flags, changed, words",
    [
        (["--data", "texts"], {}, "--tokenizer"),
        (["--data", "texts/b.jsonl"], {}, "--tokenizer"),
        (["--data", "texts", "--tokenizer", "gone.json"], {}, "gone.json"),
        (["--data", "texts", "--tokenizer", ".", "--mean", "1"], {}, "--mean has no effect on text"),
        (["--data", "texts", "--tokenizer", ".", "--max-length", "4"], {}, "takes 8 tokens"),
        (["--data", "texts", "--max-length", "4"], {}, "without --tokenizer"),
        (["--data", "texts/b.jsonl", "--tokenizer", ".", "--text-field", "body"], {}, "has no 'body'"),
        (["--data", "texts", "--tokenizer", "."], {"EIGHTBIT_PYTHON": "/bin/false"}, "pip install"),
        (["--data", "texts", "--tokenizer", "."], {"EIGHTBIT_PYTHON": "/no/python"}, "cannot be started"),
    ],
)  # fmt: skip
def test_what_the_command_line_says_of_text(command, flags, changed, words):
    done = command(*flags, **changed)
    assert done.returncode == 2, done.stderr
    assert words in done.stderr and done.stderr.count("\n") <= 2
