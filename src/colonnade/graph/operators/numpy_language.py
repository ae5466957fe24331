"""Formulas (graph/formula.py) in numpy."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

Number = np.ndarray | float

_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
}

_erf = np.vectorize(math.erf, otypes=[np.float64])

_CALL: Mapping[str, Callable[..., Any]] = {
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "clamp": lambda x, lo, hi: np.minimum(np.maximum(x, lo), hi),
    "erf": lambda x: _erf(x).astype(np.asarray(x).dtype),
    "max": np.maximum,
    "min": np.minimum,
    "pow": np.power,
    "mod": np.mod,
    "fmod": np.fmod,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "round": np.rint,
}  # others have numpy's name


class NumpyLanguage:
    """Formulas as values. Numbers of Python take the dtype of the array they meet; comparisons are 1 and 0 in the
    dtype of their first operand."""

    def number(self, value: float) -> Number:
        return value

    def negative(self, a: Number) -> Number:
        return -a

    def operation(self, sign: str, a: Number, b: Number) -> Number:
        match sign:
            case "+":
                return a + b
            case "-":
                return a - b
            case "*":
                return a * b
        return np.asarray(np.divide(a, b))

    def comparison(self, sign: str, a: Number, b: Number) -> Number:
        return np.asarray(_COMPARE[sign](a, b)).astype(np.result_type(a, b))

    def choice(self, sign: str, a: Number, b: Number, then: Number, otherwise: Number) -> Number:
        return np.where(_COMPARE[sign](a, b), then, otherwise)

    def call(self, function: str, arguments: Sequence[Number]) -> Number:
        found = _CALL.get(function) or getattr(np, function)
        y = np.asarray(found(*arguments))
        return y.astype(np.result_type(*arguments)) if y.dtype == bool else y
