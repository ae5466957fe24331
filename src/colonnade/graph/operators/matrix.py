"""Matrix products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from colonnade.graph.activations import IDENTITY, Activation
from colonnade.graph.operators.activation import activate
from colonnade.graph.operators.base import ImagewiseOperator


@dataclass(frozen=True)
class Dense(ImagewiseOperator):
    """y = act(x @ w.T + b). Inputs: x [N,K], w [O,K] (constant), b [O] (constant)."""

    act: Activation = IDENTITY

    def run(self, inputs: Sequence[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
        x, w, b = (array.astype(np.float64) for array in inputs)
        product: np.ndarray = x @ w.T
        return activate(product + b, self.act)
