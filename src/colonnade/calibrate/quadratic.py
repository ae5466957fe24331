"""The squared error that a convolution's new weights cause, as a function of the weights alone.

With covariances of the data (`moments.py`) the mean squared error of rows V against the dense network's output, under
the best bias, is

    loss(V) = diag(V H V' - 2 V G' ) + energy,    H = cov(X) + d I,  G = cov(Y, X) + d W,  energy = var(Y) + d |W|^2

The damping d stands for independent noise on the inputs, of which the dense weights W make their part of the target:
where the data do not say what a weight should be, it stays near W.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from colonnade.calibrate.moments import Moments

# Times columns per position: covariances of few positions fit these and no others. Measured with MobileNet-V2 at
# 64 x 64 on 64 images, without residual make-up: the error on other images falls from 0.68 to 0.49 of the variance.
# With the usual numbers it hardly changes the damping.
_FEW_POSITIONS = 0.1

_ROUNDING = 1e-9  # of a mean square: a smaller variance than this share of it is rounding


@dataclass(frozen=True)
class Quadratic:
    """hessian [K, K] (H), target [rows, K] (G), energy [rows]: the loss at V = 0."""

    hessian: np.ndarray
    target: np.ndarray
    energy: np.ndarray

    @classmethod
    def of(cls, moments: Moments, weights: np.ndarray, damping: float) -> Quadratic:
        """Of dense weights [rows, K]. The noise has `damping` times the mean variance of the inputs, and more where
        there are few positions for the number of columns."""
        share = damping + _FEW_POSITIONS * len(moments.mean_x) / moments.count
        variance = float(np.mean(np.diag(moments.cov_xx)))
        # Of inputs that do not vary (a dead layer, blank images) the covariances are rounding errors, of any sign.
        least = _ROUNDING * float(np.mean(np.square(moments.mean_x)))
        noise = share * max(variance, least) or 1.0
        hessian = moments.cov_xx.copy()
        hessian[np.diag_indices_from(hessian)] += noise
        return cls(
            hessian,
            moments.cov_yx + noise * weights,
            moments.var_y + noise * np.square(weights, dtype=np.float64).sum(axis=1),
        )

    def loss(self, weights: np.ndarray) -> np.ndarray:
        """Of each row: [rows] for weights [rows, K]."""
        result: np.ndarray = self.energy + ((weights @ self.hessian - 2 * self.target) * weights).sum(axis=1)
        return result

    def solve(self, columns: np.ndarray) -> np.ndarray:
        """The weights on `columns` alone that have the least loss, for all rows: [rows, len(columns)]."""
        factor = linalg.cho_factor(self.hessian[np.ix_(columns, columns)], lower=True, check_finite=False)
        solution: np.ndarray = linalg.cho_solve(factor, self.target[:, columns].T, check_finite=False).T
        return solution

    def rows(self, rows: np.ndarray) -> Quadratic:
        """The same for some rows only."""
        return Quadratic(self.hessian, self.target[rows], self.energy[rows])

    def inverse(self) -> np.ndarray:
        """H^-1 [K, K]."""
        factor, _ = linalg.cho_factor(self.hessian, lower=True, check_finite=False)
        lower, _ = linalg.lapack.dpotri(factor, lower=True, overwrite_c=True)
        lower = np.tril(lower)
        result: np.ndarray = lower + np.tril(lower, -1).T
        return result
