"""Writes train.npz and test.npz, images and labels as the trained networks take them, for `colonnade prune --calibrate`
and `colonnade evaluate`.

    python arrays.py [FOLDER]      # by default here
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from colonnade.train.datasets import FASHION_MNIST, Augment, fashion_mnist

TRAINING_IMAGES = 6000  # the first tenth: more than calibration draws from


def write_arrays(folder: Path) -> None:
    """Training images unchanged: no shift, no flip."""
    train, test = fashion_mnist(FASHION_MNIST, Augment(), 0)
    for name, data, count in (("train", train, TRAINING_IMAGES), ("test", test, len(test))):
        images, labels = zip(*(data[0, index] for index in range(count)), strict=True)
        np.savez(folder / f"{name}.npz", x=np.stack([image.numpy() for image in images]), y=np.array(labels))


if __name__ == "__main__":
    write_arrays(Path(*sys.argv[1:2]))
