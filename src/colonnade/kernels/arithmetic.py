"""What micro-kernels compute with, one row for each kind. A micro-kernel is known by its instruction set, its
arithmetic and its shape (shapes.py).

Standard library only (read by the build hook).
"""

from __future__ import annotations

from dataclasses import dataclass

from colonnade.elements import F32 as F32_ELEMENT
from colonnade.elements import Element
from colonnade.errors import ColonnadeError


@dataclass(frozen=True)
class Arithmetic:
    """Element types of data, weights, sums and outputs, and how many columns one multiply-add takes: 1, or 4 where an
    instruction adds the products of four neighbouring bytes."""

    name: str  # in the names of kernels
    data: Element
    weights: Element
    sums: Element
    outputs: Element
    columns: int = 1

    def lanes(self, vector_bytes: int) -> int:
        """Positions, or output channels, that a vector of so many bytes holds the sums of."""
        return vector_bytes // self.sums.bytes


F32 = Arithmetic("f32", F32_ELEMENT, F32_ELEMENT, F32_ELEMENT, F32_ELEMENT)

ARITHMETICS: tuple[Arithmetic, ...] = (F32,)


def arithmetic_for(data: Element, outputs: Element) -> Arithmetic:
    """The row that computes outputs of one type from data of another. ColonnadeError if there is none."""
    for row in ARITHMETICS:
        if (row.data, row.outputs) == (data, outputs):
            return row
    raise ColonnadeError(f"no micro-kernel makes {outputs.dtype} of {data.dtype}")
