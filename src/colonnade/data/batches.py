"""Batches of a dataset, one at a time: memory holds one batch, however many images there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from colonnade.data.dataset import Dataset
from colonnade.data.images import Unreadable
from colonnade.data.preprocess import Preprocess
from colonnade.errors import ColonnadeError

MAX_SKIPPED = 0.01  # of all images; with more there is something wrong with the data


@dataclass(frozen=True)
class Skipped:
    """An image that could not be decoded, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Batch:
    """x: f32 [n, C, H, W]; labels: i64 [n], if there are any; skipped: images of this batch that are not in it, so that
    n may be less than was asked for, or 0."""

    x: np.ndarray
    labels: np.ndarray | None
    skipped: tuple[Skipped, ...] = ()


def read_batches(
    data: Dataset, shape: tuple[int, int, int], *, preprocess: Preprocess | None = None, batch: int = 32
) -> Iterator[Batch]:
    """The images in ascending order as `shape` (C, H, W), `batch` at a time, the last batch shorter.

    ColonnadeError at once if the images cannot be made to fit `shape`; while reading, for NaN or infinity, and as soon
    as more than MAX_SKIPPED of all images are skipped. Nothing is read ahead, so between two batches the caller has the
    processors to himself.
    """
    if batch < 1:
        raise ColonnadeError(f"batch must be at least 1, not {batch}")
    data.source.fitted(shape, preprocess)
    return _batches(data, shape, preprocess, batch)


def read_all(data: Dataset, shape: tuple[int, int, int], preprocess: Preprocess | None = None) -> Batch:
    """All images as one batch without labels, whole in memory; otherwise as `read_batches`."""
    parts = list(read_batches(data, shape, preprocess=preprocess))
    skipped = tuple(chain.from_iterable(part.skipped for part in parts))
    return Batch(np.concatenate([part.x for part in parts]), None, skipped)


def skipped_text(skipped: Sequence[Skipped]) -> str:
    """How many images were skipped, at least one, and why the first."""
    return f"damaged images skipped: {len(skipped)}; the first is {skipped[0].name}: {skipped[0].reason}"


def _batches(data: Dataset, shape: tuple[int, int, int], preprocess: Preprocess | None, batch: int) -> Iterator[Batch]:
    skipped = 0
    with data.source.opened(shape, preprocess) as read:
        for start in range(0, len(data), batch):
            part = slice(start, start + batch)
            found = _assemble(data, part, list(read(data.indices[part].tolist())), shape)
            skipped += len(found.skipped)
            if skipped > MAX_SKIPPED * len(data):
                first = found.skipped[0]
                raise ColonnadeError(
                    f"{data.source.label}: {skipped} of {len(data)} images cannot be read, which is more than "
                    f"{MAX_SKIPPED:.0%}; {first.name}: {first.reason}"
                )
            yield found


def _assemble(data: Dataset, part: slice, images: list[np.ndarray | Unreadable], shape: tuple[int, int, int]) -> Batch:
    x = np.empty((len(images), *shape), np.float32)
    kept: list[int] = []
    skipped = []
    for place, image in enumerate(images):
        if isinstance(image, Unreadable):
            skipped.append(Skipped(data.source.name(int(data.indices[part][place])), image.reason))
        else:
            x[len(kept)] = image
            kept.append(place)
    labels = None if data.labels is None else data.labels[part][kept]
    return Batch(x[: len(kept)], labels, tuple(skipped))
