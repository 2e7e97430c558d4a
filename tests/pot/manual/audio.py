import os
from pathlib import Path

import torchaudio
from openvino.tools.pot import DataLoader


class AudioLoader(DataLoader):
    """The .wav files of a folder."""

    def __init__(self, dataset_path):
        self._extension = ".wav"
        self._dataset_path = dataset_path
        self._files = sorted(
            str(p.stem) for p in Path(self._dataset_path).glob("*" + self._extension)
        )

    def __len__(self):
        return len(self._files)

    def __getitem__(self, index):
        """A sound, [channels, samples]."""
        if index >= len(self):
            raise IndexError("Index out of dataset size")
        file_name = self._files[index] + self._extension
        file_path = os.path.join(self._dataset_path, file_name)
        waveform, _ = torchaudio.load(file_path)
        return waveform.numpy(), None
