"""Operators that move or join values and compute nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from colonnade.graph.operators.base import ImagewiseOperator, Operator


@dataclass(frozen=True)
class Concat(Operator):
    """Join along `axis` (counted from 0)."""

    axis: int

    def run(self, inputs: Sequence[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
        return np.concatenate(inputs, axis=self.axis)

    def is_imagewise(self, constants: Sequence[np.ndarray | None], shape: tuple[int, ...]) -> bool:
        return self.axis > 0


@dataclass(frozen=True)
class Pad(ImagewiseOperator):
    """Constant padding of H and W. pads = (top, left, bottom, right), not negative."""

    pads: tuple[int, int, int, int]
    value: float = 0.0

    def run(self, inputs: Sequence[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
        top, left, bottom, right = self.pads
        return np.pad(inputs[0], ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=self.value)


@dataclass(frozen=True)
class Reshape(ImagewiseOperator):
    """Same elements in ONNX (row-major NCHW) order, new shape: that of the output value. Where the first axis stays as
    long as it is, so do the images."""

    def run(self, inputs: Sequence[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
        return inputs[0].reshape(shape)


@dataclass(frozen=True)
class Transpose(Operator):
    """y.shape[i] = x.shape[perm[i]]; rank at most 6."""

    perm: tuple[int, ...]

    def run(self, inputs: Sequence[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
        return inputs[0].transpose(self.perm)

    def is_imagewise(self, constants: Sequence[np.ndarray | None], shape: tuple[int, ...]) -> bool:
        return self.perm[0] == 0
