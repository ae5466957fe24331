"""Formulas of a few variables, written once as Python expressions and then spoken in numpy, in C and in the code of the
map step.

    x * clamp(alpha * x + beta, 0, 1)

A formula is made of numbers, names, + - * /, a sign, a choice (`a if x > 0 else b`), a comparison (1 or 0) and the
functions below. Nothing else is understood: an unknown name or function is an error where the formula is first read,
which for activations is the build. Standard library only (read by the build hook).
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

# Functions, with the number of their arguments. clamp(x, lo, hi), max and min keep NaN; sigmoid(x) = 1 / (1 + exp(-x));
# round goes to the nearest integer, halves to the even one; mod has the sign of its second argument, fmod that of the
# first; isnan and isinf are 1 or 0.
FUNCTIONS = {
    "exp": 1,
    "sigmoid": 1,
    "clamp": 3,
    "log": 1,
    "sqrt": 1,
    "erf": 1,
    "tanh": 1,
    "abs": 1,
    "sign": 1,
    "floor": 1,
    "ceil": 1,
    "round": 1,
    "trunc": 1,
    "max": 2,
    "min": 2,
    "pow": 2,
    "mod": 2,
    "fmod": 2,
    "sin": 1,
    "cos": 1,
    "tan": 1,
    "asin": 1,
    "acos": 1,
    "atan": 1,
    "sinh": 1,
    "cosh": 1,
    "asinh": 1,
    "acosh": 1,
    "atanh": 1,
    "isnan": 1,
    "isinf": 1,
}

OPERATIONS = ("+", "-", "*", "/")
COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")

_OPERATIONS: Mapping[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_COMPARISONS: Mapping[type[ast.cmpop], str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}

T = TypeVar("T")


class Language(Protocol[T]):
    """What formulas are spoken in: T is a piece of code, or a value."""

    def number(self, value: float) -> T: ...

    def negative(self, a: T) -> T: ...

    def operation(self, sign: str, a: T, b: T) -> T:
        """sign: one of OPERATIONS."""

    def comparison(self, sign: str, a: T, b: T) -> T:
        """1 where a sign b holds, else 0; sign: one of COMPARISONS."""

    def choice(self, sign: str, a: T, b: T, then: T, otherwise: T) -> T:
        """`then` where a sign b holds."""

    def call(self, function: str, arguments: Sequence[T]) -> T:
        """function: one of FUNCTIONS."""


def speak(formula: str, names: Mapping[str, T], language: Language[T]) -> T:
    """`formula` in `language`, with `names` for its variables. ValueError for what no formula may contain."""

    def spoken(node: ast.expr) -> T:
        match node:
            case ast.Constant(value=int() | float() as value):
                return language.number(float(value))
            case ast.Name(id=name) if name in names:
                return names[name]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return language.negative(spoken(operand))
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _OPERATIONS:
                return language.operation(_OPERATIONS[type(operator)], spoken(left), spoken(right))
            case ast.Compare(left=left, ops=[sign], comparators=[right]) if type(sign) in _COMPARISONS:
                return language.comparison(_COMPARISONS[type(sign)], spoken(left), spoken(right))
            case ast.IfExp(test=ast.Compare(left=left, ops=[sign], comparators=[right]), body=body, orelse=orelse) if (
                type(sign) in _COMPARISONS
            ):
                sides = spoken(left), spoken(right)
                return language.choice(_COMPARISONS[type(sign)], *sides, spoken(body), spoken(orelse))
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if FUNCTIONS.get(name) == len(args):
                return language.call(name, [spoken(argument) for argument in args])
        raise ValueError(f"formula '{formula}': '{ast.unparse(node)}' is not understood")

    return spoken(ast.parse(formula, mode="eval").body)


def literal(value: float) -> str:
    """A number as a formula has it; infinity is a number too large for a float."""
    text = repr(float(value)).replace("inf", "1e999").replace("nan", "(1e999 - 1e999)")
    return f"({text})" if text.startswith("-") else text


def substitute(formula: str, names: Mapping[str, str]) -> str:
    """`formula` with formulas in the place of its variables."""
    return speak(
        formula, {name: f"({text})" if not text.isidentifier() else text for name, text in names.items()}, _Text()
    )


class _Text:
    """Formulas as formulas."""

    def number(self, value: float) -> str:
        return literal(value)

    def negative(self, a: str) -> str:
        return f"(-{a})"

    def operation(self, sign: str, a: str, b: str) -> str:
        return f"({a} {sign} {b})"

    def comparison(self, sign: str, a: str, b: str) -> str:
        return f"({a} {sign} {b})"

    def choice(self, sign: str, a: str, b: str, then: str, otherwise: str) -> str:
        return f"({then} if {a} {sign} {b} else {otherwise})"

    def call(self, function: str, arguments: Sequence[str]) -> str:
        return f"{function}({', '.join(arguments)})"
