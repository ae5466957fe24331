"""Winograd's minimal filtering F(m x m, r x r): its points, its matrices and its data transforms per instruction set.

    Y = A^T [ (G g G^T) * (B^T d B) ] A        * element by element

d is n x n inputs, n = m + r - 1, g an r x r kernel, Y a patch of m x m outputs. Summed over input channels before A is
applied, the n * n products are n * n small matrix multiplications, which the column micro-kernel does (cnm.py). B
depends on n alone, so F(6, 3) and F(5, 4) have one.

A. Lavin, S. Gray, Fast Algorithms for Convolutional Neural Networks, arXiv 1509.09308. The matrices are those of Toom
and Cook for the points 0, +-q for each q of `POINTS`, and infinity; pairs +-q share their even and their odd terms. The
points decide the rounding error (B. Barabasz et al., Error Analysis and Improving the Accuracy of Winograd Convolution
for Deep Neural Networks, arXiv 1803.10986). Ours keep every constant of both data transforms exact in f32 and
have about half the error of the usual 1 and 2 (docs/kernels.md).

Standard library only (run by the build hook).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from colonnade.kernels.arithmetic import F32
from colonnade.kernels.cnm import indent
from colonnade.kernels.shapes import Shape
from colonnade.kernels.vector import VectorOps, vector_ops
from colonnade.target.isa import Isa

# The positive q by n.
POINTS: dict[int, tuple[float, ...]] = {4: (1.0,), 6: (0.625, 1.5), 8: (0.5, 1.0, 2.0)}


@dataclass(frozen=True)
class Filter:
    """F(m x m, r x r)."""

    m: int
    taps: int  # r

    @property
    def side(self) -> int:
        """n: side of the input patch, and points of one dimension."""
        return self.m + self.taps - 1

    @property
    def points(self) -> tuple[float, ...]:
        """The positive q."""
        return POINTS[self.side]

    def weight_matrix(self) -> list[list[float]]:
        """G, n rows of r: a row of a kernel as a polynomial, evaluated at each point and divided by B's scale there."""
        points = [0.0, *(sign * q for q in self.points for sign in (1, -1))]
        rows = []
        for p in points:
            scale = prod(p - other for other in points if other != p)
            rows.append([p**k / scale for k in range(self.taps)])
        return [*rows, [0.0] * (self.taps - 1) + [1.0]]

    def kernel_name(self, isa: Isa, part: str) -> str:
        return f"winograd_{part}_{self.m}_{self.taps}__{isa.symbol}"


# In all of them n is at most 2 m: a patch reads from two neighbours what it does not have itself.
FILTERS = (Filter(2, 3), Filter(4, 3))
PARTS = ("lines", "columns", "output")  # the transforms: d B of lines, B^T of columns, A^T sums A


def _roots(squares: Sequence[float]) -> list[float]:
    """Coefficients, lowest first, of the polynomial whose roots are `squares`."""
    coefficients = [1.0]
    for root in squares:
        shifted, scaled = [0.0, *coefficients], [root * c for c in coefficients] + [0.0]
        coefficients = [a - b for a, b in zip(shifted, scaled, strict=True)]
    return coefficients


def transforms_source(isa: Isa, f: Filter) -> str:
    """C source of the data transforms of `isa`, in the order of PARTS: `void NAME(const cln_transform *)`."""
    return "\n".join((_rows(isa, f), _columns(isa, f), _outputs(isa, f)))


