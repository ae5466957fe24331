"""Images and labels in .npy and .npz files."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from colonnade.data import Preprocess, open_dataset, read_batches
from colonnade.errors import ColonnadeError

SHAPE = (3, 4, 6)
PLAIN = Preprocess(mean=(0.0,), std=(1.0 / 255,))  # gives the pixels themselves


def _floats(count: int = 7) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((count, *SHAPE), dtype=np.float32)


def _read(path: Path, shape: tuple[int, int, int] = SHAPE, preprocess: Preprocess | None = None) -> np.ndarray:
    return np.concatenate([b.x for b in read_batches(open_dataset(path), shape, preprocess=preprocess, batch=3)])


def test_floats_are_taken_as_they_are(tmp_path: Path) -> None:
    x = _floats()
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "stored.npz", x=x)
    np.savez_compressed(tmp_path / "packed.npz", y=np.arange(7), x=x)
    for name in ("x.npy", "stored.npz", "packed.npz"):
        np.testing.assert_array_equal(_read(tmp_path / name), x)
    labels = open_dataset(tmp_path / "packed.npz").labels
    assert labels is not None
    assert labels.tolist() == list(range(7))


def test_bytes_are_preprocessed(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 4, 6, 3), np.uint8)
    np.save(tmp_path / "rgb.npy", pixels)
    np.testing.assert_allclose(_read(tmp_path / "rgb.npy", SHAPE, PLAIN), pixels.transpose(0, 3, 1, 2), atol=1e-4)
    np.save(tmp_path / "grey.npy", pixels[..., 0])
    np.testing.assert_allclose(_read(tmp_path / "grey.npy", (1, 4, 6), PLAIN), pixels[:, None, :, :, 0], atol=1e-4)


@pytest.mark.parametrize(
    ("array", "preprocess", "words"),
    [
        (np.zeros((2, 3, 4, 5), np.float32), None, r"\[3, 4, 5\].*the model takes \[3, 4, 6\]"),
        (np.zeros((2, 3, 4, 6), np.uint8), PLAIN, r"\[6, 3, 4\].*the model takes \[3, 4, 6\]"),
        (np.zeros((2, 4, 6), np.uint8), PLAIN, r"\[1, 4, 6\]"),
        (np.zeros((2, *SHAPE), np.float32), PLAIN, "taken as it is"),
        (np.zeros((2, 4, 6, 3), np.uint8), None, "needs a preprocess"),
        (np.zeros((2, *SHAPE)), None, "float64"),
        (np.zeros((2, *SHAPE), ">f4"), None, ">f4"),
        (np.zeros(SHAPE, np.float32), None, r"float32 of shape \[3, 4, 6\]"),
        (np.zeros((0, *SHAPE), np.float32), None, "no images"),
        (np.asfortranarray(np.zeros((2, *SHAPE), np.float32)), None, "Fortran"),
        (np.array([{"a": 1}], dtype=object), None, "object"),
    ],
)
def test_arrays_that_do_not_fit(tmp_path: Path, array: np.ndarray, preprocess: Preprocess | None, words: str) -> None:
    path = tmp_path / "x.npy"
    np.save(path, array, allow_pickle=True)
    with pytest.raises(ColonnadeError, match=rf"x\.npy: .*{words}"):
        _read(path, SHAPE, preprocess)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_is_found_in_the_image_that_has_it(tmp_path: Path, value: float) -> None:
    x = _floats()
    x[4, 1, 2, 3] = value
    np.save(tmp_path / "x.npy", x)
    with pytest.raises(ColonnadeError, match=r"x\.npy: image 4 holds NaN or infinity"):
        _read(tmp_path / "x.npy")


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.99])
def test_cut_files(tmp_path: Path, suffix: str, share: float) -> None:
    whole, cut = tmp_path / f"whole{suffix}", tmp_path / f"cut{suffix}"
    if suffix == ".npy":
        np.save(whole, _floats())
    else:
        np.savez_compressed(whole, x=_floats(), y=np.zeros(7, int))
    content = whole.read_bytes()
    cut.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ColonnadeError, match=rf"cut\{suffix}: "):
        _read(cut)


def test_flipped_bytes_in_a_compressed_file(tmp_path: Path) -> None:
    """Whatever is damaged, it is our error or the images come out whole (the byte was not part of them)."""
    whole, damaged = tmp_path / "whole.npz", tmp_path / "damaged.npz"
    x = _floats()
    np.savez_compressed(whole, x=x)
    content = whole.read_bytes()
    messages = []
    for place in range(0, len(content), max(1, len(content) // 150)):
        changed = bytearray(content)
        changed[place] ^= 0x41
        damaged.write_bytes(changed)
        try:
            np.testing.assert_array_equal(_read(damaged), x)
        except ColonnadeError as error:
            messages.append(str(error))
    assert len(messages) > 100
    assert not any("\n" in message for message in messages)


def test_archive_without_the_array(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=_floats(), y=np.zeros(7, int))
    with pytest.raises(ColonnadeError, match=r"holds images, y; call the array of images 'x'"):
        open_dataset(tmp_path / "a.npz")
    (tmp_path / "b.npz").write_bytes(b"PK\x03\x04 no")
    with pytest.raises(ColonnadeError, match=r"b\.npz: not an array"):
        open_dataset(tmp_path / "b.npz")
    with pytest.raises(ColonnadeError, match="no such file"):
        open_dataset(tmp_path / "c.npz")


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """16 MB of images, compressed: reading takes less than 1 MB."""
    path = tmp_path / "many.npz"
    np.savez_compressed(path, x=np.zeros((4000, 64, 64), np.uint8))
    batches = read_batches(open_dataset(path), (1, 64, 64), preprocess=PLAIN, batch=8)
    tracemalloc.start()
    try:
        assert sum(len(batch.x) for batch in batches) == 4000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1 << 20
