"""What is done to an image before a network sees it: resize, cut out the centre, scale to 0..1, normalise."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Literal, cast, get_args

import numpy as np

from colonnade.errors import ColonnadeError

Filter = Literal["bilinear", "bicubic"]


@dataclass(frozen=True)
class Preprocess:
    """`(pixel / 255 - mean) / std` of the centre of a resized image, as torchvision's evaluation transforms do.

    mean, std: one number, or one for each channel. size: height and width that are cut out; None: the model's.
    resize: pixels of the shorter side before the cut; None: the least at which the image covers the cut.
    """

    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    size: tuple[int, int] | None = None
    resize: int | None = None
    filter: Filter = "bilinear"

    def fitted(self, shape: tuple[int, int, int]) -> Preprocess:
        """The same with its size filled in, for a model whose images are `shape` (C, H, W). ColonnadeError if what
        this makes is not what the model takes."""
        channels, *plane = shape
        size = self.size or (plane[0], plane[1])
        if size != (plane[0], plane[1]):
            raise ColonnadeError(f"preprocess: cuts out {_by(size)} pixels, but the model takes {_by(plane)}")
        if self.resize is not None and self.resize < max(size):
            raise ColonnadeError(
                f"preprocess: resize={self.resize} is too small to cut {_by(size)} out of; use {max(size)} or more"
            )
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) not in (1, channels):
                raise ColonnadeError(
                    f"preprocess: {name} has {len(values)} numbers, but the model takes {channels} channel(s)"
                )
        return replace(self, size=size)

    def resized(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of an image of `height` x `width` before the cut. The longer side is rounded down."""
        assert self.size is not None
        if self.resize is None:
            wanted_height, wanted_width = self.size
            if wanted_height * width >= wanted_width * height:  # the height is what decides
                return wanted_height, max(wanted_width, wanted_height * width // height)
            return max(wanted_height, wanted_width * height // width), wanted_width
        if height <= width:
            return self.resize, self.resize * width // height
        return self.resize * height // width, self.resize

    def corner(self, height: int, width: int) -> tuple[int, int]:
        """Row and column of the resized image's pixel where the cut begins; halves go to even, as in torchvision."""
        assert self.size is not None
        return round((height - self.size[0]) / 2), round((width - self.size[1]) / 2)

    def normalised(self, pixels: np.ndarray) -> np.ndarray:
        """[H, W, C] of 0..255 to f32 [C, H, W]."""
        scaled = pixels.transpose(2, 0, 1).astype(np.float32, order="C") / np.float32(255)
        mean, std = (np.array(values, np.float32).reshape(-1, 1, 1) for values in (self.mean, self.std))
        result: np.ndarray = (scaled - mean) / std
        return result


IMAGENET = Preprocess(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), size=(224, 224), resize=256)


def parse_preprocess(text: str) -> Preprocess:
    """Read `imagenet`, or settings such as `size=224,resize=256,mean=0.485/0.456/0.406,std=0.229/0.224/0.225`.

    Settings after `imagenet` replace its own: `imagenet,filter=bicubic`. size is N or HxW. ColonnadeError for anything
    else.
    """
    words = [word.strip() for word in text.split(",")]
    chosen = Preprocess()
    if words[0] == "imagenet":
        chosen, words = IMAGENET, words[1:]
    for word in words:
        name, separator, value = word.partition("=")
        if not separator or name not in _READERS:
            raise ColonnadeError(
                f"preprocess '{text}': '{word}' is not a setting; there are imagenet, {', '.join(_READERS)}=..."
            )
        try:
            chosen = replace(chosen, **{name: _READERS[name](value)})  # type: ignore[arg-type]
        except ValueError:
            raise ColonnadeError(f"preprocess '{text}': {name}={value} is not {_KINDS[name]}") from None
    return chosen


def _read_size(text: str) -> tuple[int, int]:
    sides = [_read_count(side) for side in text.split("x")]
    if len(sides) > 2:
        raise ValueError(text)
    return sides[0], sides[-1]


def _read_count(text: str) -> int:
    if not re.fullmatch("[0-9]{1,6}", text) or int(text) < 1:
        raise ValueError(text)
    return int(text)


def _read_numbers(text: str) -> tuple[float, ...]:
    values = tuple(float(word) for word in text.split("/"))
    if not all(math.isfinite(value) for value in values):
        raise ValueError(text)
    return values


def _read_positive(text: str) -> tuple[float, ...]:
    values = _read_numbers(text)
    if min(values) <= 0:
        raise ValueError(text)
    return values


def _read_filter(text: str) -> Filter:
    if text not in get_args(Filter):
        raise ValueError(text)
    return cast("Filter", text)


_READERS = {
    "size": _read_size,
    "resize": _read_count,
    "mean": _read_numbers,
    "std": _read_positive,
    "filter": _read_filter,
}
_KINDS = {
    "size": "a number of pixels, or HxW",
    "resize": "a number of pixels",
    "mean": "one number, or one for each channel with / between them",
    "std": "one positive number, or one for each channel with / between them",
    "filter": "bilinear or bicubic",
}


def _by(sizes: tuple[int, ...] | list[int]) -> str:
    return "x".join(str(size) for size in sizes)
