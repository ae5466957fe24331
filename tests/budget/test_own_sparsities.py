"""Sparsities of single layers, by magnitude and with calibration."""

from __future__ import annotations

import numpy as np
import pytest
from digit_networks import Digits
from onnx import numpy_helper

import colonnade as package
from colonnade.errors import ColonnadeError
from colonnade.sparse.pattern import Level
from colonnade.sparse.recover import recover_tiles


@pytest.mark.parametrize("calibrated", [False, True])
def test_each_layer_has_its_own(digits: Digits, calibrated: bool) -> None:
    model, images = package.load(digits.deep), digits.x[:32] if calibrated else None
    found = package.prune(model, 0.25, own={"conv2": 0.75}, calibrate=images).report
    assert found is not None
    assert [(layer.name, layer.requested) for layer in found.layers] == [
        ("conv0", None),
        ("conv1", 0.25),
        ("conv2", 0.75),
    ]
    assert found.layers[2].achieved == pytest.approx(0.75, abs=0.01)
    untouched = package.prune(model, 0.25, own={"conv2": 0.0}, calibrate=images)
    assert untouched.report is not None
    assert untouched.report.layers[2].reason == "is to have sparsity 0"
    kept, before = (
        next(tensor for tensor in proto.graph.initializer if tensor.name == "kernel2").raw_data
        for proto in (untouched.proto, model.proto)
    )
    assert kept == before


@pytest.mark.parametrize("calibrated", [False, True])
def test_a_layer_may_have_a_tile_of_its_own(digits: Digits, calibrated: bool) -> None:
    images = digits.x[:32] if calibrated else None
    own = {"conv1": Level(0.5, tile=4), "conv2": Level(0.75)}
    found = package.prune(package.load(digits.deep), 0.25, tile=8, own=own, calibrate=images)
    assert found.report is not None
    assert [(layer.requested, layer.tile) for layer in found.report.pruned] == [(0.5, 4), (0.75, 8)]
    kernels = {tensor.name: numpy_helper.to_array(tensor) for tensor in found.proto.graph.initializer}
    for name, tile in (("kernel1", 4), ("kernel2", 8)):
        tiles = recover_tiles(kernels[name].reshape(len(kernels[name]), -1), tile)
        assert {len(one.rows) for one in tiles} == {tile}
        assert len({tuple(one.columns) for one in tiles}) == len(tiles)


def test_magnitude_masks_are_those_of_the_sparsity(digits: Digits) -> None:
    model = package.load(digits.deep)
    whole, own = package.prune(model, 0.5), package.prune(model, 0.0, own={"conv1": 0.5, "conv2": 0.5})
    assert list(own.proto.graph.initializer) == list(whole.proto.graph.initializer)


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ({"conv9": 0.5}, "no convolution is called 'conv9'"),
        ({"conv1": 1.0}, "sparsity is 1.0"),
        ({"conv1": Level(0.5, tile=0)}, "tile is 0"),
        ({"conv1": 0.0, "conv2": 0.0}, "2 x is to have sparsity 0"),
    ],
)
def test_sparsities_that_cannot_be(digits: Digits, own: dict[str, float | Level], words: str) -> None:
    for images in (None, digits.x[:32]):
        with pytest.raises(ColonnadeError, match=words):
            package.prune(package.load(digits.deep), 0.5, own=own, calibrate=images)


def test_columns_kept_follow_the_layer(digits: Digits) -> None:
    report = package.prune(package.load(digits.deep), 0.5, own={"conv1": 0.25}).report
    assert report is not None
    assert np.array([layer.kept_columns for layer in report.pruned]).tolist() == [54, 72]