class Lines:
    """Straight-line C: each value gets a name of its own."""

    def __init__(self, ops: VectorOps) -> None:
        self.ops = ops
        self.lines: list[str] = []
        self._constants: dict[float, str] = {}

    def value(self, expression: str) -> str:
        name = f"v{len(self.lines)}"
        self.lines.append(f"{self.ops.vector} {name} = {expression};")
        return name

    def loads(self, pointer: str, step: str, count: int) -> list[str]:
        """Vectors, each `step` floats after the one before."""
        return [self.value(self.ops.load(f"{pointer} + {i} * {step}")) for i in range(count)]

    def move(self, steps: Mapping[str, str], values: Sequence[str] = ()) -> None:
        """Pointers are moved on, when `values` are computed. Compilers would load all of a patch first, for which there
        are not enough registers, from addresses that they have computed long before and kept in memory."""
        self.lines += [f"{pointer} += {step};" for pointer, step in steps.items()]
        operands = [f'"+r"({pointer})' for pointer in steps]
        operands += [f'"+{self.ops.register}"({value})' for value in values if self.ops.register]
        self.lines.append(f'__asm__ volatile("" : {", ".join(operands)});')

    def constant(self, number: float) -> str:
        if number not in self._constants:
            self._constants[number] = f"k{len(self._constants)}"
            literal = self.ops.scalar(f"{number!r}f")
            self.lines.append(f"const {self.ops.scalar_type} {self._constants[number]} = {literal};")
        return self._constants[number]

    def combine(self, terms: Sequence[tuple[float, str]]) -> str:
        """The sum of factor * value."""
        ordered = sorted(terms, key=lambda term: term[0] != 1.0)  # ones first: they cost no multiplication
        factor, total = ordered[0]
        if factor != 1.0:
            total = self.value(self.ops.multiply(self.constant(factor), total))
        for factor, name in ordered[1:]:
            if factor == 1.0:
                total = self.value(self.ops.add(total, name))
            else:
                total = self.value(self.ops.fma(self.constant(factor), name, total))
        return total


def input_transform(c: Lines, f: Filter, d: Sequence[str]) -> list[str]:
    """B^T d: the points' order is 0, +-q ..., infinity."""
    q = f.points
    whole = _roots([v * v for v in q])
    first = c.combine([(factor, d[2 * k]) for k, factor in enumerate(whole)])
    pairs = []
    for v in q:
        rest = _roots([o * o for o in q if o != v])
        even = c.combine([(factor, d[2 * k + 2]) for k, factor in enumerate(rest)])
        odd = c.combine([(factor, d[2 * k + 1]) for k, factor in enumerate(rest)])
        pairs += [c.combine([(1.0, even), (v, odd)]), c.combine([(1.0, even), (-v, odd)])]
    return [first, *pairs, c.combine([(factor, d[2 * k + 1]) for k, factor in enumerate(whole)])]


def output_transform(c: Lines, f: Filter, x: Sequence[str]) -> list[str]:
    """A^T x."""
    q = f.points
    sums = [c.combine([(1.0, x[1 + 2 * i]), (1.0, x[2 + 2 * i])]) for i in range(len(q))]
    differences = [c.combine([(1.0, x[1 + 2 * i]), (-1.0, x[2 + 2 * i])]) for i in range(len(q))]
    results = []
    for power in range(f.m):
        terms = [(v**power, pair) for v, pair in zip(q, differences if power % 2 else sums, strict=True)]
        ends = {0: x[0], f.m - 1: x[-1]}
        results.append(c.combine([*([(1.0, ends[power])] if power in ends else []), *terms]))
    return results


def _rows(isa: Isa, f: Filter) -> str:
    """d B: lines of the padded input, each split by column modulo m."""
    m = f.m

    def patches(vectors: int) -> list[str]:
        c = Lines(vector_ops(isa, Shape(1, vectors)))
        split = [f"d{j}" for j in range(m)]
        c.lines += c.ops.split("x", split)
        # The columns that a patch shares with the next one: the next lane's first ones.
        next_lane = f"{m} * {vectors * F32.lanes(isa.vector_bytes) or 'vl'}"
        shared = [c.value(c.ops.follow(split[j], f"x[{next_lane} + {j}]")) for j in range(f.side - m)]
        for j, value in enumerate(input_transform(c, f, [*split, *shared])):
            c.lines.append(f"{c.ops.store(f'y + {j * m} * y_step', value)};")
        return [f"const float *x = from + {m} * p;", "float *y = to + p;", *c.lines]

    body = [
        "const int64_t x_step = a->x_step, y_step = a->y_step, down = a->down;",
        "for (int64_t line = 0; line < a->lines; ++line) {",
        "  const float *from = a->x + line * x_step;",
        f"  float *to = a->y + line % {m} * y_step + line / {m} * down;",
        *indent(over_line(isa, patches)),
        "}",
    ]
    return function(f.kernel_name(isa, "lines"), "cln_transform", body)


