"""The micro-kernel: one tile of T output channels by one strip of NR = V x lanes positions.

    y[t][p] = clamp(init[t][p] + sum over kept columns k of w[k][t] * x[off[k] + p]  [+ r[t][p]])

Every convolution, dense or pruned, packed or direct, depthwise or with few channels, and every fully connected
layer runs on this one kernel; what differs is where `off` points and which loops call it (docs/kernels.md).
One column costs V vector loads of X and T scalar loads of W for T x V multiply-adds; the accumulators never leave
their registers. Standard library only (run by the build hook).
"""

from __future__ import annotations

from collections.abc import Iterator

from colonnade.kernels.shapes import Shape
from colonnade.kernels.tile import TileOps, tile_ops
from colonnade.target.isa import Isa

COLUMNS_PER_ITERATION = 2
LOOKAHEAD = 8  # columns between a row's prefetch and its use; `off` has this many readable entries past its end
LINE_FLOATS = 16  # f32 elements of a cache line


def kernel_source(isa: Isa, shape: Shape) -> str:
    """C source of the micro-kernel of `shape` for `isa`: a function `void NAME(const cln_tile *)`."""
    ops = tile_ops(isa)
    body = [
        *_initialise(ops, isa, shape),
        f"for (; n >= {COLUMNS_PER_ITERATION}; n -= {COLUMNS_PER_ITERATION}) {{",
        *_indent(_columns(ops, isa, shape, COLUMNS_PER_ITERATION)),
        "}",
        "for (; n != 0; --n) {",
        *_indent(_columns(ops, isa, shape, 1)),
        "}",
        *_finish(ops, isa, shape),
    ]
    return "\n".join([f"static void {shape.name(isa)}(const cln_tile *a) {{", *_indent(body), "}", ""])


def _accumulators(shape: Shape) -> Iterator[tuple[int, int, str]]:
    for t in range(shape.rows):
        for v in range(shape.vectors):
            yield t, v, f"c{t}_{v}"


def _initialise(ops: TileOps, isa: Isa, shape: Shape) -> list[str]:
    names = ", ".join(name for _, _, name in _accumulators(shape))
    lines = [
        "const float *restrict x = a->x, *restrict w = a->w;",
        "const int32_t *restrict off = a->off;",
        "size_t n = a->n;",
        f"{ops.vector} {names};",
        "if (a->bias) {",
    ]
    for t in range(shape.rows):
        chain = " = ".join(f"c{t}_{v}" for v in range(shape.vectors))
        lines.append(f"  {chain} = {ops.broadcast(f'a->bias[{t}]')};")
    lines.append("} else {")
    for t in range(shape.rows):
        lines.append(f"  const float *c{t} = a->c + a->c_rows[{t}];")
        lines += [f"  c{t}_{v} = {ops.load(f'c{t} + {v * isa.lanes}')};" for v in range(shape.vectors)]
    return [*lines, "}"]


def _columns(ops: TileOps, isa: Isa, shape: Shape, count: int) -> Iterator[str]:
    for i in range(count):
        yield "{"
        yield f"  const float *row = x + off[{i}];"
        for start in range(0, shape.vectors * isa.lanes, LINE_FLOATS):
            yield f"  {ops.prefetch(f'x + off[{LOOKAHEAD + i}] + {start}')};"
        yield from _indent(_one_column(ops, isa, shape, i))
        yield "}"
    yield f"off += {count};"
    yield f"w += {count * shape.rows};"


def _one_column(ops: TileOps, isa: Isa, shape: Shape, i: int) -> Iterator[str]:
    weight = [ops.broadcast(f"w[{i * shape.rows + t}]") for t in range(shape.rows)]
    vector = [ops.load(f"row + {v * isa.lanes}") for v in range(shape.vectors)]
    if shape.holds_weights:
        for t in range(shape.rows):
            yield f"const {ops.vector} w{t} = {weight[t]};"
        for v in range(shape.vectors):
            yield f"const {ops.vector} x{v} = {vector[v]};"
            for t in range(shape.rows):
                yield f"c{t}_{v} = {ops.fma(f'w{t}', f'x{v}', f'c{t}_{v}')};"
    else:
        for v in range(shape.vectors):
            yield f"const {ops.vector} x{v} = {vector[v]};"
        for t in range(shape.rows):
            yield f"const {ops.vector} w{t} = {weight[t]};"
            for v in range(shape.vectors):
                yield f"c{t}_{v} = {ops.fma(f'w{t}', f'x{v}', f'c{t}_{v}')};"


def _finish(ops: TileOps, isa: Isa, shape: Shape) -> Iterator[str]:
    yield "if (a->r) {"
    for t in range(shape.rows):
        yield f"  const float *r{t} = a->r + a->r_rows[{t}];"
        for v in range(shape.vectors):
            yield f"  c{t}_{v} = {ops.add(f'c{t}_{v}', ops.load(f'r{t} + {v * isa.lanes}'))};"
    yield "}"
    yield f"const {ops.vector} lo = {ops.broadcast('a->lo')}, hi = {ops.broadcast('a->hi')};"
    for t in range(shape.rows):
        yield f"float *y{t} = a->y + a->y_rows[{t}];"
        for v in range(shape.vectors):
            clamped = ops.minimum("hi", ops.maximum("lo", f"c{t}_{v}"))
            yield f"{ops.store(f'y{t} + {v * isa.lanes}', clamped)};"


def _indent(lines: Iterator[str] | list[str]) -> Iterator[str]:
    return (f"  {line}" for line in lines)
