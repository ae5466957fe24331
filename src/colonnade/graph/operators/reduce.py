"""Reductions over any axes, and sums along one axis."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from colonnade.graph.operators.base import Operator

_REDUCE: Mapping[str, Callable[..., Any]] = {"sum": np.sum, "prod": np.prod, "max": np.max, "min": np.min}


@dataclass(frozen=True)
class Reduce(Operator):
    """scale * the sum (or "prod", "max", "min") over `axes`, sorted, which stay with one element. "argmax" and
    "argmin": the place of the extreme along one axis, the first of equal ones, or with `last` the last."""

    kind: str
    axes: tuple[int, ...]
    scale: float = 1.0
    last: bool = False

    def run(self, inputs: Sequence[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
        x = inputs[0].astype(np.float64)
        if self.kind in _REDUCE:
            y: np.ndarray = _REDUCE[self.kind](x, axis=self.axes, keepdims=True) * self.scale
            return y
        (axis,) = self.axes
        x = x if self.kind == "argmax" else -x
        found = np.flip(x, axis).argmax(axis, keepdims=True) if self.last else x.argmax(axis, keepdims=True)
        place: np.ndarray = x.shape[axis] - 1 - found if self.last else found
        return place

    def is_imagewise(self, constants: Sequence[np.ndarray | None], shape: tuple[int, ...]) -> bool:
        return self.axes[0] > 0


@dataclass(frozen=True)
class Resample(Operator):
    """y[..., j, ...] = sum_k weights[j][k] * x[..., indices[j][k], ...] along `axis`."""

    axis: int
    indices: tuple[tuple[int, ...], ...]
    weights: tuple[tuple[float, ...], ...]

    def run(self, inputs: Sequence[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
        taken = np.take(inputs[0].astype(np.float64), np.asarray(self.indices), axis=self.axis)
        weights = np.asarray(self.weights).reshape(
            *np.asarray(self.weights).shape, *(1,) * (len(shape) - self.axis - 1)
        )
        y: np.ndarray = (taken * weights).sum(axis=self.axis + 1)
        return y

    def is_imagewise(self, constants: Sequence[np.ndarray | None], shape: tuple[int, ...]) -> bool:
        return self.axis > 0
