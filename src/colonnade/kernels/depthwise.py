"""The micro-kernel of depthwise convolutions: R rows of outputs of one plane, all columns.

    y[r][p] = clamp(bias + sum over i, j of w[i][j] * x[r * stride + i][p * stride + j])

A column micro-kernel (cnm.py) would load a vector of x for every multiply-add. Here a vector that is loaded once feeds
each of the R rows whose window it is in: K * ((R - 1) * stride + K) loads for R * K * K multiply-adds, and for K = 3
all weights stay in registers. With stride 2 a row of x is split into its even and its odd elements.

Standard library only (run by the build hook).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from colonnade.kernels.cnm import clamp, declare, indent, lane, load_x
from colonnade.kernels.shapes import Shape
from colonnade.kernels.tile import tile_ops
from colonnade.target.isa import Isa

KERNELS = (3, 5)  # K, the side of a window
STRIDES = (1, 2)
ROWS = (1, 2, 4)  # R
VECTORS = (1, 2, 4)  # V, or LMUL


@dataclass(frozen=True, order=True)
class Window:
    """A micro-kernel for windows of `kernel` x `kernel`, `rows` x `vectors` vectors of outputs at a time."""

    kernel: int
    stride: int
    rows: int
    vectors: int

    @property
    def shape(self) -> Shape:
        return Shape(self.rows, self.vectors)

    @property
    def input_rows(self) -> int:
        return (self.rows - 1) * self.stride + self.kernel

    def name(self, isa: Isa) -> str:
        return f"depthwise_f32_{self.kernel}s{self.stride}_{self.rows}x{self.vectors}v__{isa.symbol}"


def windows(isa: Isa) -> tuple[Window, ...]:
    """Every window kernel of `isa`: those whose accumulators and one row of x fit its registers."""
    return tuple(
        Window(kernel, stride, rows, vectors)
        for kernel in KERNELS
        for stride in STRIDES
        for rows in ROWS
        for vectors in VECTORS
        if vectors in isa.vectors and (rows + 1) * Shape(rows, vectors).row_registers(isa) <= isa.registers
    )


def depthwise_source(isa: Isa, window: Window) -> str:
    """C source of one window kernel: a function `void NAME(const cln_window *)`."""
    ops = tile_ops(isa, window.shape)
    width = window.vectors * isa.lanes
    # The last vectors of a fixed length end where the row does, and compute some outputs again.
    begin = ops.strip_begin if not isa.lanes else ("for (size_t p = 0;;) {",)
    end = (
        ops.strip_end
        if not isa.lanes
        else (
            f"  if (p + {width} >= a->count) break;",
            f"  p = p + {2 * width} <= a->count ? p + {width} : a->count - {width};",
            "}",
        )
    )
    lines = [
        "const int64_t pitch = a->pitch, y_pitch = a->y_pitch;",
        *(["const int64_t phase = a->phase;"] if window.stride > 1 else []),
        *(f"const {ops.scalar_type} w{k} = {ops.scalar(f'a->w[{k}]')};" for k in range(window.kernel**2)),
        f"const {ops.scalar_type} bias = {ops.scalar('a->bias')};",
        *begin,
        *indent(_outputs(isa, window)),
        *end,
    ]
    head = f"static void {window.name(isa)}(const cln_window *a) {{"
    return "\n".join([head, *indent(lines), "}", ""])


def _outputs(isa: Isa, window: Window) -> Iterator[str]:
    ops = tile_ops(isa, window.shape)
    rows, parts = range(window.rows), range(ops.parts)
    yield "const float *x = a->x + p;"
    yield "float *y = a->y + p;"
    yield from declare(ops, rows)
    for i in range(window.input_rows):
        for j in range(window.kernel):
            yield "{"
            yield f"  const float *row = x + {i} * pitch{_split(window, j)};"
            yield from (f"  {load_x(ops, isa, v)}" for v in parts)
            for r in rows:
                down = i - r * window.stride
                if 0 <= down < window.kernel:
                    yield from (f"  {_product(isa, window, r, v, down, j)};" for v in parts)
            yield "}"
    for v in parts:
        part = ops.part(v)
        yield from (f"c{r}_{v} = {part.add_scalar('bias', f'c{r}_{v}')};" for r in rows)
    yield from clamp(ops, rows)
    for r in rows:
        yield from (f"{ops.part(v).store(f'y + {r} * y_pitch + {lane(isa, v)}', f'c{r}_{v}')};" for v in parts)


def _split(window: Window, j: int) -> str:
    """Column j of the windows, from a row's first element."""
    return f" + {j}" if window.stride == 1 else f" + {j % window.stride} * phase + {j // window.stride}"


def _product(isa: Isa, window: Window, r: int, v: int, i: int, j: int) -> str:
    """Element (i, j) of the windows of row r; the first one starts the sum."""
    part, c, w = tile_ops(isa, window.shape).part(v), f"c{r}_{v}", f"w{i * window.kernel + j}"
    return f"{c} = {part.multiply(w, f'x{v}') if i == j == 0 else part.fma(w, f'x{v}', c)}"
