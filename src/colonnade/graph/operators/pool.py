"""Maxima and averages over windows and over planes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from colonnade.graph.operators.base import REAL, ImagewiseOperator
from colonnade.graph.operators.sliding import sliding_windows


@dataclass(frozen=True)
class Pool(ImagewiseOperator):
    """Max or average over windows. pads = (top, left, bottom, right) already resolved (SAME, ceil_mode): a window
    may reach past the padded input on the bottom and right, where it counts as absent. `count_include_pad`
    divides an average by the window's elements inside the *declared* padded input (ONNX AveragePool)."""

    kind: Literal["max", "avg"]
    kernel: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilations: tuple[int, int] = (1, 1)
    count_include_pad: bool = False

    def run(self, inputs: Sequence[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
        x = inputs[0]
        pads = self._pads_to_cover(x.shape, shape)
        if self.kind == "max":
            windows = sliding_windows(x, self.kernel, self.strides, pads, self.dilations, -np.inf)
            largest: np.ndarray = windows[:, :, : shape[2], : shape[3]].max(axis=(4, 5))
            return largest
        present = np.ones((1, 1, *x.shape[2:]))
        around = pads
        if self.count_include_pad:
            top, left, bottom, right = self.pads
            present = np.ones((1, 1, x.shape[2] + top + bottom, x.shape[3] + left + right))
            around = (0, 0, pads[2] - bottom, pads[3] - right)
        totals, counts = (self._sums(array, edge, shape) for array, edge in ((x, pads), (present, around)))
        mean: np.ndarray = totals / counts
        return mean.astype(REAL)

    def _sums(self, x: np.ndarray, pads: tuple[int, int, int, int], shape: tuple[int, ...]) -> np.ndarray:
        windows = sliding_windows(x, self.kernel, self.strides, pads, self.dilations, 0.0)
        sums: np.ndarray = windows[:, :, : shape[2], : shape[3]].sum(axis=(4, 5), dtype=np.float64)
        return sums

    def _pads_to_cover(self, x_shape: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, int, int, int]:
        """The declared pads, larger at the bottom and right where the last window reaches further."""
        pads = list(self.pads)
        for axis in (0, 1):
            taps = (self.kernel[axis] - 1) * self.dilations[axis] + 1
            reach = (shape[2 + axis] - 1) * self.strides[axis] + taps
            pads[2 + axis] = max(pads[2 + axis], reach - x_shape[2 + axis] - pads[axis])
        return pads[0], pads[1], pads[2], pads[3]


@dataclass(frozen=True)
class GlobalPool(ImagewiseOperator):
    """Reduce H and W to 1 x 1. Input [N,C,H,W], output [N,C,1,1]."""

    kind: Literal["max", "avg"]

    def run(self, inputs: Sequence[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
        reduce = np.max if self.kind == "max" else np.mean
        y: np.ndarray = reduce(inputs[0].astype(np.float64), axis=(2, 3), keepdims=True)
        return y
