"""Element-wise operators of one to many values, by formulas (graph/formula.py)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from colonnade.errors import ColonnadeError
from colonnade.graph.formula import literal, substitute
from colonnade.graph.ir import REAL, Map, Reshape
from colonnade.graph.onnx_node import BOOL, Constant, Reader, SourceNode, Tensor, Value, operator, shape_of

# Formulas of x0, x1 and of attributes, with the defaults of ONNX.
_REAL: Mapping[str, tuple[str, Mapping[str, float]]] = {
    "Neg": ("-x0", {}),
    "Abs": ("abs(x0)", {}),
    "Exp": ("exp(x0)", {}),
    "Log": ("log(x0)", {}),
    "Sqrt": ("sqrt(x0)", {}),
    "Reciprocal": ("1 / x0", {}),
    "Erf": ("erf(x0)", {}),
    "Sign": ("sign(x0)", {}),
    "Floor": ("floor(x0)", {}),
    "Ceil": ("ceil(x0)", {}),
    "Round": ("round(x0)", {}),
    "Sin": ("sin(x0)", {}),
    "Cos": ("cos(x0)", {}),
    "Tan": ("tan(x0)", {}),
    "Asin": ("asin(x0)", {}),
    "Acos": ("acos(x0)", {}),
    "Atan": ("atan(x0)", {}),
    "Sinh": ("sinh(x0)", {}),
    "Cosh": ("cosh(x0)", {}),
    "Asinh": ("asinh(x0)", {}),
    "Acosh": ("acosh(x0)", {}),
    "Atanh": ("atanh(x0)", {}),
    "Softsign": ("x0 / (1 + abs(x0))", {}),
    "Celu": ("max(x0, 0) + min(0, alpha * (exp(min(x0, 0) / alpha) - 1))", {"alpha": 1.0}),
    "Selu": (
        "gamma * (x0 if x0 > 0 else alpha * (exp(min(x0, 0)) - 1))",
        {"alpha": 1.67326319217681884765625, "gamma": 1.05070102214813232421875},
    ),
    "ThresholdedRelu": ("x0 if x0 > alpha else 0", {"alpha": 1.0}),
    "Shrink": ("x0 + bias if x0 < -lambd else (x0 - bias if x0 > lambd else 0)", {"lambd": 0.5, "bias": 0.0}),
    "PRelu": ("x0 if x0 >= 0 else x0 * x1", {}),
}

_COMPARISONS = {
    "Equal": "x0 == x1",
    "Less": "x0 < x1",
    "Greater": "x0 > x1",
    "LessOrEqual": "x0 <= x1",
    "GreaterOrEqual": "x0 >= x1",
}

_LOGIC = {
    "And": "x0 * x1",
    "Or": "max(x0, x1)",
    "Xor": "x0 != x1",
    "Not": "1 - x0",
}


def emit_map(node: SourceNode, formula: str, operands: list[Value], dtype: Any = REAL) -> Tensor:
    """A node of `formula` of the operands x0, x1 ..., which broadcast as numpy has it."""
    shapes = [shape_of(value) for value in operands]
    try:
        shape = np.broadcast_shapes(*shapes)
    except ValueError:
        raise ColonnadeError(f"shapes {', '.join(str(list(s)) for s in shapes)} do not broadcast together") from None
    inputs = [_of_rank(node, value, len(shape)) for value in operands]
    return node.emit(Map(formula), inputs, shape, dtype)


def _of_rank(node: SourceNode, value: Value, rank: int) -> Value:
    """An activation with axes of one element in front, up to `rank`."""
    if isinstance(value, Constant) or len(value.shape) == rank:
        return value
    return node.emit(Reshape(), [value], (*(1,) * (rank - len(value.shape)), *value.shape), value.dtype)


def real_operands(node: SourceNode) -> list[Value]:
    """All operands, of real numbers."""
    return [_real(node, i) for i in range(len(node.operands))]


def _real(node: SourceNode, index: int) -> Value:
    return node.tensor(index) if isinstance(node.operand(index), Tensor) else node.required_weights(index)


def _of_any_type(node: SourceNode, index: int) -> Value:
    """An operand of any type, as real numbers: they hold truth values, and integers up to 2^24."""
    operand = node.operand(index)
    return operand if isinstance(operand, Tensor) else as_reals(node.required(index))


def as_reals(constant: Constant) -> Constant:
    """A constant of any type as real numbers. ColonnadeError if they do not hold its values."""
    array = constant.array.astype(REAL)
    if constant.array.dtype.kind in "iu" and np.any(np.abs(constant.array.astype(np.float64)) > 2**24):
        raise ColonnadeError(f"'{constant.name}' holds integers above 2^24, which {REAL} cannot tell apart")
    return Constant(constant.name, array)


def _real_reader(formula: str, attributes: Mapping[str, float]) -> Reader:
    def read(node: SourceNode) -> Value:
        given = {name: literal(float(node.attributes.get(name, d))) for name, d in attributes.items()}
        operands = real_operands(node)
        names = {f"x{i}": f"x{i}" for i in range(len(operands))}
        return emit_map(node, substitute(formula, names | given) if given else formula, operands)

    return read


def _truth_reader(formula: str) -> Reader:
    def read(node: SourceNode) -> Value:
        return emit_map(node, formula, [_of_any_type(node, i) for i in range(len(node.operands))], BOOL)

    return read


for _name, (_formula, _attributes) in _REAL.items():
    operator(_name)(_real_reader(_formula, _attributes))
for _name, _formula in {**_COMPARISONS, **_LOGIC}.items():
    operator(_name)(_truth_reader(_formula))


@operator("IsNaN")
def is_nan(node: SourceNode) -> Value:
    return emit_map(node, "isnan(x0)", [node.tensor()], BOOL)


@operator("IsInf")
def is_inf(node: SourceNode) -> Value:
    signs = [
        s for s, name in (("x0 > 0", "detect_positive"), ("x0 < 0", "detect_negative")) if node.attributes.get(name, 1)
    ]
    formula = {0: "x0 * 0", 1: f"isinf(x0) * ({''.join(signs)})", 2: "isinf(x0)"}[len(signs)]
    return emit_map(node, formula, [node.tensor()], BOOL)


@operator("Where")
def where(node: SourceNode) -> Value:
    condition, a, b = (_of_any_type(node, i) for i in range(3))
    types = {value.dtype for value in (a, b) if isinstance(value, Tensor)}
    return emit_map(node, "x1 if x0 != 0 else x2", [condition, a, b], next(iter(types), REAL))


@operator("Mod", limits="real numbers")
def mod(node: SourceNode) -> Value:
    return emit_map(node, "fmod(x0, x1)" if node.attributes.get("fmod", 0) else "mod(x0, x1)", real_operands(node))


@operator("Pow")
def pow_(node: SourceNode) -> Value:
    """Small whole exponents as products, and 1/2 as a root: powf is slow."""
    exponent = node.operand(1)
    if isinstance(exponent, Constant) and exponent.array.size == 1:
        simple = {1.0: "x0", 2.0: "x0 * x0", 3.0: "x0 * x0 * x0", 0.5: "sqrt(x0)", -1.0: "1 / x0"}
        formula = simple.get(float(exponent.array.reshape(())))
        if formula and exponent.array.ndim <= len(node.tensor().shape):
            return emit_map(node, formula, [node.tensor()])
        return emit_map(node, "pow(x0, x1)", [node.tensor(), as_reals(exponent)])
    return emit_map(node, "pow(x0, x1)", real_operands(node))


def _many(formula: Callable[[str, str], str]) -> Reader:
    """Reads an operator of one operand or more, taken two by two."""

    def read(node: SourceNode) -> Value:
        total, *rest = real_operands(node)
        for value in rest:
            total = emit_map(node, formula("x0", "x1"), [total, value])
        if isinstance(total, Constant):
            raise ColonnadeError("its inputs are constants")
        return total

    return read


operator("Max")(_many(lambda a, b: f"max({a}, {b})"))
operator("Min")(_many(lambda a, b: f"min({a}, {b})"))


@operator("Mean")
def mean(node: SourceNode) -> Value:
    operands = real_operands(node)
    total = operands[0]
    for value in operands[1:]:
        total = emit_map(node, "x0 + x1", [total, value])
    return emit_map(node, f"x0 / {len(operands)}", [total])
