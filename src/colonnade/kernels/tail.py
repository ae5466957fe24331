"""The last few positions of a strip, computed beside its whole vectors (fused.py): output channels are the lanes.

    y[p][t] = sum over kept columns k of w[k][t] * x[off[k] + p]

49 positions are six vectors of 8 and one position more. For that one the micro-kernel of cnm.py would do T
multiply-adds of which one lane is of use. Here a column takes one load of its T weights and one multiply-add for each
position. Where a register holds two vectors, it holds the weights twice and two positions share a multiply-add.

Standard library only (run by the build hook).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from colonnade.kernels.cnm import lane
from colonnade.kernels.shapes import Shape
from colonnade.kernels.vector import MaskedOps, VectorOps, vector_ops
from colonnade.target.isa import Isa

VECTORS = (1, 2, 4)  # V, or LMUL: as many as hold T


@dataclass(frozen=True, order=True)
class Tail:
    """`positions` positions of up to `vectors` vectors of output channels."""

    positions: int
    vectors: int

    @property
    def shape(self) -> Shape:
        return Shape(self.positions, self.vectors)

    def paired(self, isa: Isa) -> bool:
        """Whether two positions share a register: one that lies alone has less to do."""
        return isa.masks_lanes and isa.wide > self.vectors and self.positions > isa.wide

    def accumulators(self, isa: Isa) -> int:
        """Of one column, as registers."""
        return -(-self.positions // 2) if self.paired(isa) else self.positions * vector_ops(isa, self.shape).parts

    def saves(self, isa: Isa, rows: int) -> bool:
        """Whether it takes clearly less than one more vector of T = `rows`: half the multiply-adds, or fewer. That of a
        pair takes a shuffle too."""
        if self.paired(isa):
            return 3 * self.accumulators(isa) < rows
        return 2 * self.positions * self.vectors <= rows


def tail_vectors(rows: int, lanes: int) -> int:
    """Vectors that hold T = `rows` weights."""
    return next(vectors for vectors in VECTORS if vectors * lanes >= rows)


@dataclass(frozen=True)
class Accumulator:
    """Sums of one position, and of the next where two share a register, for output channels from `first` on."""

    ops: VectorOps
    name: str
    position: int
    first: int


def accumulators(isa: Isa, tail: Tail) -> tuple[Accumulator, ...]:
    """Those of one column."""
    if tail.paired(isa):
        whole = vector_ops(isa, Shape(1, isa.wide))
        return tuple(Accumulator(whole, f"s{p}", p, 0) for p in range(0, tail.positions, 2))
    ops = vector_ops(isa, tail.shape)
    return tuple(
        Accumulator(ops.part(v), f"s{p}_{v}", p, lane(isa, v)) for p in range(tail.positions) for v in range(ops.parts)
    )


def multiply_adds(isa: Isa, tail: Tail, x: str, w: str, lanes: str | None) -> Iterator[str]:
    """What a column adds to the accumulators. x, w: pointers to its first position and to its weights. lanes: bits of
    the positions that count; None: all do."""
    if tail.paired(isa):
        half, whole = (
            cast(MaskedOps, vector_ops(isa, Shape(1, 1))),
            cast(MaskedOps, vector_ops(isa, Shape(1, isa.wide))),
        )
        yield f"const {half.vector} some = {half.load_within(x, lanes or f'{(1 << tail.positions) - 1}')};"
        yield f"const {whole.vector} both = {whole.twice(half.load(w))};"
        for c in accumulators(isa, tail):
            pair = whole.lanes_of("some", (c.position, c.position + 1))
            yield f"{c.name} = {whole.fused('both', pair, c.name)};"
        return
    ops = vector_ops(isa, tail.shape)
    for v in range(ops.parts):
        yield f"const {ops.part(v).vector} w{v} = {ops.part(v).load(f'{w} + {lane(isa, v)}')};"
    if lanes:
        yield f"const __m128 some = {cast(MaskedOps, ops).load_few(x, lanes)};"
    for p in range(tail.positions):
        spread = cast(MaskedOps, ops).spread("some", p) if lanes else ops.scalar(f"{x}[{p}]")
        yield f"const {ops.scalar_type} x{p} = {spread};"
        for v in range(ops.parts):
            name = f"s{p}_{v}"
            yield f"{name} = {ops.part(v).fma(f'x{p}', f'w{v}', name)};"
