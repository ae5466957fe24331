"""Samples: deterministic, without repetition, each class with its share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colonnade.data import open_dataset
from colonnade.data.sampling import sample_indices
from colonnade.errors import ColonnadeError

seeds = st.integers(0, 2**32)


def _assert_sample(chosen: np.ndarray, total: int, count: int) -> None:
    assert len(chosen) == min(total, count)
    assert np.all(np.diff(chosen) > 0)
    assert chosen[0] >= 0
    assert chosen[-1] < total


@settings(deadline=None)
@given(total=st.integers(1, 400), count=st.integers(1, 500), seed=seeds)
def test_without_labels(total: int, count: int, seed: int) -> None:
    chosen = sample_indices(total, count, seed)
    _assert_sample(chosen, total, count)
    np.testing.assert_array_equal(chosen, sample_indices(total, count, seed))


@settings(deadline=None)
@given(labels=st.lists(st.integers(0, 12), min_size=1, max_size=300), count=st.integers(1, 320), seed=seeds)
def test_classes_in_proportion(labels: list[int], count: int, seed: int) -> None:
    y = np.array(labels)
    chosen = sample_indices(len(y), count, seed, y)
    _assert_sample(chosen, len(y), count)
    np.testing.assert_array_equal(chosen, sample_indices(len(y), count, seed, y))
    for label in set(labels):
        share = min(count, len(y)) * np.count_nonzero(y == label) / len(y)
        assert abs(np.count_nonzero(y[chosen] == label) - share) < 1


def test_seeds_differ() -> None:
    assert any((sample_indices(1000, 50, 0) != sample_indices(1000, 50, seed)).any() for seed in range(1, 4))


def test_sample_of_a_sample_keeps_labels_with_images(tmp_path: Path) -> None:
    y = np.random.default_rng(0).integers(0, 5, 200)
    np.savez(tmp_path / "d.npz", x=np.zeros((200, 1, 1, 1), np.float32), y=y)
    data = open_dataset(tmp_path / "d.npz").sample(100, seed=1).sample(30, seed=2)
    assert data.labels is not None
    assert len(data) == 30
    np.testing.assert_array_equal(data.labels, y[data.indices])


@pytest.mark.parametrize(("count", "seed", "words"), [(0, 0, "at least 1"), (5, -1, "seed -1")])
def test_numbers_out_of_range(tmp_path: Path, count: int, seed: int, words: str) -> None:
    np.save(tmp_path / "x.npy", np.zeros((2, 1, 1, 1), np.float32))
    with pytest.raises(ColonnadeError, match=words):
        open_dataset(tmp_path / "x.npy").sample(count, seed)
