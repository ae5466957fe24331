"""Labels from files, and what can be wrong with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from colonnade.data import open_dataset
from colonnade.data.labels import checked_labels, read_labels
from colonnade.errors import ColonnadeError

NAMES = ("a.png", "b c.png", "d.png")


@pytest.mark.parametrize(
    "text",
    ["2\n0\n1\n", "2\n0\n1", "b c.png 0\nd.png 1\na.png 2\n", "a.png,2\nb c.png, 0\nd.png\t1\n\n"],
)
def test_text(tmp_path: Path, text: str) -> None:
    (tmp_path / "labels.txt").write_text(text)
    assert read_labels(tmp_path / "labels.txt", NAMES, 3).tolist() == [2, 0, 1]


def test_name_with_a_comma(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("a,b.png 1\nc.png,0\n")
    assert read_labels(tmp_path / "labels.csv", ("a,b.png", "c.png"), 2).tolist() == [1, 0]


def test_array(tmp_path: Path) -> None:
    np.save(tmp_path / "y.npy", np.array([2, 0, 1], np.uint8))
    assert read_labels(tmp_path / "y.npy", NAMES, 3).tolist() == [2, 0, 1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no labels"),
        ("1\n2\n", "2 labels for 3 images"),
        ("1\n2\n-3\n", r"line 3: '-3' is not a class index"),
        ("1\ncat\n2\n", r"line 2: 'cat' is not a class index"),
        ("1\n\n2\n", "line 2"),
        ("a.png 1\n2\nd.png 3\n", "line 2 has no name"),
        ("a.png 1\na.png 2\nd.png 3\n", "line 2 names an image again"),
        ("a.png 1\nd.png 3\n", r"no label for b c\.png \(1 of 3"),
        ("a.png 1\nb c.png 1\nd.png 3\ne.png 1\n", r"labels e\.png"),
    ],
)
def test_text_that_does_not_match(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "labels.txt").write_text(text)
    with pytest.raises(ColonnadeError, match=rf"labels\.txt: .*{words}"):
        read_labels(tmp_path / "labels.txt", NAMES, 3)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.zeros(3), "float64"),
        (np.zeros((3, 1), int), r"\[3, 1\]"),
        (np.zeros(4, int), "4 labels for 3 images"),
        (np.array([0, 1, -1]), "image 2 has label -1"),
    ],
)
def test_vectors_that_are_no_labels(labels: np.ndarray, words: str) -> None:
    with pytest.raises(ColonnadeError, match=words):
        checked_labels(labels, 3, "y.npy")


def test_files_that_are_no_labels(tmp_path: Path) -> None:
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ColonnadeError, match="neither text nor"):
        read_labels(tmp_path / "bytes.txt", NAMES, 3)
    np.savez(tmp_path / "x.npz", x=np.zeros(3, int))
    (tmp_path / "x.npz").rename(tmp_path / "y.npy")
    with pytest.raises(ColonnadeError, match="holds no array 'y'"):
        read_labels(tmp_path / "y.npy", NAMES, 3)
    with pytest.raises(ColonnadeError, match="no such file"):
        read_labels(tmp_path / "nowhere.txt", NAMES, 3)


def test_labels_beside_an_array(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((3, 1, 2, 2), np.float32))
    np.save(tmp_path / "y.npy", np.array([2, 0, 7]))
    data = open_dataset(tmp_path / "x.npy", tmp_path / "y.npy")
    data.check_classes(8)
    with pytest.raises(ColonnadeError, match=r"image 2 has label 7, but the model has 7 classes, 0 to 6"):
        data.check_classes(7)
    np.savez(tmp_path / "xy.npz", x=np.zeros((3, 1, 2, 2), np.float32), y=np.zeros(3, int))
    with pytest.raises(ColonnadeError, match="has labels already"):
        open_dataset(tmp_path / "xy.npz", tmp_path / "y.npy")
