"""The C of activations, from the rows of graph/activations.py, and of the operations of the map step. Standard library
only (run by the build hook)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from colonnade.graph.activations import PARAMETERS, ROWS, Row
from colonnade.graph.formula import speak
from colonnade.graph.map_code import OPERATIONS


class CLanguage:
    """Formulas as C expressions on floats, by the functions of csrc/activation.h."""

    def number(self, value: float) -> str:
        return f"{value!r}f"

    def negative(self, a: str) -> str:
        return f"-{a}"

    def operation(self, sign: str, a: str, b: str) -> str:
        return f"({a} {sign} {b})"

    def comparison(self, sign: str, a: str, b: str) -> str:
        return f"(float)({a} {sign} {b})"

    def choice(self, sign: str, a: str, b: str, then: str, otherwise: str) -> str:
        return f"cln_choose({a} {sign} {b}, {then}, {otherwise})"

    def call(self, function: str, arguments: Sequence[str]) -> str:
        return f"cln_{function}({', '.join(arguments)})"


def activation_loops(rows: Sequence[Row] = ROWS) -> str:
    """A C function with one loop for each row: for n elements of each row (csrc/activation.h). A row whose formula has
    no C is a ValueError."""
    names = {"x": "x[i]", **{name: f"act.{name}" for name in PARAMETERS}}
    cases = "".join(
        f"    case CLN_ACT_{row.name.upper()}: /* {row.formula} */\n"
        f"      CLN_ACT_ROWS({speak(row.formula, names, CLanguage())})\n"
        "      break;\n"
        for row in rows
    )
    return (
        "static inline void cln_act_loop(cln_act_rows rows, int64_t n, cln_act act) {\n"
        f"  switch (act.kind) {{\n{cases}  }}\n}}\n"
    )


_OPERANDS = "abc"


def map_loops() -> str:
    """A C function with the loops of every operation of the map step (graph/map_code.py): y[i] =
    operation(a[i * da], b[i * db], c[i * dc]), where a step is 0 or 1. Loops of the usual steps are apart, for
    compilers to vectorise."""
    cases = "".join(
        f"    case {number}: /* {operation.name} */\n{_loops(operation.formula, operation.operands)}      break;\n"
        for number, operation in enumerate(OPERATIONS)
    )
    operands = ", ".join(f"const float *{name}, int64_t d{name}" for name in _OPERANDS)
    head = f"int32_t op, float *restrict y, int64_t n, {operands}"
    return f"static inline void cln_map_loop({head}) {{\n  switch (op) {{\n{cases}  }}\n}}\n"


def _loops(formula: str, operands: int) -> str:
    """Of one operation: all operands vary, or the first or the others are one number each, or whatever."""
    named = _OPERANDS[:operands]
    usual = {1: ["a"], 2: ["ab", "a", "b"], 3: ["abc", "a", "ab", "ac"]}[operands]
    lines = ""
    for varying in usual:
        steps = " && ".join(f"{'' if name in varying else '!'}d{name}" for name in named)
        scalars = "".join(f"const float {name}0 = *{name}; " for name in named if name not in varying)
        elements = {name: f"{name}[i]" if name in varying else f"{name}0" for name in named}
        lines += f"      if ({steps}) {{ {scalars}{_loop(formula, elements)} break; }}\n"
    return lines + f"      {_loop(formula, {name: f'{name}[i * d{name}]' for name in named})}\n"


def _loop(formula: str, elements: Mapping[str, str]) -> str:
    return f"for (int64_t i = 0; i < n; ++i) y[i] = {speak(formula, elements, CLanguage())};"
