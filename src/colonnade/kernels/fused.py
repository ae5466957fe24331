"""Micro-kernels that compute the last few positions of a strip beside its whole vectors, in one pass over the columns.
For those positions output channels are the lanes (tail.py), and the sums go to a->tail.

A column of 8 x 6 vectors of AVX-512 takes 24 multiply-adds; one position more takes one more, a load of its element and
one of the weights, where another pass over all columns takes a fifth of the time.

Standard library only (run by the build hook).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product

from colonnade.kernels.arithmetic import F32
from colonnade.kernels.cnm import indent, kernel_function
from colonnade.kernels.shapes import Shape, shapes
from colonnade.kernels.tail import Tail, accumulators, multiply_adds, tail_vectors
from colonnade.target.isa import Isa

ROWS = (4, 8)  # T of common tiles
VECTORS = (2, 4, 6)  # V: whole registers
POSITIONS = (1, 4)  # P: a square is 0, 1 or 4 more than a multiple of 8


@dataclass(frozen=True, order=True)
class Fused:
    """The micro-kernel of `shape` that computes the `positions` after it too."""

    shape: Shape
    positions: int

    def tail(self, isa: Isa) -> Tail:
        return Tail(self.positions, tail_vectors(self.shape.rows, F32.lanes(isa.vector_bytes)))

    def registers(self, isa: Isa) -> int:
        """Vector registers in use; what a tail loads takes one that is free by then."""
        return self.shape.registers(isa) + self.tail(isa).accumulators(isa)

    def name(self, isa: Isa) -> str:
        return f"fused_f32_{self.shape.rows}x{self.shape.vectors}v{self.positions}__{isa.symbol}"


@cache
def fused_kernels(isa: Isa) -> tuple[Fused, ...]:
    """Every fused kernel of `isa`: those whose accumulators stay in registers and whose tails are worth it."""
    if not isa.fuses_tails:
        return ()
    grid = (Fused(Shape(rows, vectors), p) for rows, vectors, p in product(ROWS, VECTORS, POSITIONS))
    return tuple(
        fused
        for fused in grid
        if fused.shape in shapes(isa)
        and fused.registers(isa) <= isa.registers
        and fused.tail(isa).saves(isa, fused.shape.rows)
    )


def fused_source(isa: Isa, fused: Fused) -> str:
    """C source of one fused kernel: a function `void NAME(const cln_strip_args *)`."""
    return kernel_function(isa, fused.shape, fused.name(isa), _Sums(isa, fused))


@dataclass(frozen=True)
class _Sums:
    """Those of the tail, as lines of C."""

    isa: Isa
    fused: Fused

    @property
    def positions(self) -> int:
        return self.fused.positions

    @property
    def _tail(self) -> Tail:
        return self.fused.tail(self.isa)

    def start(self) -> Iterator[str]:
        for c in accumulators(self.isa, self._tail):
            yield f"{c.ops.vector} {c.name} = {c.ops.broadcast('0.0f')};"

    def column(self, first: int, masked: bool) -> Iterator[str]:
        width = self.fused.shape.vectors * F32.lanes(self.isa.vector_bytes)
        lanes = f"lanes[{width // 8}]" if masked else None
        yield "{"
        yield f"  const float *last = row + {width};"
        yield from indent(multiply_adds(self.isa, self._tail, "last", f"w + {first}", lanes))
        yield "}"

    def finish(self) -> Iterator[str]:
        step = self._tail.vectors * F32.lanes(self.isa.vector_bytes)
        for c in accumulators(self.isa, self._tail):
            yield f"{c.ops.store(f'a->tail + {c.position * step + c.first}', c.name)};"