def _columns(isa: Isa, f: Filter) -> str:
    """B^T of what `lines` gave. A patch's last n - m lines are the first of the patch below it."""
    c, m, n = Lines(vector_ops(isa, Shape(1, isa.wide))), f.m, f.side
    for _ in range(n):
        taps = [*c.loads("x", "x_step", m), *c.loads("below", "x_step", n - m)]
        for i, value in enumerate(input_transform(c, f, taps)):
            c.lines.append(f"{c.ops.store(f'y + {i * n} * y_step', value)};")
        c.move({"x": f"{m} * x_step", "below": f"{m} * x_step", "y": "y_step"})
    start = ["const float *x = a->x + p, *below = x + a->down;", "float *y = a->y + p;"]
    body = ["const int64_t x_step = a->x_step, y_step = a->y_step;", *loop_over(isa, isa.wide, [*start, *c.lines])]
    return function(f.kernel_name(isa, "columns"), "cln_transform", body)


def _outputs(isa: Isa, f: Filter) -> str:
    """A^T sums A, plus bias and residual and between the bounds, its columns side by side."""
    m, n = f.m, f.side

    def patches(vectors: int) -> list[str]:
        c = Lines(vector_ops(isa, Shape(1, vectors)))
        columns = []
        for _ in range(n):
            columns.append(output_transform(c, f, c.loads("x", f"{n} * x_step", n)))
            c.move({"x": "x_step"}, columns[-1])
        c.lines += c.ops.ends(m, f"(a->width - {m} * (int64_t)p)")
        for i in range(m):
            names = [f"y{i}_{j}" for j in range(m)]
            values = zip(names, output_transform(c, f, [column[i] for column in columns]), strict=True)
            at = f"{m} * p + {i} * a->y_step"
            put = [
                f"float *y = a->y + {at};",
                f"const float *r = a->r ? a->r + {at} : NULL;",
                *(f"{c.ops.vector} {name} = {c.ops.add_scalar('bias', value)};" for name, value in values),
                *c.ops.merge(names),
            ]
            c.lines += [f"if ({i} < a->lines) {{", *indent(put), "}"]
        bias = f"const {c.ops.scalar_type} bias = {c.ops.scalar('a->bias')};"
        return [bias, "const float *x = a->x + p;", *c.lines]

    body = ["const int64_t x_step = a->x_step;", *over_line(isa, patches)]
    return function(f.kernel_name(isa, "output"), "cln_transform", body)


def over_line(isa: Isa, patches: Callable[[int], list[str]]) -> list[str]:
    """A loop over the a->count patches of one line, by whole registers and, where a half holds the rest, that."""
    if isa.wide == 1:
        return loop_over(isa, 1, patches(1))
    return [
        "size_t p = 0;",
        f"for (; p + {F32.lanes(isa.vector_bytes)} < a->count; p += {isa.wide * F32.lanes(isa.vector_bytes)}) {{",
        *indent(patches(isa.wide)),
        "}",
        "if (p < a->count) {",
        *indent(patches(1)),
        "}",
    ]


def loop_over(isa: Isa, vectors: int, patches: Iterable[str]) -> list[str]:
    """A loop over a->count patches: vectors of a fixed length run over the end, others ask for what is left."""
    if isa.vector_bytes:
        step = vectors * F32.lanes(isa.vector_bytes)
        return [f"for (size_t p = 0; p < a->count; p += {step}) {{", *indent(patches), "}"]
    ops = vector_ops(isa, Shape(1, vectors))
    return [*ops.strip_begin, *indent(patches), *ops.strip_end]


def function(name: str, arguments: str, body: Iterable[str]) -> str:
    return "\n".join([f"static void {name}(const {arguments} *a) {{", *indent(body), "}", ""])
