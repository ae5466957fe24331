"""Preprocessing: the text that names it, and the geometry of resize and cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colonnade.data import IMAGENET, Preprocess, parse_preprocess
from colonnade.errors import ColonnadeError


def test_imagenet_and_what_replaces_its_settings() -> None:
    assert parse_preprocess("imagenet") == IMAGENET
    spelt = "size=224,resize=256,mean=0.485/0.456/0.406,std=0.229/0.224/0.225,filter=bilinear"
    assert parse_preprocess(spelt) == IMAGENET
    changed = parse_preprocess("imagenet, size=192x160, filter=bicubic")
    assert changed == Preprocess(IMAGENET.mean, IMAGENET.std, (192, 160), 256, "bicubic")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ("''", "imagenet")),
        ("cifar", ("cifar", "size")),
        ("sise=32", ("sise", "size")),
        ("size=0", ("size=0", "pixels")),
        ("size=1x2x3", ("size=1x2x3", "HxW")),
        ("size=32x", ("size=32x",)),
        ("resize=-1", ("resize=-1",)),
        ("mean=0.1/", ("mean=0.1/",)),
        ("mean=nan", ("mean=nan",)),
        ("std=0.1/0", ("std=0.1/0", "positive")),
        ("filter=nearest", ("nearest", "bicubic")),
        ("size=32,imagenet", ("imagenet",)),
    ],
)
def test_text_that_says_nothing_we_know(text: str, words: tuple[str, ...]) -> None:
    with pytest.raises(ColonnadeError) as caught:
        parse_preprocess(text)
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("imagenet", ("224x224", "32x48")),
        ("resize=40", ("resize=40", "32x48", "48 or more")),
        ("mean=0.1/0.2", ("mean", "2 numbers", "3 channel")),
        ("std=0.1/0.2/0.3/0.4", ("std", "4 numbers")),
    ],
)
def test_preprocess_that_does_not_fit_the_model(text: str, words: tuple[str, ...]) -> None:
    with pytest.raises(ColonnadeError) as caught:
        parse_preprocess(text).fitted((3, 32, 48))
    assert all(word in str(caught.value) for word in words)


# What torchvision's Resize(256) and CenterCrop(224) document: the long side is 256 * long / short, rounded down.
@pytest.mark.parametrize(
    ("image", "resized", "corner"),
    [((375, 500), (256, 341), (16, 58)), ((500, 333), (384, 256), (80, 16)), ((256, 256), (256, 256), (16, 16))],
)
def test_imagenet_geometry(image: tuple[int, int], resized: tuple[int, int], corner: tuple[int, int]) -> None:
    assert IMAGENET.resized(*image) == resized
    assert IMAGENET.corner(*resized) == corner


sides = st.integers(1, 3000)


@settings(deadline=None)
@given(image=st.tuples(sides, sides), size=st.tuples(sides, sides), extra=st.none() | st.integers(0, 500))
def test_cut_lies_within_the_resized_image(image: tuple[int, int], size: tuple[int, int], extra: int | None) -> None:
    preprocess = Preprocess(resize=None if extra is None else max(size) + extra).fitted((1, *size))
    resized = preprocess.resized(*image)
    corner = preprocess.corner(*resized)
    for axis in range(2):
        assert 0 <= corner[axis] <= resized[axis] - size[axis]
    if extra is None:  # it covers the cut and no more
        assert resized[0] == size[0] or resized[1] == size[1]
        assert image != size or resized == image


def test_pixels_are_normalised_channel_by_channel() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 4, 3), np.uint8)
    found = IMAGENET.normalised(pixels)
    assert found.shape == (3, 2, 4)
    assert found.dtype == np.float32
    for channel in range(3):
        expected = (pixels[:, :, channel] / 255.0 - IMAGENET.mean[channel]) / IMAGENET.std[channel]
        np.testing.assert_allclose(found[channel], expected, rtol=1e-5, atol=1e-6)
