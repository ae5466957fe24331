"""The micro-kernel of the last few positions of a strip: output channels are its lanes, positions its rows.

    y[p][t] = sum over kept columns k of w[k][t] * x[off[k] + p]

49 positions are six vectors of 8 and one position more. For that one the micro-kernel of cnm.py would do T
multiply-adds of which one lane is of use; here a column takes one load of its T weights and one multiply-add for each
position.

Standard library only (run by the build hook).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from colonnade.kernels.cnm import WEIGHTS_AHEAD, indent, lane
from colonnade.kernels.shapes import Shape
from colonnade.kernels.tile import tile_ops
from colonnade.target.isa import Isa

POSITIONS = (1, 2, 3, 4)  # P
VECTORS = (1, 2, 4)  # V, or LMUL: as many as hold T
MOST_VECTORS = 8  # P * V: the accumulators of a turn
CHAINS = 4  # of multiply-adds that do not wait for each other: columns of a turn, times P * V


@dataclass(frozen=True, order=True)
class Tail:
    """A micro-kernel for `positions` positions of up to `vectors` vectors of output channels."""

    positions: int
    vectors: int

    @property
    def shape(self) -> Shape:
        return Shape(self.positions, self.vectors)

    @property
    def columns(self) -> int:
        """Of X per turn of the loop."""
        return max(1, CHAINS // (self.positions * self.vectors))

    def name(self, isa: Isa) -> str:
        return f"tail_f32_{self.positions}x{self.vectors}v__{isa.symbol}"


TAILS = tuple(Tail(p, v) for p in POSITIONS for v in VECTORS if p * v <= MOST_VECTORS)


def longest_tail(rows: int, lanes: int) -> int:
    """The most positions for which a tail of T = `rows` takes half the multiply-adds of one more vector of `lanes`, or
    fewer; 0: none."""
    fitting = (tail for tail in TAILS if tail.vectors == tail_vectors(rows, lanes))
    return max((tail.positions for tail in fitting if 2 * tail.positions * tail.vectors <= rows), default=0)


def tail_vectors(rows: int, lanes: int) -> int:
    """Vectors that hold T = `rows` weights; 0 if no tail kernel has as many."""
    return next((vectors for vectors in VECTORS if vectors * lanes >= rows), 0)


def tail_source(isa: Isa, tail: Tail) -> str:
    """C source of one tail kernel: a function `void NAME(const cln_tail *)`."""
    ops = tile_ops(isa, tail.shape)
    sums = [(p, v, f"c{p}_{v}") for p in range(tail.positions) for v in range(ops.parts)]
    chains = range(tail.columns)
    strip = [
        "const char *restrict x = (const char *)a->x;",
        f"const float *restrict w = a->w{ops.at};",
        "const int32_t *restrict off = a->off;",
        "size_t n = a->n;",
        *(f"{ops.part(v).vector} {c}_{u} = {ops.part(v).broadcast('0.0f')};" for _, v, c in sums for u in chains),
        f"for (; n >= {tail.columns}; n -= {tail.columns}, off += {tail.columns}) {{",
        *(f"  {line}" for u in chains for line in _column(isa, tail, u)),
        "}",
        *([] if tail.columns == 1 else ["for (; n != 0; --n, ++off) {", *indent(_column(isa, tail, 0)), "}"]),
        *(f"{c}_0 = {ops.part(v).add(f'{c}_0', f'{c}_{u}')};" for _, v, c in sums for u in chains[1:]),
        *(f"{ops.part(v).store(f'a->y{ops.at} + {p} * a->y_step + {lane(isa, v)}', f'{c}_0')};" for p, v, c in sums),
    ]
    body = [*ops.strip_begin, *indent(strip), *ops.strip_end]
    return "\n".join([f"static void {tail.name(isa)}(const cln_tail *a) {{", *indent(body), "}", ""])


def _column(isa: Isa, tail: Tail, chain: int) -> Iterator[str]:
    ops = tile_ops(isa, tail.shape)
    yield "{"
    yield f"  const float *row = (const float *)(x + off[{chain}]);"
    prefetch = ops.prefetch(f"w + {WEIGHTS_AHEAD}")
    if prefetch:
        yield f"  {prefetch};"
    for v in range(ops.parts):
        yield f"  const {ops.part(v).vector} w{v} = {ops.part(v).load(f'w + {lane(isa, v)}')};"
    for p in range(tail.positions):
        yield f"  const {ops.scalar_type} x{p} = {ops.scalar(f'row[{p}]')};"
        for v in range(ops.parts):
            c = f"c{p}_{v}_{chain}"
            yield f"  {c} = {ops.part(v).fma(f'x{p}', f'w{v}', c)};"
    yield "  w += a->count;"
    yield "}"
