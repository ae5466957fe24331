"""Two small labelled data sets that anyone can have: Fashion-MNIST (H. Xiao, K. Rasul and R. Vollgraf,
arXiv 1708.07747), and the handwritten digits that come with scikit-learn."""

from __future__ import annotations

import gzip
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from colonnade.data.preprocess import Preprocess
from colonnade.errors import ColonnadeError

FASHION, DIGITS = "fashion_mnist", "digits"  # names of the two
FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")  # of Debian's package dataset-fashion-mnist
_IDX_UBYTE = 0x08
_DIGITS_TEST_EVERY = 5


@dataclass(frozen=True)
class Labelled:
    """Grey images u8 [N, H, W] and the class of each, integers [N]."""

    images: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class KnownSet:
    """Training and test images of the data set `name`."""

    name: str
    train: Labelled
    test: Labelled

    def preprocess(self) -> Preprocess:
        """The normalisation by the training images that networks for this data set are trained with."""
        mean, deviation = pixel_statistics(self.train.images)
        return Preprocess(mean=(mean,), std=(deviation,))


def pixel_statistics(images: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of u8 pixels divided by 255."""
    scaled = images / np.float32(255)
    return float(scaled.mean()), float(scaled.std())


def fashion_mnist(folder: Path) -> KnownSet:
    """60000 training and 10000 test images of 28 x 28 from the four files of the data set. ColonnadeError if they are
    not there or not what they should be."""
    if not folder.is_dir():
        raise ColonnadeError(
            f"{folder}: there is no Fashion-MNIST; apt-get install dataset-fashion-mnist, or name another folder"
        )
    return KnownSet(FASHION, *(_read_part(folder, part) for part in ("train", "t10k")))


def digits() -> KnownSet:
    """scikit-learn's 1797 digits of 8 x 8; every fifth is for testing. ColonnadeError without scikit-learn."""
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError:
        raise ColonnadeError("the digits come with scikit-learn: pip install scikit-learn") from None
    found = load_digits()
    images = (found.images * (255 / 16)).astype(np.uint8)
    test = np.arange(len(images)) % _DIGITS_TEST_EVERY == 0
    return KnownSet(DIGITS, *(Labelled(images[part], found.target[part]) for part in (~test, test)))


def _read_part(folder: Path, part: str) -> Labelled:
    images, labels = (_read_idx(folder / f"{part}-{what}-ubyte.gz") for what in ("images-idx3", "labels-idx1"))
    if images.ndim != 3 or labels.shape != images.shape[:1]:
        raise ColonnadeError(
            f"{folder}: {part} has images {list(images.shape)} and labels {list(labels.shape)}, which do not match"
        )
    return Labelled(images, labels)


def _read_idx(path: Path) -> np.ndarray:
    """The bytes of a gzipped IDX file in the shape that it states. ColonnadeError for any other file."""
    try:
        data = gzip.decompress(path.read_bytes())
        zero, kind, rank = struct.unpack_from(">HBB", data)
        shape = struct.unpack_from(f">{rank}I", data, 4)
        if zero or kind != _IDX_UBYTE:
            raise ValueError("its first bytes say otherwise")
        return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape).copy()
    except (OSError, EOFError, ValueError, struct.error) as error:
        raise ColonnadeError(f"{path}: cannot be read as a gzipped IDX file of bytes: {error}") from error
