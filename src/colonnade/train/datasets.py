"""Labelled images for training: Fashion-MNIST, scikit-learn's digits, and folders of pictures.

Nothing here keeps a state. A data set is asked for a key (epoch, index): whatever is random about that image follows
from the key and the seed alone, so any number of processes, and a run that is resumed, see the same pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from colonnade.data import known
from colonnade.data.images import ImageFiles, Unreadable, decode, list_images
from colonnade.data.known import FASHION_MNIST
from colonnade.data.preprocess import Preprocess
from colonnade.errors import ColonnadeError
from colonnade.train.recipe import DataSection

Key = tuple[int, int]
Item = tuple[Tensor | Unreadable, int]

# Shorter side of a picture before the cut, in units of the cut's: 256 of 224 for tests; 256 to 480 of 224 for training,
# as in He et al. 2015, section 3.4.
_RESIZE = 256 / 224
_LARGEST_RESIZE = 480 / 224


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


class LabelledImages(Dataset[Item]):
    """An item is an image f32 [C, H, W], or why it cannot be read, and its class."""

    def __init__(self, labels: np.ndarray, augment: Augment, seed: int) -> None:
        self._labels: list[int] = labels.tolist()
        self._augment = augment
        self._seed = seed

    def __len__(self) -> int:
        return len(self._labels)

    @property
    def classes(self) -> int:
        """One more than the largest class."""
        return max(self._labels) + 1

    def __getitem__(self, key: Key) -> Item:
        epoch, index = key
        random = np.random.default_rng((self._seed, epoch, index))
        image = self._read(index, random)
        return (self._augment.apply(image, random) if isinstance(image, Tensor) else image), self._labels[index]

    def _read(self, index: int, random: np.random.Generator) -> Tensor | Unreadable:
        raise NotImplementedError


class ArrayImages(LabelledImages):
    """Images in memory, uint8 [N, C, H, W]. Pixels are divided by 255, then normalised by mean and deviation of this
    set or of the one given."""

    def __init__(
        self, images: np.ndarray, labels: np.ndarray, augment: Augment, seed: int = 0, like: ArrayImages | None = None
    ) -> None:
        super().__init__(labels, augment, seed)
        self._images = torch.from_numpy(images)
        self._mean, self._deviation = like.statistics if like else known.pixel_statistics(images)

    def hold_out(self, count: int) -> tuple[ArrayImages, ArrayImages]:
        """All images but the last `count`, and those, unchanged. ColonnadeError where nothing is left to train on."""
        if count >= len(self):
            raise ColonnadeError(f"data.held_out is {count}, but there are only {len(self)} training images")
        images, labels = self._images.numpy(), np.array(self._labels)
        kept = ArrayImages(images[:-count], labels[:-count], self._augment, self._seed, like=self)
        return kept, ArrayImages(images[-count:], labels[-count:], Augment(), like=self)

    @property
    def statistics(self) -> tuple[float, float]:
        """Mean and standard deviation by which pixels, from 0 to 1, are normalised."""
        return self._mean, self._deviation

    def _read(self, index: int, random: np.random.Generator) -> Tensor:
        return (self._images[index].float() / 255 - self._mean) / self._deviation


class PictureImages(LabelledImages):
    """Files of a folder of class folders, normalised by `preprocess`. random_cut: the shorter side is resized to a
    random length and the cut is at a random place."""

    def __init__(
        self, files: ImageFiles, labels: np.ndarray, preprocess: Preprocess, random_cut: bool, flip: bool, seed: int
    ) -> None:
        super().__init__(labels, Augment(flip=flip), seed)
        self._files = files
        self._preprocess = preprocess
        self._random_cut = random_cut

    def _read(self, index: int, random: np.random.Generator) -> Tensor | Unreadable:
        preprocess = _random_cut(self._preprocess, random) if self._random_cut else self._preprocess
        path = self._files.folder / self._files.names[index]
        try:
            pixels = decode(path.read_bytes(), 3, preprocess)
        except OSError as error:
            return Unreadable(f"{path}: {error.strerror}")
        if isinstance(pixels, Unreadable):
            return Unreadable(f"{path}: {pixels.reason}")
        return torch.from_numpy(preprocess.normalised(pixels))


@dataclass(frozen=True)
class _RandomCut(Preprocess):
    """Cuts at a place of its own: fractions, from 0 to below 1, of the rows and columns left over."""

    place: tuple[float, float] = (0.0, 0.0)

    def corner(self, height: int, width: int) -> tuple[int, int]:
        assert self.size is not None
        return int(self.place[0] * (height - self.size[0] + 1)), int(self.place[1] * (width - self.size[1] + 1))


def _random_cut(preprocess: Preprocess, random: np.random.Generator) -> Preprocess:
    assert preprocess.size is not None
    side = preprocess.size[0]
    resize = int(random.integers(round(side * _RESIZE), round(side * _LARGEST_RESIZE) + 1))
    top, left = random.random(2).tolist()
    return _RandomCut(preprocess.mean, preprocess.std, preprocess.size, resize, place=(top, left))


def open_datasets(section: DataSection, folder: Path, seed: int) -> tuple[LabelledImages, LabelledImages]:
    """Images of a recipe to train on, and test images or those held out. `folder`: where relative paths begin.
    ColonnadeError for data that is not there or does not fit."""
    if section.kind == "folder":
        if section.held_out:
            raise ColonnadeError("data.held_out: the images to measure on are the folder's own, val; leave it out")
        return _open_folder(section, folder, seed)
    augment = Augment(section.shift, section.flip)
    if section.kind == "digits":
        train, test = _in_memory(known.digits(), augment, seed)
    else:
        train, test = fashion_mnist(folder / (section.path or FASHION_MNIST), augment, seed)
    return train.hold_out(section.held_out) if section.held_out else (train, test)


def fashion_mnist(folder: Path, augment: Augment, seed: int) -> tuple[ArrayImages, ArrayImages]:
    """60000 training and 10000 test images [1, 28, 28] from the four files of the data set."""
    return _in_memory(known.fashion_mnist(folder), augment, seed)


def batches(length: int, batch: int, *, epoch: int, seed: int, process: int = 0, processes: int = 1) -> list[list[Key]]:
    """Keys of an epoch's training images for one of several processes, in the order that seed and epoch give: whole
    batches of `batch` images over all processes, of which each has an equal part. What is left over is not used."""
    order = np.arange(length)
    np.random.default_rng((seed, epoch)).shuffle(order)
    whole = order[: length - length % batch].reshape(-1, processes, batch // processes)
    return [[(epoch, index) for index in part] for part in whole[:, process].tolist()]


def evaluation_batches(length: int, batch: int, *, process: int = 0, processes: int = 1) -> list[list[Key]]:
    """Keys of the test images of one of several processes; every image belongs to one."""
    own = range(process, length, processes)
    return [[(0, index) for index in own[start : start + batch]] for start in range(0, len(own), batch)]


@dataclass(frozen=True)
class Batch:
    """images f32 [n, C, H, W] and labels i64 [n] of what could be read; reasons of what could not."""

    images: Tensor
    labels: Tensor
    unreadable: tuple[str, ...]


def collate(items: Sequence[Item]) -> Batch:
    """One batch of a data set's items."""
    good = [(image, label) for image, label in items if isinstance(image, Tensor)]
    reasons = tuple(image.reason for image, _ in items if isinstance(image, Unreadable))
    images = torch.stack([image for image, _ in good]) if good else torch.empty(0)
    return Batch(images, torch.tensor([label for _, label in good], dtype=torch.int64), reasons)


