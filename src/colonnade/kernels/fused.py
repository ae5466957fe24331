"""Micro-kernels that compute the last few positions of a strip, its tail, beside its whole vectors, in one pass over
the columns. For those positions output channels are the lanes, and the sums go to a->tail:

    y[p][t] = sum over kept columns k of w[k][t] * x[off[k] + p]

49 positions are six vectors of 8 and one position more. For that one the micro-kernel of cnm.py would do T
multiply-adds of which one lane is of use. Here a column takes one load of its T weights and one multiply-add. Of four
positions two share a multiply-add, for a register holds the weights twice.

A column of 8 x 6 vectors of AVX-512 takes 24 multiply-adds; one position more takes one more, a load of its element and
one of the weights, where another pass over all columns takes a fifth of the time.

Standard library only (run by the build hook).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import cast

from colonnade.kernels.arithmetic import F32
from colonnade.kernels.cnm import indent, kernel_function
from colonnade.kernels.shapes import Shape
from colonnade.kernels.vector import MaskedOps, vector_ops
from colonnade.target.isa import Isa

# P by T of common tiles, which one vector holds: a square is 0, 1 or 4 more than a multiple of 8. Tails must take
# clearly less than one more vector, and four positions take three operations for each two.
TAILS = {4: (1,), 8: (1, 4)}
VECTORS = (2, 4, 6)  # V: whole registers


@dataclass(frozen=True, order=True)
class Fused:
    """The micro-kernel of `shape` that computes the `positions` after it too."""

    shape: Shape
    positions: int

    @property
    def accumulators(self) -> tuple[str, ...]:
        """Those of the tail: of one position each, or of two."""
        return tuple(f"s{p}" for p in range(0, self.positions, 2))

    def registers(self, isa: Isa) -> int:
        """Vector registers in use; what a tail loads takes one that is free by then."""
        return self.shape.registers(isa) + len(self.accumulators)

    def name(self, isa: Isa) -> str:
        return f"fused_f32_{self.shape.rows}x{self.shape.vectors}v{self.positions}__{isa.symbol}"


@cache
def fused_kernels(isa: Isa) -> tuple[Fused, ...]:
    """Every fused kernel of `isa`."""
    sizes = [(rows, vectors) for rows in TAILS for vectors in VECTORS if isa.fuses_tails]
    return tuple(Fused(Shape(rows, vectors), positions) for rows, vectors in sizes for positions in TAILS[rows])


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
    def _one(self) -> MaskedOps:
        """The operations of a vector of T weights."""
        return cast(MaskedOps, vector_ops(self.isa, Shape(1, 1)))

    @property
    def _ops(self) -> MaskedOps:
        """Those of an accumulator."""
        return self._one if self.positions == 1 else cast(MaskedOps, vector_ops(self.isa, Shape(1, self.isa.wide)))

    def start(self) -> Iterator[str]:
        for name in self.fused.accumulators:
            yield f"{self._ops.vector} {name} = {self._ops.broadcast('0.0f')};"

    def column(self, first: int, masked: bool) -> Iterator[str]:
        width = self.fused.shape.vectors * F32.lanes(self.isa.vector_bytes)
        weights = self._one.load(f"w + {first}")
        yield "{"
        yield f"  const float *last = row + {width};"
        yield from indent(
            (self._single if self.positions == 1 else self._pairs)(weights, f"lanes[{width // 8}]", masked)
        )
        yield "}"

    def _single(self, weights: str, lanes: str, masked: bool) -> Iterator[str]:
        """What a column adds. lanes: bits of the positions that count, if `masked`."""
        ops = self._ops
        yield f"const {ops.vector} w0 = {weights};"
        if masked:
            yield f"const __m128 some = {ops.load_few('last', lanes)};"
        yield f"const {ops.vector} x0 = {ops.spread('some') if masked else ops.scalar('last[0]')};"
        yield f"s0 = {ops.fma('x0', 'w0', 's0')};"

    def _pairs(self, weights: str, lanes: str, masked: bool) -> Iterator[str]:
        """The same of two positions to an accumulator."""
        ops, some = self._ops, self._one.load_within("last", lanes if masked else f"{(1 << self.positions) - 1}")
        yield f"const {self._one.vector} some = {some};"
        yield f"const {ops.vector} both = {ops.twice(weights)};"
        for p, name in zip(range(0, self.positions, 2), self.fused.accumulators, strict=True):
            yield f"{name} = {ops.fma('both', ops.lanes_of('some', (p, p + 1)), name)};"

    def finish(self) -> Iterator[str]:
        lanes = F32.lanes(self.isa.vector_bytes)
        for p, name in zip(range(0, self.positions, 2), self.fused.accumulators, strict=True):
            yield f"{self._ops.store(f'a->tail + {p * lanes}', name)};"
