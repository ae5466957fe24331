"""Element-wise arithmetic on two values, or on a value and constants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from colonnade.graph.activations import IDENTITY, Activation
from colonnade.graph.operators.activation import activate
from colonnade.graph.operators.base import ImagewiseOperator, Operator


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
    """y = act(a op b). Equal shapes, or b is [N,C,1,1] against a [N,C,H,W] (the importer swaps the operands so that
    the broadcast one is b), or b is a constant whose shape broadcasts to a's."""

    kind: Literal["add", "mul"]
    act: Activation = IDENTITY

    def run(self, inputs: Sequence[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
        a, b = inputs
        return activate(a + b if self.kind == "add" else a * b, self.act)

    def is_imagewise(self, constants: Sequence[np.ndarray | None], shape: tuple[int, ...]) -> bool:
        b = constants[1]
        return b is None or b.ndim < len(shape) or b.shape[0] == 1
