"""Patterns of zeros in the weights of convolutions."""

from __future__ import annotations

import numpy as np

PATTERNS = ("none", "columns of 8", "unstructured", "zero rows", "all zero", "input channels", "one weight")


def with_zeros(weights: np.ndarray, pattern: str, seed: int) -> np.ndarray:
    """Weights [Cout, Cin/groups, kh, kw] with the zeros of `pattern`."""
    rng = np.random.default_rng(seed)
    matrix = weights.reshape(len(weights), -1).copy()
    match pattern:
        case "columns of 8":
            for first in range(0, len(matrix), 8):
                matrix[first : first + 8, rng.random(matrix.shape[1]) < 0.5] = 0
        case "unstructured":
            matrix[rng.random(matrix.shape) < 0.7] = 0
        case "zero rows":
            matrix[rng.random(len(matrix)) < 0.5] = 0
        case "all zero":
            matrix[:] = 0
        case "one weight":
            kept = matrix[-1, -1]
            matrix[:] = 0
            matrix[-1, -1] = kept
    zeroed = matrix.reshape(weights.shape)
    if pattern == "input channels":
        zeroed[:, rng.random(weights.shape[1]) < 0.5] = 0
    return zeroed
