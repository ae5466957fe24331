"""Moments of a convolution's data, against the reference executor and numpy."""

from __future__ import annotations

import numpy as np
import pytest

from colonnade.calibrate import moments as module
from colonnade.calibrate.moments import Data, collect, im2col
from colonnade.errors import ColonnadeError
from colonnade.graph.ir import Conv
from colonnade.graph.reference import conv2d

SHAPES = [
    (Conv(pads=(1, 1, 1, 1)), (6, 4, 3, 3)),
    (Conv(strides=(2, 1), pads=(0, 2, 1, 0), dilations=(1, 2)), (5, 4, 2, 3)),
    (Conv(groups=2), (6, 2, 1, 1)),
    (Conv(strides=(3, 2), groups=4), (8, 1, 3, 2)),
]


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def convolved(op: Conv, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """[N, Cout, Ho * Wo], by the reference executor."""
    y = conv2d(x, weights, np.zeros(len(weights), np.float32), op)
    assert y.shape[2:] == module.output_size(op, weights.shape[2:], x.shape[2:])
    return y.reshape(len(x), len(weights), -1)


def in_onnx_order(columns: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """From kh, kw, Cin/groups to Cin/groups, kh, kw."""
    return np.moveaxis(columns.reshape(*columns.shape[:2], *shape[2:], shape[1]), -1, 2).reshape(columns.shape)


@pytest.mark.parametrize(("op", "shape"), SHAPES)
def test_im2col_times_weights_is_the_convolution(op: Conv, shape: tuple[int, ...]) -> None:
    x, weights = random(3, 4, 7, 8), random(*shape, seed=1)
    expected = convolved(op, x, weights)
    positions = np.arange(0, expected.shape[2], 2)
    columns = in_onnx_order(im2col(op, shape[2:], x, positions), shape)
    found = columns @ weights.reshape(op.groups, shape[0] // op.groups, -1).transpose(0, 2, 1)
    found = found.reshape(op.groups, 3, len(positions), -1).transpose(1, 0, 3, 2).reshape(3, shape[0], -1)
    assert np.allclose(found, expected[:, :, positions], atol=1e-5)


@pytest.mark.parametrize(("op", "shape"), SHAPES)
@pytest.mark.parametrize("chunk", [2**24, 500])
def test_moments_of_all_positions(
    op: Conv, shape: tuple[int, ...], chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CHUNK", chunk)
    dense, pruned, weights = random(5, 4, 7, 8) + 3, random(5, 4, 7, 8, seed=2) - 2, random(*shape, seed=1)
    skips, gain = (
        (random(5, *convolved(op, dense, weights).shape[1:], seed=s) for s in (3, 4)),
        random(shape[0], seed=5),
    )
    before, after = (skip[..., np.newaxis] for skip in skips)
    found = collect(op, weights, Data(dense, pruned, before, after, gain), positions=10**6, seed=0)
    assert len(found) == op.groups
    y = convolved(op, dense, weights) + ((before - after)[..., 0] / gain[:, np.newaxis])
    x = in_onnx_order(im2col(op, shape[2:], pruned, np.arange(y.shape[2])), shape)
    rows = shape[0] // op.groups
    for group, moments in enumerate(found):
        part = y[:, group * rows : (group + 1) * rows].transpose(0, 2, 1).reshape(-1, rows).astype(np.float64)
        both = np.cov(np.concatenate([x[group], part], axis=1).T.astype(np.float64), bias=True)
        columns = x.shape[2]
        assert np.allclose(moments.mean_x, x[group].mean(axis=0), atol=1e-5)
        assert np.allclose(moments.mean_y, part.mean(axis=0), atol=1e-4)
        assert np.allclose(moments.cov_xx, both[:columns, :columns], atol=1e-4)
        assert np.allclose(moments.cov_yx, both[columns:, :columns], rtol=1e-4, atol=1e-3)
        assert np.allclose(moments.var_y, np.diag(both)[columns:], rtol=1e-4)


def test_a_channel_that_is_not_heard_makes_up_for_nothing() -> None:
    op, weights = Conv(), random(3, 4, 1, 1)
    x, skip = random(4, 4, 2, 2), random(4, 3, 2, 2, seed=1)
    gain = np.array([1.0, 1e-6, 0.0])
    (with_skip,) = collect(op, weights, Data(x, x, skip, skip + 1, gain), 100, 0)
    (without,) = collect(op, weights, Data(x, x), 100, 0)
    assert np.allclose(with_skip.mean_y - without.mean_y, [-1, 0, 0], atol=1e-5)


def test_a_sample_of_the_positions_is_the_same_for_the_same_seed() -> None:
    op, weights, x = Conv(), random(3, 4, 1, 1), random(40, 4, 9, 9)
    results = [collect(op, weights, Data(x, x), 80, seed)[0].cov_xx for seed in (1, 1, 2)]
    assert np.array_equal(results[0], results[1])
    assert not np.array_equal(results[0], results[2])
    assert np.allclose(results[0], np.eye(4), atol=0.6)


def test_values_that_are_not_finite_are_named() -> None:
    op, weights, x = Conv(), random(3, 4, 1, 1), random(40, 4, 9, 9)
    bad = x.copy()
    bad[33, 2, 1, 1] = np.inf
    with pytest.raises(ColonnadeError, match=r"^its input holds NaN or infinity for sample 33; check the model"):
        collect(op, weights, Data(x, bad), 80, 0)
