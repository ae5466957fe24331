"""Data sets: what is read, what is random, and how processes share an epoch."""

from __future__ import annotations

import gzip
import struct
from itertools import chain
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from colonnade.data.images import Unreadable
from colonnade.errors import ColonnadeError
from colonnade.train.datasets import (
    Augment,
    LabelledImages,
    batches,
    collate,
    evaluation_batches,
    fashion_mnist,
    open_datasets,
)
from colonnade.train.recipe import DataSection

IMAGES = {"train": 6, "t10k": 4}


def write_idx(path: Path, array: np.ndarray) -> None:
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    path.write_bytes(gzip.compress(header + array.astype(np.uint8).tobytes()))


@pytest.fixture
def fashion(tmp_path: Path) -> Path:
    """Files like Fashion-MNIST's, of a few images."""
    random = np.random.default_rng(0)
    for part, count in IMAGES.items():
        write_idx(tmp_path / f"{part}-images-idx3-ubyte.gz", random.integers(0, 256, (count, 28, 28)))
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte.gz", np.arange(count))
    return tmp_path


def write_pictures(folder: Path, classes: tuple[str, ...] = ("cat", "dog"), count: int = 3) -> Path:
    """train and val of small coloured pictures: each class has its own colour."""
    for part in ("train", "val"):
        for number, name in enumerate(classes):
            (folder / part / name).mkdir(parents=True)
            for index in range(count):
                pixels = np.full((20 + index, 24, 3), 60 + 90 * number, np.uint8)
                pixels[:, : 6 + index] = 255
                Image.fromarray(pixels).save(folder / part / name / f"{index}.png")
    return folder


def _image(images: LabelledImages, epoch: int, index: int) -> torch.Tensor:
    image, _ = images[epoch, index]
    assert isinstance(image, torch.Tensor)
    return image


def test_fashion_mnist_is_normalised_by_its_training_images(fashion: Path) -> None:
    train, test = fashion_mnist(fashion, Augment(), 0)
    assert (len(train), len(test), train.classes) == (6, 4, 6)
    pixels = torch.stack([_image(train, 0, index) for index in range(6)])
    assert pixels.shape == (6, 1, 28, 28)
    assert pixels.mean().item() == pytest.approx(0, abs=1e-5)
    assert pixels.std().item() == pytest.approx(1, abs=1e-3)
    assert test.statistics == train.statistics
    assert [test[0, index][1] for index in range(4)] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t10k-images-idx3-ubyte.gz", b"not gzip", "t10k-images-idx3-ubyte.gz: cannot be read as a gzipped IDX"),
        ("train-labels-idx1-ubyte.gz", gzip.compress(b"\0\0\x0d\1\0\0\0\1\0"), "its first bytes say otherwise"),
        ("train-labels-idx1-ubyte.gz", gzip.compress(b"\0\0\x08\1\0\0\0\2\0\0"), "labels [2], which do not match"),
        ("train-labels-idx1-ubyte.gz", gzip.compress(b"\0\0\x08\1\0\0\0\x09\0"), "cannot be read as a gzipped IDX"),
    ],
    ids=["not gzip", "of floats", "too few labels", "cut short"],
)
def test_damaged_files_are_named(fashion: Path, name: str, content: bytes, message: str) -> None:
    (fashion / name).write_bytes(content)
    with pytest.raises(ColonnadeError) as caught:
        fashion_mnist(fashion, Augment(), 0)
    assert message in str(caught.value)


def test_fashion_mnist_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ColonnadeError, match="apt-get install dataset-fashion-mnist"):
        open_datasets(DataSection(kind="fashion-mnist", path=tmp_path / "none"), tmp_path, 0)


def test_digits_split_without_overlap() -> None:
    train, test = open_datasets(DataSection(kind="digits"), Path(), 0)
    assert (len(train), len(test), train.classes) == (1437, 360, 10)
    assert not torch.equal(_image(train, 0, 0), _image(test, 0, 0))


def test_random_changes_follow_from_seed_epoch_and_index(fashion: Path) -> None:
    augment = Augment(shift=2, flip=True)
    (train, test), (again, _), (other, _) = (fashion_mnist(fashion, augment, seed) for seed in (1, 1, 2))
    assert torch.equal(_image(train, 3, 2), _image(again, 3, 2))
    epochs = [_image(train, epoch, 2) for epoch in range(8)]
    assert any(not torch.equal(epochs[0], image) for image in epochs)
    assert any(not torch.equal(epochs[epoch], _image(other, epoch, 2)) for epoch in range(8))
    assert torch.equal(_image(test, 0, 1), _image(test, 5, 1))


@given(st.integers(0, 3), st.booleans(), st.integers(0, 1000))
def test_a_shift_moves_and_a_flip_mirrors(shift: int, flip: bool, seed: int) -> None:
    """One bright pixel in the middle lands within the shift, and never gets lost."""
    image = torch.zeros(1, 9, 9)
    image[0, 4, 4] = 1
    changed = Augment(shift, flip).apply(image, np.random.default_rng(seed))
    assert changed.shape == image.shape
    (place,) = changed[0].nonzero().tolist()
    assert max(abs(coordinate - 4) for coordinate in place) <= shift
    assert changed.sum() == 1


