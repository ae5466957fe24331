"""Functions of one variable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from colonnade.graph.activations import Activation
from colonnade.graph.formula import speak
from colonnade.graph.operators.base import ImagewiseOperator
from colonnade.graph.operators.numpy_language import Number, NumpyLanguage


@dataclass(frozen=True)
class Act(ImagewiseOperator):
    """y = act(x)."""

    act: Activation

    def run(self, inputs: Sequence[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
        return activate(inputs[0], self.act)


def activate(x: np.ndarray, act: Activation) -> np.ndarray:
    """The activation of every element, in x's dtype."""
    names: dict[str, Number] = {"x": x, **act.parameters}
    with np.errstate(all="ignore"):  # exp of a large number is inf, and 1 / inf the right limit
        y = speak(act.formula, names, NumpyLanguage())
    return np.asarray(y)
