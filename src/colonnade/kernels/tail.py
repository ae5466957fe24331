"""The micro-kernel of the last few positions of a strip: output channels are its lanes, positions its rows.

    y[p][t] = sum over kept columns k of w[k][t] * x[off[k] + p]

49 positions are six vectors of 8 and one position more. For that one the micro-kernel of cnm.py would do T
multiply-adds of which one lane is of use; here a column takes one load of its T weights and one multiply-add for each
position. Where a register holds two vectors, it holds the weights twice and two positions share a multiply-add.

Standard library only (run by the build hook).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import cast

from colonnade.kernels.cnm import LOOKAHEAD, indent, lane, with_masks
from colonnade.kernels.shapes import Shape
from colonnade.kernels.tile import MaskedOps, TileOps, tile_ops
from colonnade.target.isa import Isa

POSITIONS = (1, 2, 3, 4)  # P
VECTORS = (1, 2, 4)  # V, or LMUL: as many as hold T
CHAINS = 4  # of multiply-adds that do not wait for each other: columns of a turn, times accumulators


@dataclass(frozen=True, order=True)
class Tail:
    """A micro-kernel for `positions` positions of up to `vectors` vectors of output channels."""

    positions: int
    vectors: int

    @property
    def shape(self) -> Shape:
        return Shape(self.positions, self.vectors)

    def paired(self, isa: Isa) -> bool:
        """Whether two positions share a register: one that lies alone has less to do."""
        return isa.masked and isa.wide > self.vectors and self.positions > isa.wide

    def accumulators(self, isa: Isa) -> int:
        """Of one column, as registers."""
        return -(-self.positions // 2) if self.paired(isa) else self.positions * tile_ops(isa, self.shape).parts

    def columns(self, isa: Isa) -> int:
        """Of X per turn of the loop."""
        return max(1, CHAINS * (1 + self.paired(isa)) // self.accumulators(isa))

    def saves(self, isa: Isa, rows: int) -> bool:
        """Whether it takes clearly less than one more vector of T = `rows`: half the multiply-adds, or fewer. That of a
        pair takes a shuffle too."""
        if self.paired(isa):
            return 3 * self.accumulators(isa) < rows
        return 2 * self.positions * self.vectors <= rows

    def name(self, isa: Isa) -> str:
        return f"tail_f32_{self.positions}x{self.vectors}v__{isa.symbol}"


@cache
def tails(isa: Isa) -> tuple[Tail, ...]:
    """Every tail kernel of `isa`: those worth it for the most rows, with accumulators in half its registers."""
    found = []
    for tail in (Tail(p, v) for p, v in product(POSITIONS, VECTORS)):
        rows = min(isa.max_rows, tail.vectors * isa.lanes or isa.max_rows)
        if tail.positions * tail.vectors <= isa.registers // 2 and tail.saves(isa, rows):
            found.append(tail)
    return tuple(found)


@cache
def longest_tail(isa: Isa, rows: int, lanes: int) -> int:
    """The most positions past whole vectors of `lanes` that are worth a tail kernel of T = `rows`; 0: none."""
    fitting = (tail for tail in tails(isa) if tail.vectors == tail_vectors(rows, lanes))
    return max((tail.positions for tail in fitting if tail.saves(isa, rows)), default=0)


def tail_vectors(rows: int, lanes: int) -> int:
    """Vectors that hold T = `rows` weights; 0 if no tail kernel has as many."""
    return next((vectors for vectors in VECTORS if vectors * lanes >= rows), 0)


def tail_source(isa: Isa, tail: Tail) -> str:
    """C source of one tail kernel: a function `void NAME(const cln_tail *)`."""
    ops = tile_ops(isa, tail.shape)
    found = accumulators(isa, tail)
    chains = range(tail.columns(isa))
    strip = [
        "const char *restrict x = (const char *)a->x;",
        f"const float *restrict w = a->w{ops.at};",
        "const int32_t *restrict off = a->off;",
        "size_t n = a->n;",
        *(f"{c.ops.vector} {c.name}_{u} = {c.ops.broadcast('0.0f')};" for c in found for u in chains),
        *_over_columns(isa, tail.columns(isa), lambda u, masked: _column(isa, tail, u, masked)),
        *(f"{c.name}_0 = {c.ops.add(f'{c.name}_0', f'{c.name}_{u}')};" for c in found for u in chains[1:]),
        *(f"{c.ops.store(f'a->y{ops.at} + {c.position} * a->y_step + {c.first}', f'{c.name}_0')};" for c in found),
    ]
    body = [*ops.strip_begin, *indent(strip), *ops.strip_end]
    return "\n".join([f"static void {tail.name(isa)}(const cln_tail *a) {{", *indent(body), "}", ""])


@dataclass(frozen=True)
class Accumulator:
    """Sums of one position, and of the next where two share a register, for output channels from `first` on."""

    ops: TileOps
    name: str
    position: int
    first: int


def accumulators(isa: Isa, tail: Tail) -> tuple[Accumulator, ...]:
    """Those of one column."""
    if tail.paired(isa):
        whole = tile_ops(isa, Shape(1, isa.wide))
        return tuple(Accumulator(whole, f"s{p}", p, 0) for p in range(0, tail.positions, 2))
    ops = tile_ops(isa, tail.shape)
    return tuple(
        Accumulator(ops.part(v), f"s{p}_{v}", p, lane(isa, v)) for p in range(tail.positions) for v in range(ops.parts)
    )


def multiply_adds(isa: Isa, tail: Tail, x: str, w: str, lanes: str | None, chain: str = "") -> Iterator[str]:
    """What a column adds to the accumulators. x, w: pointers to its first position and to its weights. lanes: bits of
    the positions that count; None: all do. chain: what follows the accumulators' names."""
    if tail.paired(isa):
        half, whole = cast(MaskedOps, tile_ops(isa, Shape(1, 1))), cast(MaskedOps, tile_ops(isa, Shape(1, isa.wide)))
        yield f"const {half.vector} some = {half.load_within(x, lanes or f'{(1 << tail.positions) - 1}')};"
        yield f"const {whole.vector} both = {whole.twice(half.load(w))};"
        for c in accumulators(isa, tail):
            pair = whole.lanes_of("some", (c.position, c.position + 1))
            yield f"{c.name}{chain} = {whole.fused('both', pair, c.name + chain)};"
        return
    ops = tile_ops(isa, tail.shape)
    for v in range(ops.parts):
        yield f"const {ops.part(v).vector} w{v} = {ops.part(v).load(f'{w} + {lane(isa, v)}')};"
    if lanes:
        yield f"const __m128 some = {cast(MaskedOps, ops).load_few(x, lanes)};"
    for p in range(tail.positions):
        spread = cast(MaskedOps, ops).spread("some", p) if lanes else ops.scalar(f"{x}[{p}]")
        yield f"const {ops.scalar_type} x{p} = {spread};"
        for v in range(ops.parts):
            name = f"s{p}_{v}{chain}"
            yield f"{name} = {ops.part(v).fma(f'x{p}', f'w{v}', name)};"


