"""The micro-kernel: one tile of T output channels by one strip of NR = V x lanes positions.

    y[t][p] = clamp(sum over kept columns k of w[k][t] * x[off[k] + p]  [+ c[t][p]] [+ r[t][p]] [+ bias[t]])

(off counts bytes). With masks, x counts as zero in the lanes that the column's tap leaves out: padding that is not in
memory. Every convolution, dense or pruned, packed or direct, depthwise or with few channels, and every
fully connected layer runs on this one kernel; what differs is where `off` points and which loops call it
(docs/kernels.md).

One column costs V vector loads of X and T scalar loads of W for T x V multiply-adds; the accumulators never leave
their registers. Standard library only (run by the build hook).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, cast

from colonnade.kernels.arithmetic import F32
from colonnade.kernels.shapes import Shape
from colonnade.kernels.vector import MaskedOps, VectorOps, vector_ops
from colonnade.target.isa import Isa

LOOKAHEAD = 8  # columns between a row's prefetch and its use; `off` has this many readable entries past its end
LINE_BYTES = 64  # of a cache line
WEIGHTS_AHEAD = 512  # floats between a weight's prefetch and its use: weights are read once a run, from far away


class Beside(Protocol):
    """What a micro-kernel computes beside its tile, as lines of C: the sums of the positions that follow the strip
    (kernels/fused.py)."""

    @property
    def positions(self) -> int: ...
    def start(self) -> Iterable[str]: ...
    def column(self, first: int, masked: bool) -> Iterable[str]: ...  # whose weights are w[first], ...; `row`, `lanes`
    def finish(self) -> Iterable[str]: ...


def kernel_source(isa: Isa, shape: Shape) -> str:
    """C source of the micro-kernel of `shape` for `isa`: a function `void NAME(const cln_strip_args *)`."""
    return kernel_function(isa, shape, shape.name(isa), None)


def kernel_function(isa: Isa, shape: Shape, name: str, beside: Beside | None) -> str:
    """The same by another name, with what it computes beside."""
    ops = vector_ops(isa, shape)
    loops = with_lane_masks(isa, lambda masked: _loops(ops, isa, shape, masked, beside))
    sums = beside.finish() if beside else ()
    strip = [*_initialise(ops, isa, shape, beside), *loops, *sums, *_finish(ops, isa, shape)]
    body = [*ops.strip_begin, *indent(strip), *ops.strip_end]
    return "\n".join([f"static void {name}(const cln_strip_args *a) {{", *indent(body), "}", ""])


def _initialise(ops: VectorOps, isa: Isa, shape: Shape, beside: Beside | None) -> Iterator[str]:
    rows, parts = range(shape.rows), range(ops.parts)
    yield f"const char *restrict x = (const char *)(a->x{ops.at});"
    yield "const float *restrict w = a->w;"
    yield "const int32_t *restrict off = a->off;"
    yield "size_t n = a->n;"
    yield from declare(ops, rows)
    if beside:
        yield from beside.start()
    # The accumulators start as sums, as the residual, or as the first column's products: none costs an addition. Nor
    # does the bias, where a multiply-add takes it as it takes any vector.
    if not isa.scalar_operands:
        yield f"static const float none[{shape.rows}] = {{0.0f}};"
        yield "const float *bias = a->bias ? a->bias : none;"
    yield f"const float *start = a->c ? a->c{ops.at} : a->r{ops.at};"
    yield "const int64_t *start_rows = a->c ? a->c_rows : a->r_rows;"
    yield "if (a->c || a->r) {"
    for t in rows:
        for v in parts:
            yield f"  c{t}_{v} = {ops.part(v).load(f'start + start_rows[{t}] + {lane(isa, v)}')};"
    yield "} else if (n && !a->lane_masks) {" if isa.masks_lanes else "} else if (n) {"
    yield "  const float *row = (const float *)(x + off[0]);"
    yield from (f"  {load_x(ops, isa, v)}" for v in parts)
    for t in rows:
        yield f"  const {ops.scalar_type} w{t} = {ops.scalar(f'w[{t}]')};"
        if isa.scalar_operands:
            yield from (f"  c{t}_{v} = {ops.part(v).multiply(f'w{t}', f'x{v}')};" for v in parts)
        else:
            for v, part in ((v, ops.part(v)) for v in parts):
                yield f"  c{t}_{v} = {part.fma(f'w{t}', f'x{v}', part.broadcast(f'bias[{t}]'))};"
    if beside:
        yield from indent(beside.column(0, False))
    yield f"  ++off, w += {shape.rows}, --n;"
    yield "} else {"
    start = "0.0f" if isa.scalar_operands else "bias[{}]"
    yield from (f"  c{t}_{v} = {ops.part(v).broadcast(start.format(t))};" for t in rows for v in parts)
    yield "}"


def _loops(ops: VectorOps, isa: Isa, shape: Shape, masked: bool, beside: Beside | None) -> Iterator[str]:
    """Over all columns. masked: each leaves out the lanes that its tap does."""
    yield f"for (; n >= {isa.columns}; n -= {isa.columns}) {{"
    yield from indent(_columns(ops, isa, shape, isa.columns, masked, beside))
    yield "}"
    yield "for (; n != 0; --n) {"
    yield from indent(_columns(ops, isa, shape, 1, masked, beside))
    yield "}"


def _columns(ops: VectorOps, isa: Isa, shape: Shape, count: int, masked: bool, beside: Beside | None) -> Iterator[str]:
    floats = shape.vectors * F32.lanes(isa.vector_bytes) + (beside.positions if beside else 0)
    yield from _prefetches(ops, "w", WEIGHTS_AHEAD, count * shape.rows)
    for i in range(count):
        yield "{"
        yield f"  const float *row = (const float *)(x + off[{i}]);"
        ahead = f"(const float *)(x + off[{LOOKAHEAD + i}])"
        yield from indent(_prefetches(ops, ahead, 0, floats))
        if masked:
            yield f"  const uint8_t *lanes = masks + taps[{i}] * CLN_LANE_MASK_BYTES;"
        yield from indent(_one_column(ops, isa, shape, i, masked))
        if beside:
            yield from indent(beside.column(i * shape.rows, masked))
        yield "}"
    yield f"off += {count};"
    if masked:
        yield f"taps += {count};"
    yield f"w += {count * shape.rows};"


def _prefetches(ops: VectorOps, base: str, first: int, floats: int) -> Iterator[str]:
    """Of every cache line of some floats, from the first one on."""
    for start in range(first, first + floats, LINE_BYTES // F32.data.bytes):
        prefetch = ops.prefetch(f"{base} + {start}")
        if prefetch:
            yield f"{prefetch};"


def _one_column(ops: VectorOps, isa: Isa, shape: Shape, i: int, masked: bool) -> Iterator[str]:
    rows, parts = range(shape.rows), range(ops.parts)
    weights = [f"const {ops.scalar_type} w{t} = {ops.scalar(f'w[{i * shape.rows + t}]')};" for t in rows]
    vectors = [(_load_masked_x if masked else load_x)(ops, isa, v) for v in parts]
    if shape.holds_weights(isa):
        yield from weights
        for v in parts:
            yield vectors[v]
            for t in rows:
                yield f"c{t}_{v} = {ops.part(v).fma(f'w{t}', f'x{v}', f'c{t}_{v}')};"
    else:
        yield from vectors
        for t in rows:
            yield weights[t]
            for v in parts:
                yield f"c{t}_{v} = {ops.part(v).fma(f'w{t}', f'x{v}', f'c{t}_{v}')};"


def _finish(ops: VectorOps, isa: Isa, shape: Shape) -> Iterator[str]:
    rows, parts = range(shape.rows), range(ops.parts)
    yield "if (a->c && a->r) {"
    yield f"  const float *r = a->r{ops.at};"
    for t in rows:
        for v in parts:
            residual = ops.part(v).load(f"r + a->r_rows[{t}] + {lane(isa, v)}")
            yield f"  c{t}_{v} = {ops.part(v).add(f'c{t}_{v}', residual)};"
    yield "}"
    yield "if (a->bias) {" if isa.scalar_operands else "if (a->bias && (a->c || a->r)) {"
    for t in rows:
        yield f"  const {ops.scalar_type} b{t} = {ops.scalar(f'a->bias[{t}]')};"
        yield from (f"  c{t}_{v} = {ops.part(v).add_scalar(f'b{t}', f'c{t}_{v}')};" for v in parts)
    yield "}"
    yield from clamp(ops, rows)
    yield f"float *y = a->y{ops.at};"
    yield "const int64_t *y_rows = a->y_rows;  /* a local: the stores below might change a->y_rows, for all C knows */"
    for t in rows:
        for v in parts:
            yield f"{ops.part(v).store(f'y + y_rows[{t}] + {lane(isa, v)}', f'c{t}_{v}')};"


def lane(isa: Isa, v: int) -> int:
    """The first lane of register v in its row."""
    return v * isa.wide * F32.lanes(isa.vector_bytes)


def load_x(ops: VectorOps, isa: Isa, v: int) -> str:
    """Register v of what `row` points to."""
    part = ops.part(v)
    return f"const {part.vector} x{v} = {part.load(f'row + {lane(isa, v)}')};"


def _load_masked_x(ops: VectorOps, isa: Isa, v: int) -> str:
    """The same; lanes that `lanes` leaves out are zero, and nothing is read there."""
    part, first = cast(MaskedOps, ops.part(v)), lane(isa, v)
    loaded = part.load_within(f"row + {first}", f"cln_bits(lanes + {first // 8}, {part.lanes})")
    return f"const {part.vector} x{v} = {loaded};"


def declare(ops: VectorOps, rows: range) -> Iterator[str]:
    """Accumulators c{row}_{register}."""
    for v in range(ops.parts):
        yield f"{ops.part(v).vector} {', '.join(f'c{t}_{v}' for t in rows)};"


def clamp(ops: VectorOps, rows: range) -> Iterator[str]:
    """All accumulators to a->lo and a->hi."""
    parts = range(ops.parts)
    for part in dict.fromkeys(ops.part(v) for v in parts):
        yield "{"
        yield from indent(part.clamp([f"c{t}_{v}" for t in rows for v in parts if ops.part(v) == part]))
        yield "}"


def with_lane_masks(isa: Isa, loops: Callable[[bool], Iterable[str]]) -> Iterator[str]:
    """Loops over columns; where an instruction set takes masks, others under them, which know `masks` and `taps`."""
    if not isa.masks_lanes:
        yield from loops(False)
        return
    yield "if (a->lane_masks) {"
    yield "  const uint8_t *restrict masks = a->lane_masks, *restrict taps = a->taps;"
    yield from indent(loops(True))
    yield "} else {"
    yield from indent(loops(False))
    yield "}"


def indent(lines: Iterable[str]) -> Iterator[str]:
    """The lines, one level further in."""
    return (f"  {line}" for line in lines)
