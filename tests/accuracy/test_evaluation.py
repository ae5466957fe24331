"""Counting on real digits, beside ONNX Runtime's answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from digit_networks import Digits, answers, write_network
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from onnx import helper
from PIL import Image

import colonnade as package
from colonnade.accuracy.evaluation import rank_of
from colonnade.errors import ColonnadeError


@pytest.mark.parametrize("batch", [None, 64])
def test_top1_and_top5_are_onnxruntimes(digits: Digits, batch: int | None) -> None:
    (found,) = package.evaluate(digits.good, digits.data, batch=batch).models
    order = np.argsort(-answers(digits.good, digits.x), axis=1)
    assert found.top1 is not None
    assert found.top5 is not None
    assert found.top1.count == np.count_nonzero(order[:, 0] == digits.y)
    assert found.top5.count == np.count_nonzero((order[:, :5] == digits.y[:, np.newaxis]).any(1))
    assert found.top1.total == found.top5.total == len(digits.y)
    assert found.top1.value > 0.95  # it did learn to read
    assert found.images_per_second == pytest.approx((batch or 1) / found.ms * 1e3)


def test_two_models(digits: Digits) -> None:
    found = package.evaluate(digits.good, digits.data, against=package.load(digits.weak), batch=8)
    good, weak = (answers(path, digits.x).argmax(1) for path in (digits.good, digits.weak))
    comparison = found.comparison
    assert comparison is not None
    assert comparison.agreement.count == np.count_nonzero(good == weak)
    assert comparison.only_first == np.count_nonzero((good == digits.y) & (weak != digits.y))
    assert comparison.only_second == np.count_nonzero((good != digits.y) & (weak == digits.y))
    first, second = (model.top1 for model in found.models)
    assert first is not None
    assert second is not None
    assert comparison.difference is not None
    assert comparison.difference.value == pytest.approx(first.value - second.value)
    assert comparison.difference.low > 0
    assert comparison.p_value is not None
    assert comparison.p_value < 1e-6


def test_a_model_against_itself_compiled(digits: Digits, tmp_path: Path) -> None:
    """Batches of 1 and of 7 side by side, the last one padded."""
    package.compile(digits.good, plan="default", batch=7).save(tmp_path / "good.colonnade")
    found = package.evaluate(digits.good, digits.data, against=tmp_path / "good.colonnade")
    assert [model.batch for model in found.models] == [1, 7]
    assert found.comparison is not None
    assert found.comparison.agreement.value == 1
    assert found.comparison.p_value == 1


def test_without_labels_two_models_can_agree(digits: Digits, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", digits.x)
    with pytest.raises(ColonnadeError, match=r"x\.npy: has no labels.*a second model"):
        package.evaluate(digits.good, tmp_path / "x.npy")
    found = package.evaluate(digits.good, tmp_path / "x.npy", against=digits.weak)
    assert [model.top1 for model in found.models] == [None, None]
    assert found.comparison is not None
    assert found.comparison.difference is None
    np.save(tmp_path / "y.npy", digits.y)
    found = package.evaluate(digits.good, tmp_path / "x.npy", labels=tmp_path / "y.npy")
    assert found.models[0].top1 == package.evaluate(digits.good, digits.data).models[0].top1


def test_samples_are_those_of_the_seed(digits: Digits) -> None:
    runs = [package.evaluate(digits.weak, digits.data, samples=100, seed=seed).models[0].top1 for seed in (3, 3, 4, 5)]
    assert all(run is not None and run.total == 100 for run in runs)
    assert runs[0] == runs[1]
    assert len(set(runs)) > 1


@pytest.fixture
def folders(digits: Digits, tmp_path: Path) -> Path:
    """The first 300 test images as class folders of PNG files, one of them damaged."""
    folder = tmp_path / "digits"
    for index in range(300):
        path = folder / str(digits.y[index]) / f"{index:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.rint(digits.x[index, 0] * 255).astype(np.uint8)).save(path)
    (folder / str(digits.y[7]) / "007.png").write_bytes(b"no image")
    return folder


def test_class_folders_with_a_damaged_image(digits: Digits, folders: Path) -> None:
    found = package.evaluate(digits.good, folders, preprocess="size=8", batch=16)
    assert (found.images, [skipped.name for skipped in found.skipped]) == (299, [f"{digits.y[7]}/007.png"])
    kept = [index for index in range(300) if index != 7]
    x = (np.rint(digits.x[kept] * 255) / 255).astype(np.float32)
    top1 = found.models[0].top1
    assert top1 is not None
    assert (top1.count, top1.total) == (
        np.count_nonzero(answers(digits.good, x).argmax(1) == digits.y[kept]),
        299,
    )


def test_data_and_models_that_do_not_fit(digits: Digits, folders: Path, tmp_path: Path) -> None:
    with pytest.raises(ColonnadeError, match="need a preprocess"):
        package.evaluate(digits.good, folders)
    (folders / "9a").mkdir()
    (folders / "9a" / "x.png").touch()
    with pytest.raises(ColonnadeError, match="11 class folders, but the model has 10 classes"):
        package.evaluate(digits.good, folders, preprocess="size=8")
    np.savez(tmp_path / "small.npz", x=np.zeros((2, 1, 7, 8), np.float32), y=np.zeros(2, int))
    with pytest.raises(ColonnadeError, match=r"\[1, 7, 8\].*the model takes \[1, 8, 8\]"):
        package.evaluate(digits.good, tmp_path / "small.npz")
    nodes = [helper.make_node("Flatten", ["image"], ["f"]), helper.make_node("MatMul", ["f", "w"], ["out"])]
    write_network(tmp_path / "four.onnx", nodes, {"w": np.ones((64, 4), np.float32)}, "out", 4)
    with pytest.raises(ColonnadeError, match=r"10 classes, but .*four\.onnx takes \[1, 8, 8\] and has 4; they cannot"):
        package.evaluate(digits.good, digits.data, against=tmp_path / "four.onnx")
    with pytest.raises(ColonnadeError, match=r"label \d, but the model has 4 classes, 0 to 3"):
        package.evaluate(tmp_path / "four.onnx", digits.data)
    np.savez(tmp_path / "few.npz", x=digits.x[:3], y=np.array([3, 1, 0]))
    (few,) = package.evaluate(tmp_path / "four.onnx", tmp_path / "few.npz").models
    assert few.top1 is not None
    assert few.top1.count == 1  # all scores are equal: the lowest class is chosen
    assert few.top5 is None


@settings(deadline=None)
@given(st.data())
def test_rank_is_the_place_in_a_stable_sort(data: st.DataObject) -> None:
    shape = data.draw(st.tuples(st.integers(1, 6), st.integers(2, 8)))
    scores = data.draw(hnp.arrays(np.float32, shape, elements=st.integers(-3, 3).map(float)))
    labels = data.draw(hnp.arrays(np.int64, shape[0], elements=st.integers(0, shape[1] - 1)))
    order = np.argsort(-scores, axis=1, kind="stable")
    expected = [list(row).index(label) for row, label in zip(order, labels, strict=True)]
    assert rank_of(labels, scores).tolist() == expected
    np.testing.assert_array_equal(rank_of(labels, scores) == 0, scores.argmax(1) == labels)