def _in_memory(data: known.KnownSet, augment: Augment, seed: int) -> tuple[ArrayImages, ArrayImages]:
    """Images [1, H, W]; only the training images are changed at random."""
    train = ArrayImages(data.train.images[:, None], data.train.labels, augment, seed)
    return train, ArrayImages(data.test.images[:, None], data.test.labels, Augment(), like=train)


def _open_folder(section: DataSection, folder: Path, seed: int) -> tuple[PictureImages, PictureImages]:
    """Folders `train` and `val`, each of the same class folders."""
    if section.path is None:
        raise ColonnadeError("data.path is missing: the folder that holds train and val")
    if section.shift:
        raise ColonnadeError("data.shift: pictures of a folder are cut at random already; leave it out")
    root = folder / section.path
    train, val = (_class_folders(root / name) for name in ("train", "val"))
    if train[2] != val[2]:
        name = min(set(train[2]) ^ set(val[2]))
        raise ColonnadeError(f"{root}: class {name!r} is in {'train' if name in train[2] else 'val'} only")
    preprocess = Preprocess(
        section.mean, section.deviation, (section.size, section.size), resize=round(section.size * _RESIZE)
    )
    return (
        PictureImages(train[0], train[1], preprocess, True, section.flip, seed),
        PictureImages(val[0], val[1], preprocess, False, False, seed),
    )


def _class_folders(folder: Path) -> tuple[ImageFiles, np.ndarray, tuple[str, ...]]:
    if not folder.is_dir():
        raise ColonnadeError(f"{folder}: there is no such folder; it holds one folder of images for each class")
    files, labels, classes = list_images(folder)
    if labels is None or classes is None:
        raise ColonnadeError(f"{folder}: holds images, but no class folders")
    return files, labels, classes
