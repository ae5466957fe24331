"""Formulas of one variable, written once as Python expressions and then spoken in numpy and in C.

    x * clamp(alpha * x + beta, 0, 1)

A formula is made of numbers, names, + - * /, a sign, a choice (`a if x > 0 else b`) and the functions below. Nothing
else is understood: an unknown name or function is an error where the formula is first read, which for activations is
the build. Standard library only (read by the build hook).
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

# Functions, with the number of their arguments. clamp(x, lo, hi) keeps NaN; sigmoid(x) = 1 / (1 + exp(-x)).
FUNCTIONS = {"exp": 1, "sigmoid": 1, "clamp": 3}

_OPERATIONS: Mapping[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_COMPARISONS: Mapping[type[ast.cmpop], str] = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}

T = TypeVar("T")


class Language(Protocol[T]):
    """What formulas are spoken in: T is a piece of code, or a value."""

    def number(self, value: float) -> T: ...

    def negative(self, a: T) -> T: ...

    def operation(self, sign: str, a: T, b: T) -> T:
        """sign: + - * or /."""

    def choice(self, sign: str, a: T, b: T, then: T, otherwise: T) -> T:
        """`then` where a sign b holds; sign: < <= > or >=."""

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
            case ast.IfExp(test=ast.Compare(left=left, ops=[sign], comparators=[right]), body=body, orelse=orelse) if (
                type(sign) in _COMPARISONS
            ):
                sides = spoken(left), spoken(right)
                return language.choice(_COMPARISONS[type(sign)], *sides, spoken(body), spoken(orelse))
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if FUNCTIONS.get(name) == len(args):
                return language.call(name, [spoken(argument) for argument in args])
        raise ValueError(f"formula '{formula}': '{ast.unparse(node)}' is not understood")

    return spoken(ast.parse(formula, mode="eval").body)
