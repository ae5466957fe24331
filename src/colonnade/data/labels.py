"""Class indices of images, from a file beside them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from colonnade.data.arrays import LABELS, read_vector
from colonnade.errors import ColonnadeError

_LINE = re.compile(r"(?:(.*?)[\s,]+)?(\S+)")  # name (or none), blanks or a comma, index


def checked_labels(labels: np.ndarray, count: int, label: str) -> np.ndarray:
    """The labels as i64. ColonnadeError unless they are `count` class indices, integers from 0."""
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise ColonnadeError(
            f"{label}: labels are a vector of integers, not {labels.dtype} of shape {list(labels.shape)}"
        )
    if len(labels) != count:
        raise ColonnadeError(f"{label}: there are {len(labels)} labels for {count} images")
    converted = labels.astype(np.int64)
    if converted.min() < 0:
        raise ColonnadeError(f"{label}: image {int(converted.argmin())} has label {labels.min()}; classes count from 0")
    return converted


def read_labels(path: Path, names: Sequence[str], count: int) -> np.ndarray:
    """Labels of `count` images: an .npy, `y` in an .npz, or text with a line for each image, in the order of names.

    A line is a class index, or an image's file name, blanks or a comma, and its index; lines with names may come in any
    order, and then `names` are all the images. ColonnadeError for anything else.
    """
    if path.suffix.lower() in (".npy", ".npz"):
        vector = read_vector(path)
        if vector is None:
            raise ColonnadeError(f"{path}: holds no array '{LABELS}' of labels")
        return checked_labels(vector, count, str(path))
    rows = _rows(path)
    if all(name is None for name, _ in rows):
        return checked_labels(np.array([index for _, index in rows]), count, str(path))
    found: dict[str, int] = {}
    for line, (name, index) in enumerate(rows, start=1):
        if name is None or name in found:
            problem = "has no name, but others do" if name is None else "names an image again"
            raise ColonnadeError(f"{path}: line {line} {problem}; give each image one line")
        found[name] = index
    known = set(names)
    if missing := [name for name in names if name not in found]:
        raise ColonnadeError(f"{path}: has no label for {missing[0]} ({len(missing)} of {count} images are missing)")
    if strange := [name for name in found if name not in known]:
        raise ColonnadeError(f"{path}: labels {strange[0]}, which is not among the {count} images")
    return checked_labels(np.array([found[name] for name in names]), count, str(path))


def _rows(path: Path) -> list[tuple[str | None, int]]:
    """Each line as (name or None, class index); names may hold blanks. Empty lines at the end do not count."""
    try:
        lines = path.read_text(encoding="utf-8").rstrip().splitlines()
    except FileNotFoundError:
        raise ColonnadeError(f"{path}: no such file") from None
    except UnicodeDecodeError:
        raise ColonnadeError(f"{path}: is neither text nor an .npy file") from None
    except OSError as error:
        raise ColonnadeError(f"{path}: cannot be read: {error.strerror}") from error
    if not lines:
        raise ColonnadeError(f"{path}: holds no labels")
    return [_row(path, number, line.strip()) for number, line in enumerate(lines, start=1)]


def _row(path: Path, number: int, line: str) -> tuple[str | None, int]:
    found = _LINE.fullmatch(line)
    text = found[2] if found else line
    if not re.fullmatch("[0-9]{1,9}", text):
        raise ColonnadeError(f"{path}: line {number}: '{text}' is not a class index, an integer from 0")
    return (found[1] if found else None), int(text)
