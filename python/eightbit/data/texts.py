"""Samples of text, through the tokenizer that a model was trained with. `python -m eightbit.data.texts` is how the command line
reads text."""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from eightbit import _eightbit
from eightbit.errors import DataError, Error, FileError, InvalidArgument, UnsupportedBackendError

# What a tokenizer gives, by the names that inputs of models have for it.
_GIVEN: dict[str, list[str]] = _eightbit.token_inputs()
_MOST = 10_000  # texts for the command line
_PADS = ("[PAD]", "<pad>", "<|endoftext|>")


def open_texts(
    source: str | os.PathLike | Sequence[Any],
    tokenizer: Any,
    *,
    model: Any = None,
    field: str | Sequence[str] = "text",
    max_length: int | None = None,
    pad: bool | None = None,
    names: dict[str, str] | None = None,
) -> _eightbit.Dataset:
    """Data for calibration from text: each line of .txt files is a sample, each line of a .jsonl file, or each element of a list
    of texts (of pairs of texts, for models that compare two).

    source: a .txt or .jsonl file, a folder or a glob of them, in sorted order; or a list. Empty lines are passed over.
    tokenizer: the path of a tokenizer.json, or of a folder with one; or a tokenizers.Tokenizer. Read by the package `tokenizers`.
    model: an openvino.Model or a path. Its inputs decide the names, and the length where it is fixed.
    field: of a .jsonl file: the key of the text, or two keys of a pair.
    max_length: tokens that a text is cut to. None: the model's own length, else what the tokenizer file says, else all.
    pad: whether shorter texts are filled up to that length, and masked. None: where the model's length is fixed, or the tokenizer
        file says so.
    names: {input of the model: "ids", "mask", "types" or "positions"}, for inputs whose names do not tell, as `input_ids`,
        `attention_mask`, `token_type_ids` and `position_ids` do.

    Samples are dicts of i64 arrays [1, length]. Raises DataError naming file and line, FileError, InvalidArgument for an input that
    a tokenizer cannot feed, UnsupportedBackendError without the package.
    """
    texts = _Texts(source, (field,) if isinstance(field, str) else tuple(field))
    encoder = _Encoder(_loaded(tokenizer), _inputs_of(model), names or {}, max_length, pad)
    print_of = hashlib.sha256(f"{texts.fingerprint} {encoder.fingerprint}".encode()).hexdigest()
    return _eightbit.Dataset.from_python(
        lambda: (encoder.sample(text, place) for text, place in texts),
        None,
        f"texts {print_of[:16]}",
    )


class _Texts:
    """Texts and where each stands. May be read again."""

    def __init__(self, source: Any, fields: tuple[str, ...]):
        if len(fields) not in (1, 2):
            raise InvalidArgument(
                f"[open_texts] field is {fields!r}. Pass a key, or two of a pair."
            )
        self._fields = fields
        self._list = None if isinstance(source, (str, os.PathLike)) else list(source)
        self._files = [] if self._list is not None else _files(Path(source))
        if self._list == []:
            raise DataError("[open_texts] the list of texts is empty. Pass some.")

    @property
    def fingerprint(self) -> str:
        if self._list is not None:
            return repr(self._list)
        return repr([(file.name, file.stat().st_size) for file in self._files] + [self._fields])

    def __iter__(self) -> Iterator[tuple[Any, str]]:
        if self._list is not None:
            for index, text in enumerate(self._list):
                yield _checked(text, f"text {index}"), f"text {index}"
            return
        for file in self._files:
            for number, line in enumerate(_lines(file), 1):
                if line.strip():
                    yield self._text(line, f"'{file}' line {number}"), f"'{file}' line {number}"

    def _text(self, line: str, place: str) -> Any:
        if not place.rpartition("' line")[0].lower().endswith(".jsonl"):
            return line
        try:
            entry = json.loads(line)
        except json.JSONDecodeError as error:
            raise DataError(f"[open_texts] {place} is no JSON: {error}.") from None
        missing = [key for key in self._fields if not isinstance(entry, dict) or key not in entry]
        if missing:
            known = ", ".join(map(str, entry)) if isinstance(entry, dict) else type(entry).__name__
            raise DataError(
                f"[open_texts] {place} has no '{missing[0]}'. It has: {known}. Name the key of the text in `field`."
            )
        texts = tuple(entry[key] for key in self._fields)
        return _checked(texts if len(texts) > 1 else texts[0], place)


