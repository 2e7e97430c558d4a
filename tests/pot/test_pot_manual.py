"""The page of POT's manual on quantization: its three loaders (pictures, text, sound) and its
script, which manual/ has as they are written there, with the import changed and unchanged with the
alias, on data that the tests make."""

import importlib
import shutil
import subprocess
import sys
import types
import wave
from pathlib import Path

import cv2 as cv
import numpy as np
import openvino as ov
import pytest
from eightbit.pot import DataLoader, install_alias
from openvino import opset13 as ops

LINES = ["the quick brown fox", "jumps over the lazy dog", "without warranty of any kind"] * 4
LENGTH = 16
MANUAL = Path(__file__).with_name("manual")


@pytest.fixture(params=["import changed", "alias"])
def way(request):
    """How a script comes to the names of POT."""
    if request.param == "alias":
        install_alias()
    yield request.param
    for name in [name for name in sys.modules if name.startswith("openvino.tools.pot")]:
        del sys.modules[name]
    vars(importlib.import_module("openvino.tools")).pop("pot", None)


def run(script: str, way: str, **names) -> dict:
    """What a script of the page leaves behind."""
    code = (MANUAL / script).read_text()
    assert "from openvino.tools.pot import" in code
    if way == "import changed":
        code = code.replace("openvino.tools.pot", "eightbit.pot")
    exec(compile(code, str(MANUAL / script), "exec"), names)
    return names


def quantized(model: ov.Model, loader: type, way: str) -> ov.Model:
    """By the page's script, whose paths are placeholders; it runs in the working directory."""
    ov.save_model(model, "model.xml")
    names = run(
        "quantization.py", way, path_to_xml="model.xml", path_to_bin="model.bin", ImageLoader=loader
    )
    paths = names["compressed_model_paths"]
    assert paths == [
        {
            "model": "optimized_model/optimized_model.xml",
            "weights": "optimized_model/optimized_model.bin",
        }
    ]
    saved = ov.Core().read_model(paths[0]["model"])
    assert any(op.get_type_name() == "FakeQuantize" for op in saved.get_ops())
    assert Path(paths[0]["weights"]).stat().st_size < 0.8 * Path("model.bin").stat().st_size
    return saved


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """Where the page's script looks for data."""
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "<path_to_images>"
    place.mkdir()
    return place


def weights(*shape, seed=0):
    random = np.random.default_rng(seed)
    return ops.constant((random.standard_normal(shape) / np.sqrt(shape[-1])).astype(np.float32))


def test_pictures(way, folder):
    random = np.random.default_rng(0)
    for i in range(6):
        noise = random.integers(0, 255, (20, 30, 3), np.uint8)
        cv.imwrite(str(folder / f"{i}.png"), noise)
    (folder / "notes.md").write_text("no picture")
    x = ops.parameter([1, 3, 224, 224], np.float32, name="image")
    scaled = ops.multiply(x, ops.constant(np.float32(1 / 255)))
    h = ops.relu(ops.convolution(scaled, weights(8, 3, 9, 9), [8, 8], [0, 0], [0, 0], [1, 1]))
    h = ops.convolution(h, weights(32, 8, 9, 9, seed=1), [2, 2], [0, 0], [0, 0], [1, 1])
    loader = run("images.py", way)["ImageLoader"]
    assert len(loader(str(folder))) == 6
    quantized(ov.Model([ops.result(h)], [x], "net"), loader, way)


def text_model() -> ov.Model:
    inputs = [
        ops.parameter([1, LENGTH], np.int64, name=name)
        for name in ("input_ids", "token_type_ids", "attention_mask")
    ]
    hidden = ops.gather(weights(200, 16), inputs[0], ops.constant(np.int64(0)))
    types = ops.gather(weights(2, 16, seed=2), inputs[1], ops.constant(np.int64(0)))
    mask = ops.unsqueeze(ops.convert(inputs[2], np.float32), ops.constant(np.int64(2)))
    hidden = ops.multiply(ops.add(hidden, types), mask)
    hidden = ops.relu(ops.matmul(hidden, weights(16, 64, seed=1), False, False))
    out = ops.matmul(hidden, weights(64, 64, seed=3), False, False)
    return ov.Model([ops.result(out)], inputs, "text")


