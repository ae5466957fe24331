"""The fastest multiply-adds an instruction set can do: a micro-kernel without loads, whose speed is the roof that
others are measured against.

    y[t][p] = c[t][p] + n * w[0] * x[p]

Standard library only (run by the build hook).
"""

from __future__ import annotations

from colonnade.kernels.arithmetic import F32
from colonnade.kernels.cnm import lane
from colonnade.kernels.shapes import Shape, shapes
from colonnade.kernels.vector import vector_ops
from colonnade.target.isa import Isa

LEAST_ROWS = 6  # independent sums of a vector, or of a group of registers: enough to wait for none


def peak_shape(isa: Isa) -> Shape:
    """The most vectors to a row, which few instructions keep busy, with enough rows; of these the most."""
    fitting = (shape for shape in shapes(isa) if shape.rows >= LEAST_ROWS)
    return max(fitting, key=lambda shape: (shape.vectors, shape.rows))


def peak_positions(isa: Isa) -> int:
    """Of a call; 0: as many as are asked for."""
    return peak_shape(isa).vectors * F32.lanes(isa.vector_bytes)


def peak_source(isa: Isa) -> str:
    """C source of `void cnm_peak(const cln_strip_args *)` for `isa`."""
    shape = peak_shape(isa)
    ops = vector_ops(isa, shape)
    rows, parts = range(shape.rows), range(ops.parts)
    sums = [(t, v, f"c{t}_{v}") for t in rows for v in parts]
    strip = [
        f"const {ops.scalar_type} w = {ops.scalar('a->w[0]')};",
        *(f"const {ops.vector} x{v} = {ops.load(f'a->x{ops.at} + {lane(isa, v)}')};" for v in parts),
        *(f"{ops.vector} {c} = {ops.load(f'a->c{ops.at} + a->c_rows[{t}] + {lane(isa, v)}')};" for t, v, c in sums),
        "for (size_t n = a->n; n != 0; --n) {",
        *(f"  {c} = {ops.fma('w', f'x{v}', c)};" for _, v, c in sums),
        "}",
        *(f"{ops.store(f'a->y{ops.at} + a->y_rows[{t}] + {lane(isa, v)}', c)};" for t, v, c in sums),
    ]
    body = [*ops.strip_begin, *(f"  {line}" for line in strip), *ops.strip_end]
    return "\n".join(["static void cnm_peak(const cln_strip_args *a) {", *(f"  {line}" for line in body), "}", ""])
