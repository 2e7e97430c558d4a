import os

import cv2 as cv
import numpy as np
from openvino.tools.pot import DataLoader


class ImageLoader(DataLoader):
    """The pictures of a folder, of the size 224x224."""

    def __init__(self, dataset_path):
        self._files = []
        for name in os.listdir(dataset_path):
            file = os.path.join(dataset_path, name)
            if cv.haveImageReader(file):
                self._files.append(file)
        self._shape = (224, 224)

    def __len__(self):
        return len(self._files)

    def __getitem__(self, index):
        """One picture, [1, 3, 224, 224]."""
        if index >= len(self):
            raise IndexError("Index out of dataset size")
        image = cv.imread(self._files[index])
        image = cv.resize(image, self._shape)
        image = np.expand_dims(image, 0)
        image = image.transpose(0, 3, 1, 2)
        return image, None