@given(length=st.integers(1, 60), part=st.integers(1, 5), processes=st.integers(1, 3), epoch=st.integers(0, 3))
def test_processes_share_the_batches_of_one(length: int, part: int, processes: int, epoch: int) -> None:
    batch = part * processes
    whole = batches(length, batch, epoch=epoch, seed=5)
    parts = [
        batches(length, batch, epoch=epoch, seed=5, process=process, processes=processes)
        for process in range(processes)
    ]
    assert [list(chain(*keys)) for keys in zip(*parts, strict=True)] == whole
    indices = [index for keys in whole for _, index in keys]
    assert len(indices) == len(set(indices)) == length - length % batch
    tested = [
        index
        for process in range(processes)
        for keys in evaluation_batches(length, part, process=process, processes=processes)
        for _, index in keys
    ]
    assert sorted(tested) == list(range(length))


def test_the_order_differs_between_epochs() -> None:
    first, second = (batches(40, 40, epoch=epoch, seed=0)[0] for epoch in (0, 1))
    assert [index for _, index in first] != [index for _, index in second]
    assert {epoch for epoch, _ in second} == {1}


def test_a_folder_of_pictures(tmp_path: Path) -> None:
    write_pictures(tmp_path)
    section = DataSection(kind="folder", path=Path(tmp_path.name), size=16, flip=True)
    train, val = open_datasets(section, tmp_path.parent, 0)
    assert (len(train), len(val), val.classes) == (6, 6, 2)
    cuts = [_image(train, epoch, 0) for epoch in range(6)]
    assert all(cut.shape == (3, 16, 16) for cut in cuts)
    assert any(not torch.equal(cuts[0], cut) for cut in cuts)
    assert torch.equal(cuts[3], _image(train, 3, 0))
    assert torch.equal(_image(val, 0, 5), _image(val, 1, 5))
    red = (150 / 255 - 0.485) / 0.229
    assert _image(val, 0, 5)[0, 8, 15].item() == pytest.approx(red, abs=1e-4)


def test_unreadable_pictures_leave_their_batch(tmp_path: Path) -> None:
    write_pictures(tmp_path)
    (tmp_path / "train/dog/1.png").write_bytes(b"broken")
    train, _ = open_datasets(DataSection(kind="folder", path=tmp_path, size=16), tmp_path, 0)
    batch = collate([train[0, index] for index in range(6)])
    assert (batch.images.shape, batch.labels.tolist()) == ((5, 3, 16, 16), [0, 0, 0, 1, 1])
    assert len(batch.unreadable) == 1
    assert batch.unreadable[0].startswith(str(tmp_path / "train/dog/1.png"))
    assert isinstance(train[0, 4][0], Unreadable)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "val/bird").mkdir(), "bird: this class folder holds no images"),
        (lambda folder: (folder / "val/dog").rename(folder / "val/dgo"), "class 'dgo' is in val only"),
        (lambda folder: (folder / "val").rename(folder / "test"), "val: there is no such folder"),
    ],
)
def test_folders_that_do_not_match(tmp_path: Path, spoil: object, message: str) -> None:
    write_pictures(tmp_path)
    assert callable(spoil)
    spoil(tmp_path)
    with pytest.raises(ColonnadeError) as caught:
        open_datasets(DataSection(kind="folder", path=tmp_path), tmp_path, 0)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        (DataSection(kind="folder"), "data.path is missing"),
        (DataSection(kind="folder", path=Path("x"), shift=1), "data.shift"),
    ],
)
def test_sections_that_do_not_fit_a_folder(section: DataSection, message: str, tmp_path: Path) -> None:
    with pytest.raises(ColonnadeError, match=message):
        open_datasets(section, tmp_path, 0)


def test_held_out_images(fashion: Path) -> None:
    """The last of the training images as they are, normalised like the rest; the rest is as without."""
    whole, _ = open_datasets(DataSection(kind="fashion-mnist", path=fashion), Path(), 7)
    section = DataSection(kind="fashion-mnist", path=fashion, shift=2, flip=True, held_out=2)
    kept, held = open_datasets(section, Path(), 7)
    shifted, _ = open_datasets(section.model_copy(update={"held_out": 0}), Path(), 7)
    assert (len(kept), len(held)) == (4, 2)
    assert all(torch.equal(_image(kept, 1, index), _image(shifted, 1, index)) for index in range(4))
    assert all(torch.equal(_image(held, 1, index), _image(whole, 1, 4 + index)) for index in range(2))
    assert [held[0, index][1] for index in range(2)] == [4, 5]


@pytest.mark.parametrize(
    ("kind", "message"), [("fashion-mnist", "held_out is 6, but there are only 6"), ("folder", "folder's own, val")]
)
def test_what_cannot_be_held_out(kind: Literal["fashion-mnist", "folder"], message: str, fashion: Path) -> None:
    with pytest.raises(ColonnadeError, match=message):
        open_datasets(DataSection(kind=kind, path=fashion, held_out=6), Path(), 0)
