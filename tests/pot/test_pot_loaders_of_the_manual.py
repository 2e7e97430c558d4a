"""The loaders of POT's page on quantization, for pictures, text and sound, with the import changed, on data that the tests make: in the
forms in which they return it (whole images with a batch axis, dicts of lists of tokens without one, [channels, samples])."""

import os
import shutil
import subprocess
import wave
from pathlib import Path

import cv2 as cv
import numpy as np
import openvino as ov
import pytest
from eightbit.pot import (
    DataLoader,
    IEEngine,
    compress_model_weights,
    create_pipeline,
    load_model,
    save_model,
)
from openvino import opset13 as ops

LINES = ["the quick brown fox", "jumps over the lazy dog", "without warranty of any kind"] * 4
LENGTH = 16


def weights(*shape, seed=0):
    random = np.random.default_rng(seed)
    return ops.constant((random.standard_normal(shape) / np.sqrt(shape[-1])).astype(np.float32))


def quantized(model: ov.Model, loader: DataLoader, folder: Path) -> ov.Model:
    """The page's script."""
    ov.save_model(model, folder / "model.xml")
    algorithms = [
        {"name": "DefaultQuantization", "params": {"target_device": "ANY", "stat_subset_size": 300}}
    ]
    loaded = load_model(
        model_config={
            "model_name": "model",
            "model": folder / "model.xml",
            "weights": folder / "model.bin",
        }
    )
    engine = IEEngine(config={"device": "CPU"}, data_loader=loader)
    compressed = create_pipeline(algorithms, engine).run(model=loaded)
    compress_model_weights(compressed)
    paths = save_model(model=compressed, save_path=str(folder / "out"), model_name="optimized")
    saved = ov.Core().read_model(paths[0]["model"])
    assert any(op.get_type_name() == "FakeQuantize" for op in saved.get_ops())
    return saved


def test_pictures(tmp_path):
    random = np.random.default_rng(0)
    (tmp_path / "pictures").mkdir()
    for i in range(6):
        noise = random.integers(0, 255, (20, 30, 3), np.uint8)
        cv.imwrite(str(tmp_path / "pictures" / f"{i}.png"), noise)
    (tmp_path / "pictures" / "notes.md").write_text("no picture")

    class ImageLoader(DataLoader):
        def __init__(self, dataset_path):
            self._files = []
            for name in os.listdir(dataset_path):
                file = os.path.join(dataset_path, name)
                if cv.haveImageReader(file):
                    self._files.append(file)
            self._shape = (16, 16)

        def __len__(self):
            return len(self._files)

        def __getitem__(self, index):
            if index >= len(self):
                raise IndexError("Index out of dataset size")
            image = cv.resize(cv.imread(self._files[index]), self._shape)
            return np.expand_dims(image, 0).transpose(0, 3, 1, 2), None

    x = ops.parameter([1, 3, 16, 16], np.float32, name="image")
    scaled = ops.multiply(x, ops.constant(np.float32(1 / 255)))
    h = ops.relu(ops.convolution(scaled, weights(8, 3, 3, 3), [1, 1], [0, 0], [0, 0], [1, 1]))
    h = ops.convolution(h, weights(4, 8, 3, 3, seed=1), [2, 2], [0, 0], [0, 0], [1, 1])
    quantized(
        ov.Model([ops.result(h)], [x], "net"), ImageLoader(str(tmp_path / "pictures")), tmp_path
    )


def text_model() -> ov.Model:
    inputs = [
        ops.parameter([1, LENGTH], np.int64, name=name)
        for name in ("input_ids", "token_type_ids", "attention_mask")
    ]
    hidden = ops.gather(weights(200, 16), inputs[0], ops.constant(np.int64(0)))
    types = ops.gather(weights(2, 16, seed=2), inputs[1], ops.constant(np.int64(0)))
    mask = ops.unsqueeze(ops.convert(inputs[2], np.float32), ops.constant(np.int64(2)))
    hidden = ops.multiply(ops.add(hidden, types), mask)
    out = ops.matmul(hidden, weights(16, 8, seed=1), False, False)
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