def train_tokenizer(folder: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    made = tokenizers.Tokenizer(tokenizers.models.WordPiece(unk_token="[UNK]"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    made.train_from_iterator(
        LINES, tokenizers.trainers.WordPieceTrainer(vocab_size=200, special_tokens=special)
    )
    transformers = pytest.importorskip("transformers")
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=made,
        pad_token="[PAD]",
        unk_token="[UNK]",
        model_max_length=LENGTH,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )
    fast.save_pretrained(folder)


def test_text(way, folder, tmp_path, monkeypatch):
    """The name of the tokenizer is that of a folder here, so that nothing is downloaded."""
    pytest.importorskip("datasets", reason="the page reads text by that package")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    train_tokenizer(tmp_path / "bert-base-cased")
    for i in range(3):
        (folder / f"{i}.txt").write_text("\n".join(LINES[4 * i : 4 * i + 4]))
    loader = run("text.py", way)["TextLoader"]
    assert len(loader(str(folder))) == 12
    quantized(text_model(), loader, way)


def test_text_without_the_packages(way, folder):
    """The same items, made by hand."""

    class TextLoader(DataLoader):
        def __init__(self, path):
            pass

        def __len__(self):
            return 12

        def __getitem__(self, index):
            ids = np.arange(index, index + LENGTH) % 200
            row = {"input_ids": ids, "token_type_ids": 0 * ids, "attention_mask": 0 * ids + 1}
            return row, None

    quantized(text_model(), TextLoader, way)


def speak(folder: Path) -> None:
    """Words in files of one length."""
    if not shutil.which("espeak-ng"):
        pytest.skip("the sound is spoken by espeak-ng")
    for i, line in enumerate(LINES[:6]):
        file = folder / f"{i}.wav"
        subprocess.run(
            ["espeak-ng", "-v", "en", "-s", str(130 + 10 * i), "-w", file, line], check=True
        )


def by_wave() -> types.ModuleType:
    """A module whose `load` gives what torchaudio's gives: [channels, samples], and the rate."""
    torch = pytest.importorskip("torch")

    def load(path):
        with wave.open(path) as file:
            values = np.frombuffer(file.readframes(file.getnframes()), "<i2")
            rows = (values.reshape(-1, file.getnchannels()).T / 32768).astype(np.float32)
            return torch.from_numpy(rows), file.getframerate()

    module = types.ModuleType("torchaudio")
    module.load = load
    return module


def by_torchaudio(folder: Path) -> types.ModuleType:
    try:
        torchaudio = importlib.import_module("torchaudio")
        torchaudio.load(str(folder / "0.wav"))
    except (ImportError, OSError, RuntimeError) as error:
        pytest.skip(f"torchaudio is not here, for another torch, or reads no files: {error}")
    return torchaudio


@pytest.mark.parametrize("reads", ["wave", "torchaudio"])
def test_sound(reads, way, folder, monkeypatch):
    speak(folder)
    module = by_wave() if reads == "wave" else by_torchaudio(folder)
    monkeypatch.setitem(sys.modules, "torchaudio", module)
    # any length, without a batch axis as well as with one
    x = ops.parameter([1, 1, -1], np.float32, name="sound")
    h = ops.relu(ops.convolution(x, weights(8, 1, 64), [32], [0], [0], [1]))
    h = ops.convolution(h, weights(64, 8, 8, seed=1), [4], [0], [0], [1])
    loader = run("audio.py", way)["AudioLoader"]
    assert len(loader(str(folder))) == 6
    quantized(ov.Model([ops.result(h)], [x], "sound"), loader, way)
