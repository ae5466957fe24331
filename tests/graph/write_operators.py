"""Writes docs/operators.md from the importer's table: `python tests/graph/write_operators.py`."""

from __future__ import annotations

import textwrap
from pathlib import Path

import colonnade.graph.onnx_ops  # noqa: F401  (fills the operator table)
from colonnade.graph.activations import ROWS
from colonnade.graph.folding.node import foldable_operators
from colonnade.graph.onnx_node import supported_operators

PAGE = Path(__file__).parents[2] / "docs" / "operators.md"


def page() -> str:
    """The text of docs/operators.md."""
    operators = "".join(f"| {name} | {limits} |\n" for name, limits in supported_operators().items())
    activations = "".join(f"| {row.name} | `{row.formula}` | {row.onnx or ''} |\n" for row in ROWS)
    return f"""# ONNX operators

This page is written by `tests/graph/write_operators.py` from the importer's table; a test compares the two.

Operators not listed here, or used beyond their limits, are refused in one line with counts, unless a
[fallback](fallback.md) runs them. Operators that ONNX defines by functions of others, such as Attention, are expanded
first. Opsets 7 and newer are read. Nodes may come in any order. Real numbers of 16 or 64 bits are computed in f32.

Operators whose operands are all constants are computed at import. Those in the next list take constants of any element
type, as shapes, masks and quantised weights need; beside them every operator of the table is computed from constants
of real numbers. Constants that are made so may take four times the bytes of the file and of the values that the
network needs at once, and 64 MiB.

{textwrap.fill(", ".join(foldable_operators()), 119)}.

| operator | limits |
|---|---|
{operators}
## Activations

An activation is one row of `graph/activations.py`. The oracle in numpy and the C code are made from its formula, in
which `clamp(x, lo, hi)` is `min(max(x, lo), hi)`. The last column names the ONNX operator that is read by the row
alone; other spellings are read in `graph/onnx_ops/activation.py`, and those that exporters make of several operators
are found by a pass (`graph/passes/activation.py`).

| name | formula | ONNX operator |
|---|---|---|
{activations}"""


if __name__ == "__main__":
    PAGE.write_text(page())
