"""The C of activations, from the rows of graph/activations.py. Standard library only (run by the build hook)."""

from __future__ import annotations

from collections.abc import Sequence

from colonnade.graph.activations import PARAMETERS, ROWS, Row
from colonnade.graph.formula import speak


class CLanguage:
    """Formulas as C expressions on floats, by the functions of csrc/activation.h."""

    def number(self, value: float) -> str:
        return f"{value!r}f"

    def negative(self, a: str) -> str:
        return f"-{a}"

    def operation(self, sign: str, a: str, b: str) -> str:
        return f"({a} {sign} {b})"

    def choice(self, sign: str, a: str, b: str, then: str, otherwise: str) -> str:
        return f"cln_choose({a} {sign} {b}, {then}, {otherwise})"

    def call(self, function: str, arguments: Sequence[str]) -> str:
        return f"cln_{function}({', '.join(arguments)})"


def activation_loops(rows: Sequence[Row] = ROWS) -> str:
    """A C function with one loop for each row: y[i] = act(x[i]). A row whose formula has no C is a ValueError."""
    names = {"x": "x[i]", **{name: f"act.{name}" for name in PARAMETERS}}
    cases = "".join(
        f"    case CLN_ACT_{row.name.upper()}: /* {row.formula} */\n"
        f"      for (int64_t i = 0; i < n; ++i) y[i] = {speak(row.formula, names, CLanguage())};\n"
        "      break;\n"
        for row in rows
    )
    return (
        "static inline void cln_act_loop(float *y, const float *x, int64_t n, cln_act act) {\n"
        f"  switch (act.kind) {{\n{cases}  }}\n}}\n"
    )
