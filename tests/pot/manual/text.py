import os
from pathlib import Path

from datasets import load_dataset
from openvino.tools.pot import DataLoader
from transformers import AutoTokenizer


class TextLoader(DataLoader):
    """The lines of the .txt files of a folder."""

    def __init__(self, dataset_path):
        extension = ".txt"
        files = sorted(str(p.stem) for p in Path(dataset_path).glob("*" + extension))
        files = [os.path.join(dataset_path, file + extension) for file in files]
        self._dataset = load_dataset("text", data_files=files)
        self._tokenizer = AutoTokenizer.from_pretrained("bert-base-cased")
        self._dataset = self._dataset.map(self._encode, batched=False)
        self._dataset.set_format(
            type="numpy", columns=["input_ids", "token_type_ids", "attention_mask"]
        )

    def _encode(self, examples):
        return self._tokenizer(examples["text"], truncation=True, padding="max_length")

    def __len__(self):
        return len(self._dataset["train"])

    def __getitem__(self, index):
        """A dict of one-dimensional arrays."""
        if index >= len(self):
            raise IndexError("Index out of dataset size")
        data = self._dataset["train"][index]
        return {
            "input_ids": data["input_ids"],
            "token_type_ids": data["token_type_ids"],
            "attention_mask": data["attention_mask"],
        }, None
