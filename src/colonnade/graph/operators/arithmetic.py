"""Element-wise arithmetic on two values, or on a value and constants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from colonnade.graph.activations import IDENTITY, Activation
from colonnade.graph.formula import speak
from colonnade.graph.operators.activation import activate
from colonnade.graph.operators.base import ImagewiseOperator, Operator
from colonnade.graph.operators.numpy_language import Number, NumpyLanguage


@dataclass(frozen=True)
class Affine(ImagewiseOperator):
    """y = act(x * scale[c] + shift[c]): batch normalisation, and arithmetic with per-channel or scalar constants.
    Inputs: x (channels on axis 1), scale [C], shift [C] (constants)."""

    act: Activation = IDENTITY

    def run(self, inputs: Sequence[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
        x, scale, shift = inputs
        per_channel = (1, -1) + (1,) * (x.ndim - 2)
        return activate(x.astype(np.float64) * scale.reshape(per_channel) + shift.reshape(per_channel), self.act)


@dataclass(frozen=True)
class Binary(Operator):
    """y = act(a op b) of a's shape, to which b's broadcasts. An operand that is no constant has the rank of y."""

    kind: Literal["add", "mul"]
    act: Activation = IDENTITY

    def run(self, inputs: Sequence[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
        a, b = inputs
        return activate(a + b if self.kind == "add" else a * b, self.act)

    def is_imagewise(self, constants: Sequence[np.ndarray | None], shape: tuple[int, ...]) -> bool:
        return _same_for_all_images(constants, shape)


@dataclass(frozen=True)
class Map(Operator):
    """y = formula(x0, x1, ...), element by element (graph/formula.py), of inputs that broadcast to y's shape as numpy
    has it. An input that is no constant has the rank of y."""

    formula: str

    def run(self, inputs: Sequence[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
        names: dict[str, Number] = {f"x{i}": x.astype(np.float64) for i, x in enumerate(inputs)}
        with np.errstate(all="ignore"):
            y = speak(self.formula, names, NumpyLanguage())
        return np.broadcast_to(np.asarray(y), shape)

    def is_imagewise(self, constants: Sequence[np.ndarray | None], shape: tuple[int, ...]) -> bool:
        return _same_for_all_images(constants, shape)


def _same_for_all_images(constants: Sequence[np.ndarray | None], shape: tuple[int, ...]) -> bool:
    """Whether no constant differs from image to image."""
    return all(c is None or c.ndim < len(shape) or c.shape[0] == 1 for c in constants)
