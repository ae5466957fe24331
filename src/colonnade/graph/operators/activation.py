"""Functions of one variable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from colonnade.graph.activations import Activation
from colonnade.graph.formula import speak
from colonnade.graph.operators.base import ImagewiseOperator


@dataclass(frozen=True)
class Act(ImagewiseOperator):
    """y = act(x)."""

    act: Activation

    def run(self, inputs: Sequence[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
        return activate(inputs[0], self.act)


def activate(x: np.ndarray, act: Activation) -> np.ndarray:
    """The activation of every element, in x's dtype."""
    names: dict[str, _Number] = {"x": x, **act.parameters}
    with np.errstate(over="ignore"):  # exp of a large number is inf, and 1 / inf the right limit
        y = speak(act.formula, names, NumpyLanguage())
    return np.asarray(y)


_Number = np.ndarray | float


class NumpyLanguage:
    """Formulas as values. Numbers of Python take the dtype of the array they meet."""

    def number(self, value: float) -> _Number:
        return value

    def negative(self, a: _Number) -> _Number:
        return -a

    def operation(self, sign: str, a: _Number, b: _Number) -> _Number:
        match sign:
            case "+":
                return a + b
            case "-":
                return a - b
            case "*":
                return a * b
        return a / b

    def choice(self, sign: str, a: _Number, b: _Number, then: _Number, otherwise: _Number) -> _Number:
        holds = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}[sign](a, b)
        return np.where(holds, then, otherwise)

    def call(self, function: str, arguments: Sequence[_Number]) -> _Number:
        match function:
            case "exp":
                return np.asarray(np.exp(arguments[0]))
            case "sigmoid":
                return np.asarray(1 / (1 + np.exp(-arguments[0])))
            case "clamp":
                x, lo, hi = arguments
                return np.asarray(np.minimum(np.maximum(x, lo), hi))
        raise NotImplementedError(f"formulas have no numpy for {function}")
