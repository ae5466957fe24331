"""Labelled images for training: Fashion-MNIST, scikit-learn's digits, and folders of pictures.

Nothing here keeps a state. A dataset is asked for a key (epoch, index): whatever is random about that image follows
from the key and the seed alone, so any number of processes, and a run that is resumed, see the same pictures.
"""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from colonnade.errors import ColonnadeError

Key = tuple[int, int]

FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")
_IDX_UBYTE = 0x08
_DIGITS_TEST_EVERY = 5


@dataclass(frozen=True)
class Augment:
    """Random changes to a training image: a shift by at most so many pixels each way, and a horizontal flip."""

    shift: int = 0
    flip: bool = False

    def apply(self, image: Tensor, random: np.random.Generator) -> Tensor:
        """`image` [C, H, W] moved and perhaps flipped; what moves in from outside is zero."""
        if self.shift:
            height, width = image.shape[1:]
            padded = torch.nn.functional.pad(image, (self.shift,) * 4)
            top, left = random.integers(0, 2 * self.shift + 1, size=2).tolist()
            image = padded[:, top : top + height, left : left + width]
        if self.flip and random.integers(2):
            image = image.flip(2)
        return image


class ArrayImages(Dataset[tuple[Tensor, int]]):
    """Images in memory: uint8 [N, C, H, W] and labels [N]. Pixels are divided by 255, then normalised by mean and
    deviation of this set or of the one given."""

    def __init__(
        self, images: np.ndarray, labels: np.ndarray, augment: Augment, seed: int = 0, like: ArrayImages | None = None
    ) -> None:
        self._images = torch.from_numpy(images)
        self._labels = labels.tolist()
        self._augment = augment
        self._seed = seed
        self._mean, self._deviation = like.statistics if like else _statistics(images)

    @property
    def statistics(self) -> tuple[float, float]:
        """Mean and standard deviation by which pixels, from 0 to 1, are normalised."""
        return self._mean, self._deviation

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, key: Key) -> tuple[Tensor, int]:
        epoch, index = key
        image = (self._images[index].float() / 255 - self._mean) / self._deviation
        return self._augment.apply(image, np.random.default_rng((self._seed, epoch, index))), self._labels[index]


def _statistics(images: np.ndarray) -> tuple[float, float]:
    scaled = images / np.float32(255)
    return float(scaled.mean()), float(scaled.std())


class EpochSampler(Sampler[Key]):
    """Keys of one epoch: in order, or in the order that seed and epoch give."""

    def __init__(self, length: int, seed: int | None) -> None:
        self._length = length
        self._seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Key]:
        order = np.arange(self._length)
        if self._seed is not None:
            np.random.default_rng((self._seed, self.epoch)).shuffle(order)
        return ((self.epoch, int(index)) for index in order)


def fashion_mnist(folder: Path, augment: Augment, seed: int) -> tuple[ArrayImages, ArrayImages]:
    """60000 training and 10000 test images [1, 28, 28] from the four files of the data set."""
    if not folder.is_dir():
        raise ColonnadeError(f"{folder}: there is no Fashion-MNIST; apt-get install dataset-fashion-mnist, or set path")
    arrays = [
        (read_idx(folder / f"{part}-images-idx3-ubyte.gz")[:, None], read_idx(folder / f"{part}-labels-idx1-ubyte.gz"))
        for part in ("train", "t10k")
    ]
    return _pair(arrays[0], arrays[1], augment, seed)


def read_idx(path: Path) -> np.ndarray:
    """The bytes of a gzipped IDX file in the shape that it states. ColonnadeError for any other file."""
    try:
        data = gzip.decompress(path.read_bytes())
        zero, kind, rank = struct.unpack_from(">HBB", data)
        shape = struct.unpack_from(f">{rank}I", data, 4)
        if zero or kind != _IDX_UBYTE:
            raise ValueError("not an IDX file of bytes")
        return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape).copy()
    except (OSError, EOFError, ValueError, struct.error) as error:
        raise ColonnadeError(f"{path}: cannot be read as a gzipped IDX file of bytes: {error}") from error


def _pair(
    train: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray], augment: Augment, seed: int
) -> tuple[ArrayImages, ArrayImages]:
    """Both sets, normalised alike; only the first is augmented."""
    first = ArrayImages(*train, augment, seed)
    return first, ArrayImages(*test, Augment(), like=first)
