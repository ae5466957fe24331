"""Folders of image files: what is read from them, and what can be wrong with them."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from colonnade.data import Preprocess, open_dataset, read_batches
from colonnade.data.images import SUFFIXES, Unreadable, decode
from colonnade.errors import ColonnadeError

if TYPE_CHECKING:
    from tests.data.conftest import WriteImage

PLAIN = Preprocess(mean=(0.0,), std=(1.0 / 255,))  # gives the pixels themselves
GREY_8, RGB_8 = (1, 8, 8), (3, 8, 8)


def _pixels(folder: Path, shape: tuple[int, int, int], preprocess: Preprocess = PLAIN) -> np.ndarray:
    return np.concatenate([batch.x for batch in read_batches(open_dataset(folder), shape, preprocess=preprocess)])


def _png() -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def test_png_pixels_arrive_unchanged_in_name_order(tmp_path: Path, write_image: WriteImage) -> None:
    written = {name: write_image(name, seed=seed) for seed, name in enumerate(("b.png", "a.PNG", "c.bmp"))}
    expected = [written[name].transpose(2, 0, 1) for name in ("a.PNG", "b.png", "c.bmp")]
    np.testing.assert_allclose(_pixels(tmp_path, RGB_8), expected, atol=1e-4)


def test_grey_image_for_a_colour_model_and_the_reverse(tmp_path: Path, write_image: WriteImage) -> None:
    grey = write_image("grey/a.png", grey=True)
    np.testing.assert_allclose(_pixels(tmp_path / "grey", RGB_8), [[grey] * 3], atol=1e-4)
    colour = write_image("colour/a.png")
    luma = colour @ np.array([0.299, 0.587, 0.114])  # ITU-R 601-2, as Pillow documents for mode L
    assert np.abs(_pixels(tmp_path / "colour", GREY_8)[0, 0] - luma).max() <= 1.01


def test_jpeg_is_resized_and_cut_as_pillow_does_it(tmp_path: Path, write_image: WriteImage) -> None:
    write_image("a.jpg", 40, 60)
    found = _pixels(tmp_path, (3, 24, 24), Preprocess((0.0,), (1 / 255,), (24, 24), 30, "bicubic"))
    with Image.open(tmp_path / "a.jpg") as image:
        expected = np.asarray(image.resize((45, 30), Image.Resampling.BICUBIC).crop((10, 3, 34, 27)))
    np.testing.assert_allclose(found[0], expected.transpose(2, 0, 1), atol=1e-4)


def test_class_folders_in_name_order(tmp_path: Path, write_image: WriteImage) -> None:
    for name in ("dog/2.png", "dog/1.jpg", "cat/9.png", "eel/0.png"):
        write_image(name)
    (tmp_path / "dog" / "notes.txt").touch()
    (tmp_path / ".cache").mkdir()
    data = open_dataset(tmp_path)
    assert [data.source.name(i) for i in range(len(data))] == ["cat/9.png", "dog/1.jpg", "dog/2.png", "eel/0.png"]
    assert data.labels is not None
    assert data.labels.tolist() == [0, 1, 1, 2]
    assert data.classes == ("cat", "dog", "eel")
    with pytest.raises(ColonnadeError, match=r"3 class folders, but the model has 4 classes"):
        data.check_classes(4)
    data.check_classes(3)


def test_folders_that_cannot_be_classes(tmp_path: Path, write_image: WriteImage) -> None:
    with pytest.raises(ColonnadeError, match="holds no images"):
        open_dataset(tmp_path)
    write_image("cat/1.png")
    (tmp_path / "dog").mkdir()
    (tmp_path / "dog" / "readme.txt").touch()
    with pytest.raises(ColonnadeError, match=r"dog: this class folder holds no images"):
        open_dataset(tmp_path)
    write_image("dog/puppies/1.png")
    with pytest.raises(ColonnadeError, match=r"dog: .*images only, not folders \(puppies/\)"):
        open_dataset(tmp_path)
    write_image("stray.png")
    with pytest.raises(ColonnadeError, match=r"beside folders \(stray.png, cat/\)"):
        open_dataset(tmp_path)
    with pytest.raises(ColonnadeError, match="no such file or folder"):
        open_dataset(tmp_path / "nowhere")
    with pytest.raises(ColonnadeError, match="not a folder of images"):
        open_dataset(tmp_path / "stray.png")


def test_preprocess_is_asked_for_at_once(tmp_path: Path, write_image: WriteImage) -> None:
    write_image("a.png")
    data = open_dataset(tmp_path)
    with pytest.raises(ColonnadeError, match="need a preprocess, such as imagenet"):
        read_batches(data, RGB_8)
    with pytest.raises(ColonnadeError, match="1 or 3 channels, but the model takes 4"):
        read_batches(data, (4, 8, 8), preprocess=PLAIN)
    with pytest.raises(ColonnadeError, match="224x224"):
        read_batches(data, RGB_8, preprocess=Preprocess(size=(224, 224)))


PNG = _png()


@pytest.mark.parametrize(
    "content",
    [b"", b"not an image", PNG[:20], PNG[: len(PNG) // 2], PNG[:60] + b"\xff" * 40 + PNG[100:]],
    ids=["empty", "text", "header", "half", "overwritten"],
)
def test_damaged_bytes_are_unreadable(content: bytes) -> None:
    found = decode(content, 3, PLAIN.fitted((3, 20, 20)))
    assert isinstance(found, Unreadable)
    assert found.reason
    assert "\n" not in found.reason
    assert " at 0x" not in found.reason


@pytest.mark.parametrize("place", range(0, len(PNG), max(1, len(PNG) // 60)))
def test_any_flipped_byte_gives_pixels_or_a_reason(place: int) -> None:
    damaged = bytearray(PNG)
    damaged[place] ^= 0x55
    found = decode(bytes(damaged), 3, PLAIN.fitted((3, 20, 20)))
    assert isinstance(found, Unreadable) or found.shape == (20, 20, 3)


def test_sixteen_bit_image_is_not_clipped_silently() -> None:
    stream = io.BytesIO()
    Image.fromarray(np.full((8, 8), 40_000, np.uint16)).save(stream, "PNG")
    found = decode(stream.getvalue(), 1, PLAIN.fitted(GREY_8))
    assert isinstance(found, Unreadable)
    assert "8 bits" in found.reason


def test_every_suffix_is_one_that_pillow_opens() -> None:
    Image.init()
    assert set(Image.registered_extensions()) >= SUFFIXES


def test_without_pillow_the_extra_is_named(
    tmp_path: Path, write_image: WriteImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_image("a.png")
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(ColonnadeError, match=r"pip install 'colonnade\[data\]'"):
        open_dataset(tmp_path)


def test_image_that_vanishes_is_an_error_not_a_skip(tmp_path: Path, write_image: WriteImage) -> None:
    write_image("a.png")
    data = open_dataset(tmp_path)
    (tmp_path / "a.png").unlink()
    with pytest.raises(ColonnadeError, match=r"a\.png: cannot be read: No such file"):
        list(read_batches(data, RGB_8, preprocess=PLAIN))
