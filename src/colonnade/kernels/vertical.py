"""Winograd's minimal filtering in one dimension, F(m, r) down the lines of an image: its data transforms.

    Y = A^T sum over channels and kernel columns of [ (G g) * (B^T d) ]        * element by element

d is n = m + r - 1 lines of inputs, one under the other, g one column of a kernel, Y m lines of outputs. Across the
image nothing is transformed. So each of the n products is a convolution of height 1, which the column micro-kernel does
on lines of transforms (cnm.py). Both transforms work on whole lines, without the shuffles and the second pass of
F(m x m, r x r), for n/m multiply-adds per output and line of weights instead of r.

The filters, points and matrices are those of winograd.py. Standard library only (run by the build hook).
"""

from __future__ import annotations

from collections.abc import Callable

from colonnade.kernels.cnm import indent
from colonnade.kernels.shapes import Shape
from colonnade.kernels.vector import vector_ops
from colonnade.kernels.winograd import Filter, Lines, function, input_transform, loop_over, output_transform, over_line
from colonnade.target.isa import Isa

# One dimension squares no rounding error, so patches may be longer than those of m x m outputs.
VERTICAL_FILTERS = (Filter(4, 3), Filter(6, 3), Filter(5, 4))
MAX_STRIDE = 2  # down and along: phases of every line, and r = ceil(kernel lines / stride)
PARTS = ("in", "out")  # B^T d of inputs, A^T of sums


def kernel_name(isa: Isa, f: Filter, part: str) -> str:
    return f"vertical_{part}_{f.m}_{f.taps}__{isa.symbol}"


def vertical_source(isa: Isa, f: Filter) -> str:
    """C source of the data transforms of `isa`, in the order of PARTS."""
    return "\n".join((_in(isa, f), _out(isa, f)))


def _in(isa: Isa, f: Filter) -> str:
    """void NAME(const cln_vertical_in *): n lines of transforms of every m lines."""

    def line(vectors: int) -> list[str]:
        c = Lines(vector_ops(isa, Shape(1, vectors)))
        d = [c.value(c.ops.load(f"line{i} + p")) for i in range(f.side)]
        for k, value in enumerate(input_transform(c, f, d)):
            c.lines.append(f"{c.ops.store(f'y + {k} * y_step + p', value)};")
        return c.lines

    body = [
        "const int64_t y_step = a->y_step;",
        "for (int64_t patch = 0; patch < a->patches; ++patch) {",
        f"  const float *const *lines = a->lines + {f.m} * patch;",
        *(f"  const float *const line{i} = lines[{i}];" for i in range(f.side)),
        "  float *y = a->y + patch * a->pitch;",
        *indent(_over_line(isa, line)),
        f"  for (int k = 0; k < {f.side}; ++k) zero_floats(y + k * y_step + a->count, a->gap);",
        "}",
    ]
    return function(kernel_name(isa, f, "in"), "cln_vertical_in", body)


def _out(isa: Isa, f: Filter) -> str:
    """void NAME(const cln_vertical_out *): m lines of outputs of every n lines of sums."""

    def line(vectors: int) -> list[str]:
        c = Lines(vector_ops(isa, Shape(1, vectors)))
        results = output_transform(c, f, c.loads("x + p", "a->x_step", f.side))
        c.lines += c.ops.ends(1, "(int64_t)(a->count - p)")
        for i, value in enumerate(results):
            at = f"(line + {i}) * a->y_pitch + p"
            put = [
                f"float *y = a->y + {at};",
                f"const float *r = a->r ? a->r + {at} : NULL;",
                f"{c.ops.vector} y{i} = {c.ops.add_scalar('bias', value)};",
                *c.ops.merge([f"y{i}"]),
            ]
            c.lines += [f"if (line + {i} < a->lines) {{", *indent(put), "}"]
        bias = f"const {c.ops.scalar_type} bias = {c.ops.scalar('a->bias')};"
        return [bias, *c.lines]

    body = [
        "const float *x = a->x;",
        f"for (int64_t line = 0; line < a->lines; line += {f.m}, x += a->x_pitch) {{",
        *indent(_over_line(isa, line)),
        "}",
    ]
    return function(kernel_name(isa, f, "out"), "cln_vertical_out", body)


def _over_line(isa: Isa, line: Callable[[int], list[str]]) -> list[str]:
    """Groups of two registers where vectors have any length: as much work in half the instructions."""
    return over_line(isa, line) if isa.vector_bytes else loop_over(isa, 2, line(2))
