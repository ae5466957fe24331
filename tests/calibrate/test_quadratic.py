"""The closed form against numpy's least squares, and the loss against what it stands for."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from colonnade.calibrate.moments import Moments
from colonnade.calibrate.quadratic import Quadratic

SEEDS = st.integers(0, 2**32 - 1)


def problem(seed: int, rows: int, columns: int, positions: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x [positions, K] of any mean, y [positions, rows], dense weights [rows, K]."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((positions, columns)) @ rng.standard_normal((columns, columns)) + rng.standard_normal(
        columns
    )
    weights = rng.standard_normal((rows, columns))
    return x, x @ weights.T + rng.standard_normal((positions, rows)) + rng.standard_normal(rows), weights


def moments(x: np.ndarray, y: np.ndarray, count: int = 10**15) -> Moments:
    """As if from `count` positions."""
    dx, dy = x - x.mean(axis=0), y - y.mean(axis=0)
    return Moments(
        count, x.mean(axis=0), y.mean(axis=0), dx.T @ dx / len(x), dy.T @ dx / len(x), np.square(dy).mean(axis=0)
    )


def with_noise(x: np.ndarray, y: np.ndarray, weights: np.ndarray, damping: float) -> tuple[np.ndarray, np.ndarray]:
    """Centred data and, below, one position per column that stands for the damping."""
    dx, dy = x - x.mean(axis=0), y - y.mean(axis=0)
    noise = np.sqrt(damping * dx.var(axis=0).mean() * len(x)) * np.eye(x.shape[1])
    return np.concatenate([dx, noise]), np.concatenate([dy, noise @ weights.T])


@settings(deadline=None, max_examples=60)
@given(seed=SEEDS, rows=st.integers(1, 5), columns=st.integers(1, 12), damping=st.sampled_from([1e-9, 1e-3, 0.1]))
def test_the_closed_form_is_numpys_least_squares(seed: int, rows: int, columns: int, damping: float) -> None:
    x, y, weights = problem(seed, rows, columns, positions=40)
    chosen = np.flatnonzero(np.random.default_rng(seed).random(columns) < 0.6)
    loss = Quadratic.of(moments(x, y), weights, damping)
    data, target = with_noise(x, y, weights, damping)
    expected = np.linalg.lstsq(data[:, chosen], target, rcond=None)[0].T
    assert np.allclose(loss.solve(chosen), expected, rtol=1e-4, atol=1e-6)


def test_with_a_free_bias_it_is_the_best_fit_of_the_data_as_they_are() -> None:
    x, y, weights = problem(7, 4, 9, positions=300)
    found = moments(x, y)
    chosen = np.array([0, 2, 3, 7])
    part = Quadratic.of(found, weights, 1e-12).solve(chosen)
    bias = found.mean_y - part @ found.mean_x[chosen]
    expected = np.linalg.lstsq(np.column_stack([x[:, chosen], np.ones(len(x))]), y, rcond=None)[0].T
    assert np.allclose(np.column_stack([part, bias]), expected, rtol=1e-6)


@settings(deadline=None, max_examples=30)
@given(seed=SEEDS)
def test_the_loss_is_the_mean_squared_error(seed: int) -> None:
    x, y, weights = problem(seed, 3, 6, positions=50)
    other = np.random.default_rng(seed + 1).standard_normal(weights.shape)
    data, target = with_noise(x, y, weights, 0.01)
    expected = np.square(data @ other.T - target).sum(axis=0) / len(x)
    assert np.allclose(Quadratic.of(moments(x, y), weights, 0.01).loss(other), expected)


def test_data_that_say_nothing_leave_the_weights_as_they_are() -> None:
    weights = np.arange(6.0).reshape(2, 3)
    still = Moments(100, np.ones(3), np.ones(2), np.zeros((3, 3)), np.zeros((2, 3)), np.zeros(2))
    assert np.allclose(Quadratic.of(still, weights, 0.01).solve(np.array([0, 2])), weights[:, [0, 2]], rtol=1e-12)


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 1e3), st.integers(1, 12))
def test_inputs_that_do_not_vary_can_be_solved(seed: int, level: float, columns: int) -> None:
    """Then covariances are rounding errors, which may be negative: a layer after a dead one, or blank images."""
    rng = np.random.default_rng(seed)
    weights, rounding = rng.standard_normal((2, columns)), 1e-16 * level**2 * rng.standard_normal((columns, columns))
    mean = np.full(columns, level)
    blank = Moments(100, mean, np.ones(2), rounding + rounding.T, 1e-16 * level * weights, np.zeros(2))
    solved = Quadratic.of(blank, weights, 0.01).solve(np.arange(columns))
    assert np.allclose(solved, weights, atol=1e-2)


def test_few_positions_damp_more() -> None:
    x, y, weights = problem(5, 2, 8, positions=40)
    few = Quadratic.of(moments(x, y, count=16), weights, 0.01)
    damped = Quadratic.of(moments(x, y), weights, 0.01 + 0.1 * 8 / 16)
    assert np.allclose(few.hessian, damped.hessian)
    assert np.allclose(few.target, damped.target)
    assert np.allclose(few.energy, damped.energy)


def test_inverse() -> None:
    x, y, weights = problem(3, 2, 20, positions=100)
    loss = Quadratic.of(moments(x, y), weights, 0.01)
    assert np.allclose(loss.inverse() @ loss.hessian, np.eye(20), atol=1e-8)