def test_text(tmp_path, monkeypatch):
    """The name of the tokenizer is that of a folder here, so that nothing is downloaded."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    train_tokenizer(tmp_path / "bert-base-cased")
    transformers = pytest.importorskip("transformers")
    datasets = pytest.importorskip("datasets", reason="the page reads text by that package")
    (tmp_path / "texts").mkdir()
    for i in range(3):
        (tmp_path / "texts" / f"{i}.txt").write_text("\n".join(LINES[4 * i : 4 * i + 4]))

    class TextLoader(DataLoader):
        def __init__(self, dataset_path):
            extension = ".txt"
            files = sorted(str(p.stem) for p in Path(dataset_path).glob("*" + extension))
            files = [os.path.join(dataset_path, file + extension) for file in files]
            self._dataset = datasets.load_dataset("text", data_files=files)
            self._tokenizer = transformers.AutoTokenizer.from_pretrained("bert-base-cased")
            self._dataset = self._dataset.map(self._encode, batched=False)
            self._dataset.set_format(
                type="numpy", columns=["input_ids", "token_type_ids", "attention_mask"]
            )

        def _encode(self, examples):
            return self._tokenizer(examples["text"], truncation=True, padding="max_length")

        def __len__(self):
            return len(self._dataset["train"])

        def __getitem__(self, index):
            if index >= len(self):
                raise IndexError("Index out of dataset size")
            data = self._dataset["train"][index]
            return {
                "input_ids": data["input_ids"],
                "token_type_ids": data["token_type_ids"],
                "attention_mask": data["attention_mask"],
            }, None

    loader = TextLoader(str(tmp_path / "texts"))
    assert len(loader) == 12
    quantized(text_model(), loader, tmp_path)


def test_text_without_the_packages(tmp_path):
    """The same items, made by hand."""

    class TextLoader(DataLoader):
        def __len__(self):
            return 12

        def __getitem__(self, index):
            ids = np.arange(index, index + LENGTH) % 200
            row = {"input_ids": ids, "token_type_ids": 0 * ids, "attention_mask": 0 * ids + 1}
            return row, None

    quantized(text_model(), TextLoader({}), tmp_path)


def speak(folder: Path) -> None:
    """Words in files of one length."""
    if not shutil.which("espeak-ng"):
        pytest.skip("the sound is spoken by espeak-ng")
    folder.mkdir()
    for i, line in enumerate(LINES[:6]):
        file = folder / f"{i}.wav"
        subprocess.run(
            ["espeak-ng", "-v", "en", "-s", str(130 + 10 * i), "-w", file, line], check=True
        )


def loaded_by_wave(path: str) -> np.ndarray:
    """[channels, samples], as torchaudio.load has it."""
    with wave.open(path) as file:
        values = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return (values.reshape(-1, file.getnchannels()).T / 32768).astype(np.float32)


def loaded_by_torchaudio(path: str) -> np.ndarray:
    try:
        import torchaudio
    except (ImportError, OSError) as error:
        pytest.skip(f"torchaudio is not here, or for another torch: {error}")
    return torchaudio.load(path)[0].numpy()


@pytest.mark.parametrize("load", [loaded_by_wave, loaded_by_torchaudio])
def test_sound(load, tmp_path):
    speak(tmp_path / "sounds")

    class AudioLoader(DataLoader):
        def __init__(self, dataset_path):
            self._extension = ".wav"
            self._dataset_path = dataset_path
            self._files = sorted(
                str(p.stem) for p in Path(self._dataset_path).glob("*" + self._extension)
            )

        def __len__(self):
            return len(self._files)

        def __getitem__(self, index):
            if index >= len(self):
                raise IndexError("Index out of dataset size")
            file_name = self._files[index] + self._extension
            return load(os.path.join(self._dataset_path, file_name)), None

    # any length, without a batch axis as well as with one
    x = ops.parameter([1, 1, -1], np.float32, name="sound")
    h = ops.relu(ops.convolution(x, weights(8, 1, 64), [32], [0], [0], [1]))
    h = ops.convolution(h, weights(4, 8, 8, seed=1), [4], [0], [0], [1])
    quantized(
        ov.Model([ops.result(h)], [x], "sound"), AudioLoader(str(tmp_path / "sounds")), tmp_path
    )
