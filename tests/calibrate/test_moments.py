"""Moments of a convolution's data, against the reference executor and numpy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from colonnade.calibrate import moments as module
from colonnade.calibrate.columns import im2col, output_size
from colonnade.calibrate.layer import new_weights
from colonnade.calibrate.moments import Data, Moments, collect, rectified
from colonnade.calibrate.site import Following
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
    assert y.shape[2:] == output_size(op, weights.shape[2:], x.shape[2:])
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


def data(op: Conv, weights: np.ndarray, dense: np.ndarray, pruned: np.ndarray, **more: Any) -> Data:
    """Data of a convolution that nothing follows, unless said otherwise."""
    rows = len(weights)
    plain = Data(op, weights, np.zeros(rows), Following(np.ones(rows), np.zeros(rows)), dense, pruned, None, 10**6, 0)
    return replace(plain, **more)


def residual(rows: int, *, rectified: bool = False) -> tuple[np.ndarray, Following]:
    """A bias and what follows, all different from nothing."""
    bias, gain, shift = (random(rows, seed=seed).astype(np.float64) for seed in (11, 12, 13))
    return bias, Following(gain + np.sign(gain), shift, "skip", rectified)


def check(moments: Moments, x: np.ndarray, y: np.ndarray) -> None:
    """Against numpy's covariance of x [positions, K] and y [positions, rows]."""
    both = np.cov(np.concatenate([x, y], axis=1).T.astype(np.float64), bias=True)
    columns = x.shape[1]
    assert np.allclose(moments.mean_x, x.mean(axis=0), atol=1e-5)
    assert np.allclose(moments.mean_y, y.mean(axis=0), atol=1e-4)
    assert np.allclose(moments.cov_xx, both[:columns, :columns], atol=1e-4)
    assert np.allclose(moments.cov_yx, both[columns:, :columns], rtol=1e-4, atol=1e-3)
    assert np.allclose(moments.var_y, np.diag(both)[columns:], rtol=1e-4)


@pytest.mark.parametrize(("op", "shape"), SHAPES)
@pytest.mark.parametrize("chunk", [2**24, 500])
def test_moments_of_all_positions(
    op: Conv, shape: tuple[int, ...], chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Y gives, with the skip of the pruned network, the dense network's z; then what is as good behind a rectifier."""
    monkeypatch.setattr(module, "_CHUNK", chunk)
    dense, pruned, weights = random(5, 4, 7, 8) + 3, random(5, 4, 7, 8, seed=2) - 2, random(*shape, seed=1)
    y = convolved(op, dense, weights)
    skips = tuple(random(*y.shape, seed=seed) for seed in (3, 4))
    bias, following = residual(len(weights), rectified=True)
    mapped = tuple(skip[..., np.newaxis] for skip in skips)
    given = data(op, weights, dense, pruned, bias=bias, following=following, skips=mapped)
    gain, shift, bias = (values[:, np.newaxis] for values in (following.gain, following.shift, bias))
    x = in_onnx_order(im2col(op, shape[2:], pruned, np.arange(y.shape[2])), shape)
    rows = shape[0] // op.groups

    def of_group(values: np.ndarray, group: int) -> np.ndarray:
        return values[:, group * rows : (group + 1) * rows].transpose(0, 2, 1).reshape(-1, rows)

    z = gain * (y + bias) + shift + skips[0]
    found = collect(given)
    assert len(found) == op.groups
    for group, moments in enumerate(found):
        check(moments, x[group], of_group((z - shift - skips[1]) / gain - bias, group))

    other, offset = random(op.groups, rows, weights[0].size, seed=6), random(len(weights), seed=7)
    now = convolved(op, pruned, other.reshape(shape)) + offset[:, np.newaxis]
    target = np.where(z > 0, z, np.minimum(gain * now + shift + skips[1], 0))
    for group, moments in enumerate(rectified(given, found, other, offset)):
        check(moments, x[group], of_group((target - shift - skips[1]) / gain - bias, group))


def test_a_channel_that_is_not_heard_makes_up_for_nothing() -> None:
    op, weights = Conv(), random(3, 4, 1, 1)
    x, skip = random(4, 4, 2, 2), random(4, 3, 2, 2, seed=1)
    following = Following(np.array([1.0, 1e-6, 0.0]), np.zeros(3), "skip")
    (with_skip,) = collect(data(op, weights, x, x, following=following, skips=(skip, skip + 1)))
    (without,) = collect(data(op, weights, x, x))
    assert np.allclose(with_skip.mean_y - without.mean_y, [-1, 0, 0], atol=1e-5)


def test_solving_again_lowers_the_error_behind_the_rectifier() -> None:
    op, weights, x = Conv(pads=(1, 1, 1, 1)), random(8, 4, 3, 3), random(20, 4, 7, 8)
    bias, following = residual(8, rectified=True)
    skip = random(20, 8, 7, 8, seed=3)
    given = data(op, weights, x, x, bias=bias, following=following, skips=(skip, skip))
    tiles = ((np.arange(8), np.arange(0, 36, 3)),)
    matrix = weights.reshape(8, -1)
    expected = behind(op, x, weights, bias, following, skip)
    moments = collect(given)
    errors = []
    for _ in range(4):
        new = new_weights(moments[0], matrix, tiles, 1e-6)
        result = behind(op, x, new.weights.reshape(weights.shape), bias + new.shift, following, skip)
        errors.append(float(np.square(result - expected).mean()))
        moments = rectified(given, moments, new.weights[np.newaxis], bias + new.shift)
    assert errors[1] < 0.95 * errors[0]
    assert errors == sorted(errors, reverse=True)


def behind(
    op: Conv, x: np.ndarray, weights: np.ndarray, bias: np.ndarray, following: Following, skip: np.ndarray
) -> np.ndarray:
    """max(z, 0): [N, Cout, positions]."""
    y = convolved(op, x, weights.astype(np.float32)) + bias[:, np.newaxis]
    z = following.gain[:, np.newaxis] * y + following.shift[:, np.newaxis] + skip.reshape(*skip.shape[:2], -1)
    return np.maximum(z, 0)


def test_a_sample_of_the_positions_is_the_same_for_the_same_seed() -> None:
    op, weights, x = Conv(), random(3, 4, 1, 1), random(40, 4, 9, 9)
    results = [collect(data(op, weights, x, x, positions=80, seed=seed))[0].cov_xx for seed in (1, 1, 2)]
    assert np.array_equal(results[0], results[1])
    assert not np.array_equal(results[0], results[2])
    assert np.allclose(results[0], np.eye(4), atol=0.6)


def test_values_that_are_not_finite_are_named() -> None:
    op, weights, x = Conv(), random(3, 4, 1, 1), random(40, 4, 9, 9)
    bad = x.copy()
    bad[33, 2, 1, 1] = np.inf
    with pytest.raises(ColonnadeError, match=r"^its input holds NaN or infinity for sample 33; check the model"):
        collect(data(op, weights, x, bad))
