"""New weights for one group of a convolution: tiles, their columns, the weights on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from colonnade.calibrate.cluster import clustered, consecutive
from colonnade.calibrate.moments import Moments
from colonnade.calibrate.quadratic import Quadratic
from colonnade.calibrate.select import eliminate
from colonnade.calibrate.settings import Calibration
from colonnade.sparse.pattern import Pattern, mask_of_scores

Tiles = tuple[tuple[np.ndarray, np.ndarray], ...]  # rows and columns that each keeps, ascending i64


@dataclass(frozen=True)
class NewWeights:
    """Of one group. weights: f64 [rows, K]; shift: what to add to the bias, [rows]; error: mean squared error of the
    output on the samples, [rows]."""

    weights: np.ndarray
    shift: np.ndarray
    error: np.ndarray


def choose_tiles(moments: Moments, weights: np.ndarray, pattern: Pattern, settings: Calibration) -> Tiles:
    """Rows and columns of each tile of one group, for dense weights [rows, K]."""
    if settings.method == "obs":
        return _choose_by_loss(Quadratic.of(moments, weights, settings.damping), pattern, settings.cluster)
    importance = np.abs(weights, dtype=np.float64)
    if settings.method == "activation":
        importance = importance * np.sqrt(np.diag(moments.cov_xx) + moments.mean_x**2)
    tiles = clustered(importance, pattern) if settings.cluster else consecutive(len(weights), pattern.tile)
    masks = mask_of_scores(np.stack([importance[rows].sum(axis=0) for rows in tiles]), pattern)
    return tuple((rows, np.flatnonzero(mask)) for rows, mask in zip(tiles, masks, strict=True))


def new_weights(moments: Moments, weights: np.ndarray, tiles: Tiles, damping: float) -> NewWeights:
    """The weights and the bias of least loss on the columns chosen, in place of dense weights [rows, K]."""
    loss = Quadratic.of(moments, weights, damping)
    result = np.zeros(weights.shape)
    for rows, columns in tiles:
        result[np.ix_(rows, columns)] = loss.rows(rows).solve(columns)
    error = moments.var_y + ((result @ moments.cov_xx - 2 * moments.cov_yx) * result).sum(axis=1)
    return NewWeights(result, moments.mean_y - result @ moments.mean_x, error)


def _choose_by_loss(loss: Quadratic, pattern: Pattern, cluster: bool) -> Tiles:
    inverse = loss.inverse()
    free = loss.target @ inverse  # the weights of least loss with all columns
    importance = np.square(free) / np.diag(inverse)
    tiles = clustered(importance, pattern) if cluster else consecutive(len(free), pattern.tile)
    return tuple((rows, eliminate(inverse, free[rows], pattern)) for rows in tiles)
