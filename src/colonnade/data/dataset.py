"""A set of images with or without labels: what `--data` and `--calibrate` name."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from colonnade.data.arrays import ArrayFile, open_array, read_vector
from colonnade.data.images import ImageFiles, list_images
from colonnade.data.labels import checked_labels, read_labels
from colonnade.data.sampling import sample_indices
from colonnade.errors import ColonnadeError

_ARRAY_SUFFIXES = (".npy", ".npz")


@dataclass(frozen=True)
class Dataset:
    """Images of a source. indices: which of them, ascending i64 [n]; labels: their classes, i64 [n]; classes: names of
    the class folders, if the labels come from such."""

    source: ImageFiles | ArrayFile
    indices: np.ndarray
    labels: np.ndarray | None = None
    classes: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.indices)

    def sample(self, count: int, seed: int = 0) -> Dataset:
        """At most `count` of the images, drawn by `seed`; where there are labels, with the classes in proportion."""
        if count < 1:
            raise ColonnadeError(f"{self.source.label}: {count} samples are asked for; it must be at least 1")
        if seed < 0:
            raise ColonnadeError(f"{self.source.label}: seed {seed} is out of range; it must be at least 0")
        chosen = sample_indices(len(self), count, seed, self.labels)
        labels = None if self.labels is None else self.labels[chosen]
        return replace(self, indices=self.indices[chosen], labels=labels)

    def check_classes(self, count: int) -> None:
        """ColonnadeError if the labels cannot be those of a model with `count` classes."""
        if self.classes is not None and len(self.classes) != count:
            raise ColonnadeError(
                f"{self.source.label}: there are {len(self.classes)} class folders, but the model has {count} classes"
            )
        if self.labels is not None and self.labels.max() >= count:
            worst = int(self.labels.argmax())
            raise ColonnadeError(
                f"{self.source.label}: {self.source.name(int(self.indices[worst]))} has label {self.labels[worst]}, "
                f"but the model has {count} classes, 0 to {count - 1}"
            )


def open_dataset(path: str | os.PathLike[str], labels: str | os.PathLike[str] | None = None) -> Dataset:
    """The images at `path`, with their labels if they have some.

    path: a folder of images, or of class folders whose sorted names are classes 0, 1, ...; an .npy of f32 [N, C, H, W]
    or u8 [N, H, W, C] or [N, H, W]; an .npz with such an array as x, and labels [N] as y. labels: a file of labels for
    images that have none (data/labels.py). Images are not read yet. ColonnadeError for whatever does not fit.
    """
    place = Path(path)
    if place.is_dir():
        images, found, classes = list_images(place)
        data = Dataset(images, np.arange(len(images)), found, classes)
    elif place.suffix.lower() in _ARRAY_SUFFIXES:
        array = open_array(place)
        vector = read_vector(place) if place.suffix.lower() == ".npz" else None
        found = None if vector is None else checked_labels(vector, len(array), str(place))
        data = Dataset(array, np.arange(len(array)), found)
    elif place.exists():
        raise ColonnadeError(f"{place}: not a folder of images, an .npy or an .npz")
    else:
        raise ColonnadeError(f"{place}: no such file or folder")
    if labels is None:
        return data
    if data.labels is not None:
        raise ColonnadeError(f"{place}: has labels already; leave out {labels}")
    names = data.source.names if isinstance(data.source, ImageFiles) else ()
    return replace(data, labels=read_labels(Path(labels), names, len(data)))
