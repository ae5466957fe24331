"""Models as classifiers: what they are opened from, batches that do not divide the images, and models that are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from digit_networks import Digits, answers, write_network
from onnx import helper

import colonnade as package
from colonnade.accuracy.classifier import open_classifier
from colonnade.errors import ColonnadeError


@pytest.mark.parametrize("batch", [1, 7, 64])
@pytest.mark.parametrize("count", [0, 1, 7, 20])
def test_any_number_of_images(digits: Digits, batch: int, count: int) -> None:
    classifier = open_classifier(digits.good, batch=batch)
    scores, seconds = classifier.scores(digits.x[:count])
    assert (classifier.batch, classifier.shape, classifier.classes) == (batch, (1, 8, 8), 10)
    assert len(seconds) == -(-count // batch)
    np.testing.assert_allclose(scores, answers(digits.good, digits.x[:20])[:count], atol=1e-5)


def test_one_model_in_four_forms(digits: Digits, tmp_path: Path) -> None:
    loaded = package.load(digits.good)
    compiled = package.compile(loaded, plan="default", batch=4, input_size=8)
    compiled.save(tmp_path / "good.colonnade")
    sources = (digits.good, str(tmp_path / "good.colonnade"), loaded.proto, compiled)
    scores = [open_classifier(source).scores(digits.x[:9])[0] for source in sources]
    for other in scores[1:]:
        np.testing.assert_allclose(other, scores[0], atol=1e-5)


def test_compiled_model_is_fixed(digits: Digits) -> None:
    compiled = package.compile(digits.good, plan="default", batch=4)
    open_classifier(compiled, batch=4, input_size=8)
    with pytest.raises(ColonnadeError, match="net: was compiled for batches of 4, not 8; leave the batch out"):
        open_classifier(compiled, name="net", batch=8)
    with pytest.raises(ColonnadeError, match=r"net: was compiled for inputs \[4, 1, 8, 8\]"):
        open_classifier(compiled, name="net", input_size=16)


@pytest.mark.parametrize(
    ("node", "words"),
    [
        (helper.make_node("Relu", ["image"], ["out"]), r"out \[1, 1, 8, 8\]"),
        (helper.make_node("GlobalAveragePool", ["image"], ["out"]), r"out \[1, 1, 1, 1\]"),
    ],
)
def test_networks_that_choose_no_class(tmp_path: Path, node: object, words: str) -> None:
    write_network(tmp_path / "net.onnx", [node], {}, "out", None)
    with pytest.raises(ColonnadeError, match=rf"net\.onnx: a classifier has one output \[1, classes\].*{words}"):
        open_classifier(tmp_path / "net.onnx")


def test_scores_over_a_plane_of_one_pixel(tmp_path: Path) -> None:
    """SqueezeNet and others end in [N, classes, 1, 1]."""
    weights = np.random.default_rng(0).standard_normal((5, 1, 8, 8), dtype=np.float32)
    write_network(
        tmp_path / "net.onnx", [helper.make_node("Conv", ["image", "w"], ["out"])], {"w": weights}, "out", None
    )
    x = np.random.default_rng(1).standard_normal((3, 1, 8, 8), dtype=np.float32)
    scores, _ = open_classifier(tmp_path / "net.onnx").scores(x)
    np.testing.assert_allclose(scores, np.einsum("nchw,kchw->nk", x, weights), rtol=1e-4, atol=1e-4)


def test_scores_that_are_no_numbers(tmp_path: Path) -> None:
    weights = np.full((64, 10), np.float32(3e38))
    nodes = [helper.make_node("Flatten", ["image"], ["f"]), helper.make_node("MatMul", ["f", "w"], ["out"])]
    write_network(tmp_path / "net.onnx", nodes, {"w": weights}, "out", 10)
    with pytest.raises(ColonnadeError, match=r"net\.onnx: its output holds NaN or infinity"):
        open_classifier(tmp_path / "net.onnx").scores(np.ones((1, 1, 8, 8), np.float32))
