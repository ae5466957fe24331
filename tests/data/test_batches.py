"""Batches: their sizes, their order, and images that are skipped."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colonnade.data import Preprocess, open_dataset, read_batches
from colonnade.errors import ColonnadeError

if TYPE_CHECKING:
    from tests.data.conftest import WriteImage

SHAPE = (1, 2, 2)
PLAIN = Preprocess(mean=(0.0,), std=(1.0 / 255,))


@pytest.fixture(scope="module")
def numbered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """150 images; all pixels of image i are i, and so is its label."""
    path = tmp_path_factory.mktemp("numbered") / "n.npz"
    numbers = np.arange(150)
    np.savez(path, x=np.broadcast_to(numbers[:, None, None], (150, 2, 2)).astype(np.uint8), y=numbers)
    return path


@settings(deadline=None)
@given(batch=st.integers(1, 200), count=st.integers(1, 160), seed=st.integers(0, 9))
def test_images_and_labels_in_order(numbered: Path, batch: int, count: int, seed: int) -> None:
    data = open_dataset(numbered).sample(count, seed)
    batches = list(read_batches(data, SHAPE, preprocess=PLAIN, batch=batch))
    assert [len(b.x) for b in batches[:-1]] == [batch] * (len(batches) - 1)
    x = np.concatenate([b.x for b in batches])
    labels = np.concatenate([b.labels for b in batches if b.labels is not None])
    np.testing.assert_array_equal(labels, data.indices)
    np.testing.assert_allclose(x[:, 0, 1, 1], data.indices, atol=1e-3)


@pytest.fixture
def labelled(tmp_path: Path, write_image: WriteImage) -> Path:
    """200 images in two class folders, of which cat/007.png is damaged."""
    for index in range(100):
        write_image(f"cat/{index:03}.png", seed=index)
        write_image(f"dog/{index:03}.png", seed=100 + index)
    (tmp_path / "cat" / "007.png").write_bytes(b"\x89PNG damaged")
    return tmp_path


def test_damaged_image_is_counted_and_its_label_goes_with_it(labelled: Path) -> None:
    batches = list(read_batches(open_dataset(labelled), (3, 8, 8), preprocess=PLAIN, batch=16))
    assert [len(batch.x) for batch in batches] == [15, *[16] * 11, 8]
    assert [(skipped.name, bool(skipped.reason)) for batch in batches for skipped in batch.skipped] == [
        ("cat/007.png", True)
    ]
    labels = np.concatenate([batch.labels for batch in batches if batch.labels is not None])
    assert np.bincount(labels).tolist() == [99, 100]


def test_more_than_one_per_cent_damaged(labelled: Path) -> None:
    for name in ("dog/000.png", "dog/001.png"):
        (labelled / name).write_bytes(b"")
    with pytest.raises(ColonnadeError, match=r"3 of 200 images cannot be read, .* 1%; dog/000\.png: ") as caught:
        list(read_batches(open_dataset(labelled), (3, 8, 8), preprocess=PLAIN, batch=16))
    assert "\n" not in str(caught.value)


def test_batch_of_none(numbered: Path) -> None:
    with pytest.raises(ColonnadeError, match="batch must be at least 1"):
        read_batches(open_dataset(numbered), SHAPE, preprocess=PLAIN, batch=0)
