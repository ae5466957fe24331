"""Errors of single layers, against networks that are pruned, compiled and run the usual way."""

from __future__ import annotations

import numpy as np
import pytest
from digit_networks import Digits, answers

import colonnade as package
from colonnade.budget.sensitivity import output_errors, relative_error
from colonnade.errors import ColonnadeError


def test_errors_are_those_of_networks_pruned_in_one_layer(
    digits: Digits, tmp_path_factory: pytest.TempPathFactory
) -> None:
    model = package.load(digits.deep)
    levels, layers, images = (0.5, 0.75), ("conv1", "conv2"), digits.x[:40]
    pruned = [package.prune(model, level).proto for level in levels]
    found = output_errors(model.proto, pruned, layers, images)
    dense, folder = answers(digits.deep, images), tmp_path_factory.mktemp("single")
    for row, layer in enumerate(layers):
        (other,) = set(layers) - {layer}
        for column, level in enumerate(levels):
            package.prune(model, level, skip=[other]).save(folder / "one.onnx")
            expected = relative_error(answers(folder / "one.onnx", images), dense)
            assert found[row, column] == pytest.approx(expected, rel=1e-3)
    assert np.all(found > 0)


def test_relative_error_of_scores_that_tell_nothing_is_one() -> None:
    dense = np.random.default_rng(0).standard_normal((50, 10))
    assert relative_error(dense, dense) == 0
    assert relative_error(np.broadcast_to(dense.mean(0), dense.shape), dense) == pytest.approx(1)
    assert relative_error(dense + 3 * dense.std(), dense) > 1


def test_images_that_all_look_alike(digits: Digits) -> None:
    model = package.load(digits.deep)
    with pytest.raises(ColonnadeError, match="gives all 3 images the same scores"):
        output_errors(model.proto, [package.prune(model, 0.5).proto], ["conv1"], np.ones((3, 1, 8, 8), np.float32))