class _Encoder:
    """Texts to samples."""

    def __init__(
        self,
        tokenizer: Any,
        inputs: list[tuple[str, list[int]]],
        names: dict[str, str],
        max_length: int | None,
        pad: bool | None,
    ):
        self._tokenizer = tokenizer
        self._gives = _matched(inputs, names)
        fixed = {shape[-1] for _, shape in inputs if len(shape) == 2 and shape[-1] > 0}
        self._length = self._settle(max_length, min(fixed, default=None))
        own = tokenizer.padding
        if pad is False and fixed:
            raise InvalidArgument(
                f"[open_texts] the model takes {min(fixed)} tokens, no fewer. Leave `pad` out."
            )
        self._pad = (
            bool(fixed) or (own is not None and own.get("length") is not None)
            if pad is None
            else pad
        )
        if self._pad and self._length is None:
            raise InvalidArgument("[open_texts] pad needs a length. Give max_length.")
        self._pad_id = own["pad_id"] if own else _pad_id(tokenizer)
        tokenizer.no_padding()
        tokenizer.no_truncation()
        if self._length is not None:
            tokenizer.enable_truncation(self._length)

    def _settle(self, wanted: int | None, fixed: int | None) -> int | None:
        if wanted is not None and wanted < 1:
            raise InvalidArgument(f"[open_texts] max_length is {wanted}. It must be at least 1.")
        if fixed is not None and wanted is not None and wanted != fixed:
            raise InvalidArgument(
                f"[open_texts] max_length is {wanted}, and the model takes {fixed} tokens. Leave it out."
            )
        own = self._tokenizer.truncation
        return wanted or fixed or (own["max_length"] if own else None)

    @property
    def fingerprint(self) -> str:
        return f"{self._tokenizer.to_str()} {self._gives} {self._length} {self._pad}"

    def sample(self, text: Any, place: str) -> dict[str, np.ndarray]:
        encoded = (
            self._tokenizer.encode(*text)
            if isinstance(text, tuple)
            else self._tokenizer.encode(text)
        )
        if not encoded.ids:
            raise DataError(f"[open_texts] {place} has no token. Take it out.")
        rows = {
            "ids": encoded.ids,
            "mask": [1] * len(encoded.ids),
            "types": encoded.type_ids,
            "positions": list(range(len(encoded.ids))),
        }
        if self._pad:
            fill = {"ids": self._pad_id, "mask": 0, "types": 0, "positions": 0}
            rows = {
                kind: row + [fill[kind]] * (self._length - len(row)) for kind, row in rows.items()
            }
        return {name: np.array([rows[kind]], np.int64) for name, kind in self._gives.items()}


def _loaded(tokenizer: Any) -> Any:
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise UnsupportedBackendError(
            "[open_texts] text is read by the package tokenizers. Install it with: pip install tokenizers"
        ) from None
    if isinstance(tokenizer, Tokenizer):
        return Tokenizer.from_str(tokenizer.to_str())  # the caller's keeps its settings
    path = Path(tokenizer)
    path = path / "tokenizer.json" if path.is_dir() else path
    if not path.is_file():
        raise FileError(f"[open_texts] the tokenizer '{path}' is not there. Check the path.")
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the package raises Exception itself
        raise FileError(f"[open_texts] '{path}' is no tokenizer.json: {error}.") from None


def _inputs_of(model: Any) -> list[tuple[str, list[int]]]:
    if model is None:
        return [(kinds[0], []) for kind, kinds in _GIVEN.items() if kind != "positions"]
    from eightbit._models import to_native_model  # which knows Datasets

    return [(port.name, list(port.shape)) for port in to_native_model(model).inputs()]


def _matched(inputs: list[tuple[str, list[int]]], names: dict[str, str]) -> dict[str, str]:
    """What the tokenizer gives to each input."""
    for name, kind in names.items():
        if kind not in _GIVEN or name not in [known for known, _ in inputs]:
            raise InvalidArgument(
                f"[open_texts] names has {name!r}: {kind!r}. The inputs are: {', '.join(n for n, _ in inputs)}; a tokenizer gives: "
                f"{', '.join(_GIVEN)}."
            )
    gives = {}
    for name, _ in inputs:
        kind = names.get(name) or next((k for k, known in _GIVEN.items() if name in known), None)
        if kind is None:
            raise InvalidArgument(
                f"[open_texts] what does the input '{name}' take? Say it in names={{'{name}': ...}}; a tokenizer gives: "
                f"{', '.join(_GIVEN)}."
            )
        gives[name] = kind
    return gives


def _files(source: Path) -> list[Path]:
    if source.is_dir():
        found = sorted(p for p in source.rglob("*") if p.suffix.lower() in (".txt", ".jsonl"))
    elif source.is_file():
        found = [source]
    else:
        found = sorted(source.parent.glob(source.name)) if "*" in source.name else []
    if not found:
        raise DataError(f"[open_texts] '{source}' has no .txt and no .jsonl file. Check the path.")
    return found


def _lines(file: Path) -> Iterator[str]:
    try:
        with file.open(encoding="utf-8-sig") as stream:
            yield from (line.rstrip("\r\n") for line in stream)
    except UnicodeDecodeError as error:
        raise DataError(f"[open_texts] '{file}' is not UTF-8: {error}. Convert it.") from None
    except OSError as error:
        raise FileError(f"[open_texts] '{file}' cannot be read: {error.strerror}.") from None


def _checked(text: Any, place: str) -> Any:
    pair = (
        isinstance(text, (tuple, list)) and len(text) == 2 and all(isinstance(t, str) for t in text)
    )
    if not isinstance(text, str) and not pair:
        raise DataError(
            f"[open_texts] {place} is a {type(text).__name__}. It must be a text, or two."
        )
    return tuple(text) if pair else text


def _pad_id(tokenizer: Any) -> int:
    known = [tokenizer.token_to_id(pad) for pad in _PADS]
    return next((number for number in known if number is not None), 0)


def main() -> None:
    """Writes a .npz a text, and ends with 2 where the request is wrong."""
    parser = argparse.ArgumentParser()
    parser.add_argument("source")
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--inputs", required=True, type=json.loads, help="[[name, shape], ...]")
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--field", default="text")
    parser.add_argument("--max-length", type=int)
    asked = parser.parse_args()
    try:
        texts = _Texts(asked.source, tuple(asked.field.split(",")))
        encoder = _Encoder(_loaded(asked.tokenizer), asked.inputs, {}, asked.max_length, None)
        for number, (text, place) in enumerate(itertools.islice(texts, _MOST)):
            np.savez(asked.out / f"{number:06}.npz", **encoder.sample(text, place))
    except Error as error:
        print(error, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
