"""Matrix products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from colonnade.graph.activations import IDENTITY, Activation
from colonnade.graph.operators.activation import activate
from colonnade.graph.operators.base import ImagewiseOperator, Operator


@dataclass(frozen=True)
class Dense(ImagewiseOperator):
    """y = act(x @ w.T + b). Inputs: x [N,K], w [O,K] (constant), b [O] (constant)."""

    act: Activation = IDENTITY

    def run(self, inputs: Sequence[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
        x, w, b = (array.astype(np.float64) for array in inputs)
        product: np.ndarray = x @ w.T
        return activate(product + b, self.act)


@dataclass(frozen=True)
class MatMul(Operator):
    """y[..., i, j] = sum_k a[..., i, k] * b[..., k, j], of two values of one rank whose other axes broadcast."""

    def run(self, inputs: Sequence[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
        a, b = (array.astype(np.float64) for array in inputs)
        product: np.ndarray = a @ b
        return product

    def is_imagewise(self, constants: Sequence[np.ndarray | None], shape: tuple[int, ...]) -> bool:
        return len(shape) > 2 and all(c is None or c.shape[0] == 1 for c in constants)