def _column(isa: Isa, tail: Tail, chain: int, masked: bool) -> Iterator[str]:
    yield "{"
    yield f"  const float *row = (const float *)(x + off[{chain}]);"
    # The row of a column that is needed soon: the strips before have not read that far.
    prefetch = tile_ops(isa, tail.shape).prefetch(f"(const float *)(x + off[{LOOKAHEAD + chain}])")
    if prefetch:
        yield f"  {prefetch};"
    lanes = f"masks[taps[{chain}] * CLN_MASK_BYTES]" if masked else None
    yield from indent(multiply_adds(isa, tail, "row", "w", lanes, f"_{chain}"))
    yield "  w += a->count;"
    yield "}"


def _over_columns(isa: Isa, chains: int, column: Callable[[int, bool], Iterable[str]]) -> Iterator[str]:
    """The loop over the columns of a tile, so many at a time, and one by one over the rest."""

    def loops(masked: bool) -> Iterator[str]:
        step = f"off += {chains}, taps += {chains}" if masked else f"off += {chains}"
        yield f"for (; n >= {chains}; n -= {chains}, {step}) {{"
        for u in range(chains):
            yield from indent(column(u, masked))
        yield "}"
        if chains > 1:
            step = "++off, ++taps" if masked else "++off"
            yield from [f"for (; n != 0; --n, {step}) {{", *indent(column(0, masked)), "}"]

    return with_masks(isa, loops)
