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
        return self.axis > 0 and all(constant is None for constant in constants)  # those are of all images


@dataclass(frozen=True)
class Pad(Operator):
    """Constant padding: so many elements of `value` before and after each axis, not negative."""

    before: tuple[int, ...]
    after: tuple[int, ...]
    value: float = 0.0

    @property
    def plane(self) -> tuple[int, int, int, int] | None:
        """(top, left, bottom, right) if only H and W of an image are padded."""
        outer = (*self.before[:2], *self.after[:2])
        return None if len(self.before) != 4 or any(outer) else (*self.before[2:], *self.after[2:])  # type: ignore[return-value]

    def run(self, inputs: Sequence[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
        around = tuple(zip(self.before, self.after, strict=True))
        return np.pad(inputs[0], around, constant_values=self.value)

    def is_imagewise(self, constants: Sequence[np.ndarray | None], shape: tuple[int, ...]) -> bool:
        return self.before[0] == self.after[0] == 0


@dataclass(frozen=True)
class Slice(Operator):
    """y[i] = x[starts + i * steps], along every axis; steps are positive."""

    starts: tuple[int, ...]
    steps: tuple[int, ...]

    def run(self, inputs: Sequence[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
        ranges = zip(self.starts, self.steps, shape, strict=True)
        y: np.ndarray = inputs[0][tuple(slice(at, at + (n - 1) * step + 1, step) for at, step, n in ranges)]
        return y

    def is_imagewise(self, constants: Sequence[np.ndarray | None], shape: tuple[int, ...]) -> bool:
        return self.starts[0] == 0 and self.steps[0] == 1


@dataclass(frozen=True)
class Gather(Operator):
    """y[..., i, ...] = x[..., indices[i], ...] along `axis`; where an index is -1, `fill`."""

    axis: int
    indices: tuple[int, ...]
    fill: float = 0.0

    def run(self, inputs: Sequence[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
        indices = np.asarray(self.indices)
        y: np.ndarray = np.take(inputs[0], np.maximum(indices, 0), axis=self.axis)
        y[(slice(None),) * self.axis + (indices < 0,)] = self.fill
        return y

    def is_imagewise(self, constants: Sequence[np.ndarray | None], shape: tuple[int, ...]) -> bool:
        return self.axis > 0


@dataclass(frozen=True)
class Expand(Operator):
    """x of y's rank, with axes of one element repeated."""

    def run(self, inputs: Sequence[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
        return np.broadcast_to(inputs[0], shape)

    def is_imagewise(self, constants: Sequence[np.ndarray | None], shape: tuple[int, ...]) -> bool:
        return True  # images of the input are those of the output


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
