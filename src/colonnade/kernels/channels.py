"""The micro-kernel by channels: output channels are the lanes of its vectors, and positions its rows.

    y[t][p] = clamp(sum over kept columns k of w[k][t] * x[off[k] + s * p]  [+ c[p][t]] [+ r[t][p]] [+ bias[t]])

One column costs V vector loads of W and P scalar loads of X for P x V multiply-adds, as many for each as in cnm.py. But
positions may lie anywhere a constant away from each other: the stride s of a convolution costs nothing, and strips end
where rows do, without lanes left over, whatever the width. What it costs is that outputs lie apart: a vector has one of
each channel, and its elements are scattered.

A strip is one line of outputs, or part of one, or two short lines. Standard library only (run by the build hook).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from colonnade.kernels.cnm import indent, lane
from colonnade.kernels.shapes import Shape
from colonnade.kernels.vector import VectorOps, vector_ops
from colonnade.target.isa import ISAS, Isa

VECTORS = 2  # V: T is at most what as many hold
LINES = (1, 2)  # of outputs in a strip
STRIDES = (1, 2)
MAX_WIDTH = max(isa.channel_positions for isa in ISAS)  # positions of a line


@dataclass(frozen=True, order=True)
class ChannelKernel:
    """The micro-kernel of P = `lines` x `width` positions, `stride` elements of X apart along a line."""

    lines: int
    width: int
    stride: int

    @property
    def shape(self) -> Shape:
        """Rows by vectors of the accumulators."""
        return Shape(self.lines * self.width, VECTORS)

    def name(self, isa: Isa) -> str:
        return f"channels_f32_{self.lines}x{self.width}s{self.stride}__{isa.symbol}"


@cache
def channel_kernels(isa: Isa) -> tuple[ChannelKernel, ...]:
    """Every kernel by channels of `isa`: of every width, so that the end of a line finds one."""
    sizes = [(lines, width) for lines in LINES for width in range(1, isa.channel_positions // lines + 1)]
    return tuple(ChannelKernel(*size, stride) for size in sizes for stride in STRIDES)


def channel_source(isa: Isa, kernel: ChannelKernel) -> str:
    """C source of one kernel by channels: a function `void NAME(const cln_channel_args *)`."""
    ops = vector_ops(isa, kernel.shape)
    strip = [*_start(ops, isa, kernel), *_loops(ops, isa, kernel), *_finish(ops, isa, kernel)]
    body = [*ops.strip_begin, *indent(strip), *ops.strip_end]
    return "\n".join([f"static void {kernel.name(isa)}(const cln_channel_args *a) {{", *indent(body), "}", ""])


def _accumulators(ops: VectorOps, kernel: ChannelKernel) -> list[tuple[int, int, str]]:
    """(position, register, name) of each."""
    return [(p, v, f"c{p}_{v}") for p in range(kernel.shape.rows) for v in range(ops.parts)]


def _each_sum(
    ops: VectorOps, isa: Isa, kernel: ChannelKernel, pointer: str, statement: Callable[[str, str], str]
) -> Iterator[str]:
    """A statement of (address, accumulator) for all sums, position after position."""
    for p in range(kernel.shape.rows):
        for v in range(ops.parts):
            yield statement(f"{pointer} + {lane(isa, v)}", f"c{p}_{v}")
        yield f"{pointer} += step;"


def _start(ops: VectorOps, isa: Isa, kernel: ChannelKernel) -> Iterator[str]:
    found = _accumulators(ops, kernel)
    yield "const char *restrict x = (const char *)a->x;"
    yield f"const float *restrict w = a->w{ops.at};"
    yield "const int32_t *restrict off = a->off;"
    yield "size_t n = a->n;"
    # Locals: stores might change what a points to, for all C knows.
    yield "const int64_t step = a->step;"
    if kernel.lines > 1:
        yield "const int64_t x_line = a->x_line, y_line = a->y_line;"
    yield "const size_t rows = a->count;"
    yield "const float *r = a->r;"
    yield "float *y = a->y;"
    yield f"{ops.vector} {', '.join(name for _, _, name in found)};"
    yield "if (a->c) {"
    yield f"  const float *c = a->c{ops.at};"
    yield from indent(_each_sum(ops, isa, kernel, "c", lambda address, name: f"{name} = {ops.load(address)};"))
    yield "} else if (n) {"
    yield from indent(_column(ops, isa, kernel, 0, first=True))
    yield "  ++off, --n;"
    yield "} else {"
    yield from (f"  {name} = {ops.broadcast('0.0f')};" for _, _, name in found)
    yield "}"


def _loops(ops: VectorOps, isa: Isa, kernel: ChannelKernel) -> Iterator[str]:
    for count, loop in ((isa.columns, f"n >= {isa.columns}"), (1, "n != 0")):
        yield f"for (; {loop}; n -= {count}, off += {count}) {{"
        for i in range(count):
            yield from indent(_column(ops, isa, kernel, i, first=False))
        yield "}"


def _column(ops: VectorOps, isa: Isa, kernel: ChannelKernel, i: int, first: bool) -> Iterator[str]:
    """Column i from off on, whose weights are the next ones. first: it is what the accumulators start from."""
    yield "{"
    yield f"  const float *row0 = (const float *)(x + off[{i}]);"
    yield from (f"  const float *row{line} = row{line - 1} + x_line;" for line in range(1, kernel.lines))
    for v in range(ops.parts):
        yield f"  const {ops.vector} w{v} = {ops.load(f'w + {lane(isa, v)}')};"
    yield "  w += rows;"
    scalars = [f"  const {ops.scalar_type} x{p} = {ops.scalar(_element(kernel, p))};" for p in range(kernel.shape.rows)]
    products = [
        f"  {name} = {ops.multiply(f'x{p}', f'w{v}') if first else ops.fma(f'x{p}', f'w{v}', name)};"
        for p, v, name in _accumulators(ops, kernel)
    ]
    if isa.scalar_operands:
        yield from (*scalars, *products)
    else:
        for p, scalar in enumerate(scalars):
            yield scalar
            yield from products[p * ops.parts : (p + 1) * ops.parts]
    yield "}"


def _element(kernel: ChannelKernel, p: int) -> str:
    line, at = divmod(p, kernel.width)
    return f"row{line}[{at * kernel.stride}]"


def _finish(ops: VectorOps, isa: Isa, kernel: ChannelKernel) -> Iterator[str]:
    found = _accumulators(ops, kernel)
    yield "if (a->sums) {"
    yield f"  float *sums = a->sums{ops.at};"
    yield from indent(_each_sum(ops, isa, kernel, "sums", lambda address, name: f"{ops.store(address, name)};"))
    yield "} else {"
    for v in range(ops.parts):
        yield f"  const {ops.vector} bias{v} = {ops.load(f'a->bias{ops.at} + {lane(isa, v)}')};"
    yield from (f"  {name} = {ops.add(name, f'bias{v}')};" for _, v, name in found)
    yield from indent(ops.places(f"a->places{ops.at}"))
    yield "  if (r) {"
    for p, v, name in found:
        yield from indent(indent(ops.add_gathered(_output(kernel, "r", p), lane(isa, v), name)))
    yield "  }"
    yield from indent(ops.clamp_above([name for _, _, name in found]))
    for p, v, name in found:
        yield from indent(ops.scatter(_output(kernel, "y", p), lane(isa, v), name))
    yield "}"


def _output(kernel: ChannelKernel, base: str, p: int) -> str:
    line, at = divmod(p, kernel.width)
    return f"{base} + {at}" if line == 0 else f"{base} + y_line + {at}"
