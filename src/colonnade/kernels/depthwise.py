"""The micro-kernel of depthwise convolutions: R lines of outputs of one plane, all columns.

    y[r][p] = clamp(bias + sum over i, j of w[i][j] * x[r * stride + i][p * stride + j])

A column micro-kernel (cnm.py) would load a vector of x for every multiply-add. Here a vector that is loaded once feeds
each of the R lines whose window it is in: K * ((R - 1) * stride + K) loads for R * K * K multiply-adds, and for K = 3
all weights stay in registers. With stride 2 a line of x is split into its even and its odd elements.

Lines have their padding in memory. But where an instruction set's loads may leave lanes out, kernels are masked: they
read images as they are, columns beside one being lanes left out and lines above and below it a line of zeros, part even
and odd elements in registers, and take whole planes.

Standard library only (run by the build hook).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import cast

from colonnade.kernels.arithmetic import F32
from colonnade.kernels.cnm import clamp, declare, indent, lane, load_x
from colonnade.kernels.shapes import Shape
from colonnade.kernels.vector import MaskedOps, vector_ops
from colonnade.target.isa import Isa

KERNELS = (3, 5)  # K, the side of a window
STRIDES = (1, 2)
LINES = (1, 2, 4, 7)  # R
VECTORS = (1, 2, 4)  # V, or LMUL


@dataclass(frozen=True, order=True)
class Window:
    """A micro-kernel for windows of `kernel` x `kernel`, `lines` x `vectors` vectors of outputs at a time."""

    kernel: int
    stride: int
    lines: int
    vectors: int

    @property
    def shape(self) -> Shape:
        return Shape(self.lines, self.vectors)

    @property
    def input_lines(self) -> int:
        return (self.lines - 1) * self.stride + self.kernel

    def name(self, isa: Isa) -> str:
        return f"depthwise_f32_{self.kernel}s{self.stride}_{self.lines}x{self.vectors}v__{isa.symbol}"


@cache
def windows(isa: Isa) -> tuple[Window, ...]:
    """Every window kernel of `isa`: those whose accumulators and one line of x fit its registers."""
    return tuple(
        Window(kernel, stride, lines, vectors)
        for kernel in KERNELS
        for stride in STRIDES
        for lines in LINES
        for vectors in VECTORS
        if vectors in isa.vectors and (lines + 1) * Shape(lines, vectors).row_registers(isa) <= isa.registers
    )


def depthwise_source(isa: Isa, window: Window) -> str:
    """C source of one window kernel: a function `void NAME(const cln_window *)`."""
    ops = vector_ops(isa, window.shape)
    lines = [
        "const int64_t y_pitch = a->y_pitch;",
        *(f"const {ops.scalar_type} w{k} = {ops.scalar(f'a->w[{k}]')};" for k in range(window.kernel**2)),
        f"const {ops.scalar_type} bias = {ops.scalar('a->bias')};",
        *(_masked_strips(isa, window) if isa.masks_lanes else _strips(isa, window)),
    ]
    head = f"static void {window.name(isa)}(const cln_window *a) {{"
    return "\n".join([head, *indent(lines), "}", ""])


def _strips(isa: Isa, window: Window) -> Iterator[str]:
    ops = vector_ops(isa, window.shape)
    width = window.vectors * F32.lanes(isa.vector_bytes)
    # The last vectors of a fixed length end where the line does, and compute some outputs again.
    begin = ops.strip_begin if not isa.vector_bytes else ("for (size_t p = 0;;) {",)
    end = (
        ops.strip_end
        if not isa.vector_bytes
        else (
            f"  if (p + {width} >= a->count) break;",
            f"  p = p + {2 * width} <= a->count ? p + {width} : a->count - {width};",
            "}",
        )
    )
    yield "const int64_t pitch = a->pitch;"
    if window.stride > 1:
        yield "const int64_t odd = a->odd;"
    yield from begin
    yield from indent(_outputs(isa, window))
    yield from end


def _outputs(isa: Isa, window: Window) -> Iterator[str]:
    ops = vector_ops(isa, window.shape)
    lines, parts = range(window.lines), range(ops.parts)
    yield "const float *x = a->x + p;"
    yield "float *y = a->y + p;"
    yield from declare(ops, lines)
    for i in range(window.input_lines):
        for j in range(window.kernel):
            yield "{"
            yield f"  const float *row = x + {i} * pitch{_split(window, j)};"
            yield from (f"  {load_x(ops, isa, v)}" for v in parts)
            yield from indent(_products(isa, window, i, j))
            yield "}"
    yield from _finish(isa, window)
    for r in lines:
        yield from (f"{ops.part(v).store(f'y + {r} * y_pitch + {lane(isa, v)}', f'c{r}_{v}')};" for v in parts)


def _finish(isa: Isa, window: Window) -> Iterator[str]:
    ops, lines = vector_ops(isa, window.shape), range(window.lines)
    for v in range(ops.parts):
        part = ops.part(v)
        yield from (f"c{r}_{v} = {part.add_scalar('bias', f'c{r}_{v}')};" for r in lines)
    yield from clamp(ops, lines)


def _products(isa: Isa, window: Window, i: int, j: int) -> Iterator[str]:
    """Of column j of the windows in line i of x, with all lines of outputs whose windows it is in."""
    for r in range(window.lines):
        down = i - r * window.stride
        if 0 <= down < window.kernel:
            for v in range(vector_ops(isa, window.shape).parts):
                yield f"{_product(isa, window, r, v, down, j)};"


def _masked_strips(isa: Isa, window: Window) -> Iterator[str]:
    """The whole plane. Lanes beside the image read zero, lanes past the outputs are not written."""
    ops = vector_ops(isa, window.shape)
    parts, stride = range(ops.parts), window.stride
    lanes = [cast(MaskedOps, ops.part(v)).lanes for v in parts]
    yield f"for (size_t p = 0; p < a->count; p += {window.vectors * F32.lanes(isa.vector_bytes)}) {{"
    yield f"  const int64_t first = (int64_t)p * {stride} - a->pad;"
    for v, j, k in product(parts, range(0, window.kernel, stride), range(stride)):
        at = stride * lane(isa, v) + j + k * lanes[v]
        yield f"  const uint32_t in{v}_{j + k} = cln_within(first + {at}, a->n, {lanes[v]});"
    for v in parts:
        yield f"  const uint32_t out{v} = cln_within((int64_t)p + {lane(isa, v)}, (int64_t)a->count, {lanes[v]});"
    yield "  for (int32_t line = 0;;) {"
    yield from indent(indent(_masked_lines(isa, window)))
    # The last lines end where the plane does: some are computed again.
    yield f"    if (line + {window.lines} >= a->lines) break;"
    yield f"    line = line + {2 * window.lines} <= a->lines ? line + {window.lines} : a->lines - {window.lines};"
    yield "  }"
    yield "}"


def _masked_lines(isa: Isa, window: Window) -> Iterator[str]:
    """R lines of outputs of one strip, the first at `line`."""
    ops = vector_ops(isa, window.shape)
    yield from declare(ops, range(window.lines))
    yield f"const float *const *lines = a->lines_of_x + line * {window.stride};"
    for i in range(window.input_lines):
        yield "{"
        yield f"  const float *row = lines[{i}] + first;"
        for j in range(0, window.kernel, window.stride):
            yield "  {"
            yield from indent(indent(_masked_columns(isa, window, i, j)))
            yield "  }"
        yield "}"
    yield from _finish(isa, window)
    yield "float *y = a->y + line * y_pitch + p;"
    for v in range(ops.parts):
        part = cast(MaskedOps, ops.part(v))
        for r in range(window.lines):
            yield f"{part.store_within(f'y + {r} * y_pitch + {lane(isa, v)}', f'out{v}', f'c{r}_{v}')};"


def _masked_columns(isa: Isa, window: Window, i: int, first: int) -> Iterator[str]:
    """Columns first .. first + stride - 1 of the windows in line i of x, loaded and multiplied."""
    ops, stride = vector_ops(isa, window.shape), window.stride
    columns = range(first, min(first + stride, window.kernel))
    for v in range(ops.parts):
        part = cast(MaskedOps, ops.part(v))
        for k in range(stride):
            at = f"row + {stride * lane(isa, v) + first + k * part.lanes}"
            yield f"const {part.vector} x{v}_{k} = {part.load_within(at, f'in{v}_{first + k}')};"
    for j in columns:
        yield "{"
        for v in range(ops.parts):
            part = cast(MaskedOps, ops.part(v))
            x = part.every(f"x{v}_0", f"x{v}_1", stride, j - first) if stride > 1 else f"x{v}_0"
            yield f"  const {part.vector} x{v} = {x};"
        yield from indent(_products(isa, window, i, j))
        yield "}"


def _split(window: Window, j: int) -> str:
    """Column j of the windows, from a line's first element."""
    return f" + {j}" if window.stride == 1 else f" + {j % window.stride} * odd + {j // window.stride}"


def _product(isa: Isa, window: Window, r: int, v: int, i: int, j: int) -> str:
    """Element (i, j) of the windows of line r; the first one starts the sum."""
    part, c, w = vector_ops(isa, window.shape).part(v), f"c{r}_{v}", f"w{i * window.kernel + j}"
    return f"{c} = {part.multiply(w, f'x{v}') if i == j == 0 else part.fma(w, f'x{v}', c)}"
