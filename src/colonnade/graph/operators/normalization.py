"""Values divided by what others sum up to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from colonnade.graph.operators.base import ImagewiseOperator, Operator


@dataclass(frozen=True)
class Softmax(Operator):
    """Along `axis` (counted from 0)."""

    axis: int

    def run(self, inputs: Sequence[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
        x = inputs[0].astype(np.float64)
        powers: np.ndarray = np.exp(x - x.max(axis=self.axis, keepdims=True))
        powers /= powers.sum(axis=self.axis, keepdims=True)
        return powers

    def is_imagewise(self, constants: Sequence[np.ndarray | None], shape: tuple[int, ...]) -> bool:
        return self.axis > 0


@dataclass(frozen=True)
class LRN(ImagewiseOperator):
    """y = x / (bias + alpha / size * sum of squares over `size` channels around c) ** beta (ONNX LRN)."""

    size: int
    alpha: float = 1e-4
    beta: float = 0.75
    bias: float = 1.0

    def run(self, inputs: Sequence[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
        x = inputs[0].astype(np.float64)
        before, after = (self.size - 1) // 2, self.size // 2
        squares = np.pad(x**2, ((0, 0), (before, after), (0, 0), (0, 0)))
        sums = sum(squares[:, i : i + x.shape[1]] for i in range(self.size))
        y: np.ndarray = x / (self.bias + self.alpha / self.size * sums) ** self.beta
        return y
