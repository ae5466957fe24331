"""Winograd's F(m, r) down the rows of the image: the step and its transformed weights, the candidates, and what they
cost by the rule of plan/cost.py."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from colonnade.kernels.shapes import MAX_LANES, Shape
from colonnade.kernels.vertical import VERTICAL_FILTERS
from colonnade.kernels.winograd import MAX_STRIDE, Filter
from colonnade.modelfile.program import Constants, Step, View
from colonnade.modelfile.records import ALIGNMENT
from colonnade.plan.candidate import ALL_STRIPS, Candidate
from colonnade.plan.conv import FLOAT_BYTES, activation_fields, plane_fields, plane_views
from colonnade.plan.cost import call_cycles, column_cycles, store_cycles
from colonnade.plan.problem import ConvProblem, Geometry
from colonnade.plan.winograd import packed_products
from colonnade.target.targets import Target

PANELS = (1, 2, 4, 8, ALL_STRIPS)  # rows of tiles
ROW_CYCLES = 50.0  # of a channel's row of tiles, beside its vectors
PANEL_CYCLES = 100.0  # of a channel, in every panel
LOST = 0.55  # of what a second-level cache could just hold: some replace at random (spike), none perfectly


def vertical_filters(geometry: Geometry) -> dict[int, Filter]:
    """Those that can compute a convolution, by m."""
    (height, width), strides = geometry.kernel, geometry.strides
    plain = geometry.dilations == (1, 1) and geometry.groups == 1
    if not plain or max(strides) > MAX_STRIDE or width < strides[1]:
        return {}
    return {f.m: f for f in VERTICAL_FILTERS if f.taps == -(-height // strides[0])}


@dataclass(frozen=True)
class Rows:
    """Rows of tiles, of m rows of outputs, by one candidate; csrc/vertical.h lays them out so."""

    geometry: Geometry
    candidate: Candidate

    @property
    def split(self) -> int:
        """Phases of a line: with a stride its even and odd columns lie apart."""
        return self.geometry.strides[1]

    @cached_property
    def pitch(self) -> int:
        """Floats from row to row of a transform: with stride 1 the padding after a row is that before the next."""
        g = self.geometry
        if self.split > 1:
            return g.out_w + (g.kernel[1] - 1) // self.split
        return max(g.width + max(g.pads[1], g.pads[3]), g.out_w)

    @property
    def total(self) -> int:
        return self.geometry.batch * -(-self.geometry.out_h // self.candidate.vertical)

    @property
    def panel(self) -> int:
        """Rows of a panel."""
        return min(self.candidate.panel, self.total)

    @property
    def panels(self) -> int:
        return -(-self.total // self.panel)

    @property
    def plane(self) -> int:
        """Floats of one phase of one channel in one transform."""
        line = ALIGNMENT // FLOAT_BYTES
        beside = self.geometry.pads[1] if self.split == 1 else MAX_LANES
        return -(-(beside + self.panel * self.pitch) // line) * line

    @property
    def planes(self) -> int:
        """Of one transform."""
        g = self.geometry
        return g.channels * g.strides[0] * g.strides[1]

    @property
    def positions(self) -> int:
        """Of a whole panel, the gaps between its rows included."""
        return (self.panel - 1) * self.pitch + self.geometry.out_w

    @property
    def lines(self) -> int:
        """Of weights, for one output channel."""
        g = self.geometry
        return g.channels * g.strides[0] * g.kernel[1]

    @property
    def offsets(self) -> np.ndarray:
        """Float offset of the data of each line (channel, phase, column), i64."""
        g = self.geometry
        columns = np.arange(g.kernel[1])
        across = columns % self.split * self.plane + columns // self.split
        down = np.arange(g.channels * g.strides[0], dtype=np.int64) * self.split * self.plane
        return (down[:, None] + across).reshape(-1)


def vertical_step(
    problem: ConvProblem,
    candidate: Candidate,
    target: Target,
    constants: Constants,
    x: View,
    y: View,
    residual: View | None,
) -> Step:
    """The step that computes `problem` by `candidate`. Views are of whole values, borders included. Weights and tables
    go to `constants`."""
    g, rows = problem.geometry, Rows(problem.geometry, candidate)
    fields: dict[str, object] = {
        "weights": constants.add_floats(
            packed_products(transformed_lines(problem, candidate.vertical), candidate.rows)
        ),
        "bias": constants.add_floats(problem.bias),
        "off_table": constants.add_ints(rows.offsets * FLOAT_BYTES),
        "m": candidate.vertical,
        "kernel_h": g.kernel[0],
        "kernel_w": g.kernel[1],
        "stride_h": g.strides[0],
        "stride_w": g.strides[1],
        "pad_right": g.pads[3],
        **plane_fields(g),
        "rows": g.rows,
        "tile_rows": candidate.rows,
        "vectors": candidate.vectors,
        "panel": candidate.panel,
        **activation_fields(problem.act),
    }
    return Step("vertical", problem.name, plane_views(g, x, y, residual), fields)


def transformed_lines(problem: ConvProblem, m: int) -> np.ndarray:
    """G g of every line of weights: f64 [rows, lines, n], lines in the order (channel, phase of rows, column)."""
    g, f = problem.geometry, vertical_filters(problem.geometry)[m]
    (height, width), stride = g.kernel, g.strides[0]
    kernels = np.zeros((g.rows, g.channels, f.taps * stride, width))
    kernels[:, :, :height] = problem.weights.reshape(g.rows, g.channels, height, width)
    lines = kernels.reshape(g.rows, g.channels, f.taps, stride, width).transpose(0, 1, 3, 4, 2)
    return np.asarray(lines.reshape(g.rows, -1, f.taps) @ np.array(f.weight_matrix()).T)


def vertical_candidates(problem: ConvProblem, target: Target, shapes: tuple[Shape, ...]) -> Iterator[Candidate]:
    """Every m, shape and panel; none where it does not fit. Shapes wider than the work are left out."""
    for m in vertical_filters(problem.geometry):
        for shape in shapes:
            candidate = Candidate(shape.rows, shape.vectors, dense=True, vertical=m)
            total = Rows(problem.geometry, candidate).total
            for panel in PANELS:
                rows = Rows(problem.geometry, replace(candidate, panel=panel))
                if (panel == ALL_STRIPS or panel < total) and rows.positions > (shape.vectors - 1) * target.lanes:
                    yield rows.candidate


def vertical_cycles(problem: ConvProblem, candidate: Candidate, target: Target) -> float:
    """Estimated cycles of one thread; the terms are those of plan/cost.py."""
    g, rows = problem.geometry, Rows(problem.geometry, candidate)
    n = vertical_filters(g)[candidate.vertical].side
    strips = _strips(rows.positions, candidate, target)
    vectors, tiles = sum(strips), -(-g.rows // candidate.rows)

    def pushed_out(held: float) -> float:
        """The share of what is to be read again that the second-level cache has lost when so much went through it."""
        return min(1.0, LOST * held / target.l2_bytes)

    column = sum(column_cycles(Shape(candidate.rows, v), target) for v in strips) / candidate.rows
    product = g.rows * (rows.lines * column + vectors * store_cycles(target))
    product += tiles * len(strips) * call_cycles(target)
    data = FLOAT_BYTES * n * rows.planes * rows.plane
    weights = FLOAT_BYTES * n * g.rows * rows.lines
    read = FLOAT_BYTES * n * rows.lines * vectors * target.lanes
    near = rows.panels * (weights + tiles * read * (data > target.l1_bytes / 2))
    far = rows.panels * tiles * min(data, read) * pushed_out(data + weights / tiles)
    far += (rows.panels - 1) * weights * pushed_out(data + weights)
    traffic = near * target.near_cycles + far * target.far_cycles
    return n * rows.panels * product + traffic + _transform_cycles(rows, n, target)


def _strips(positions: int, candidate: Candidate, target: Target) -> list[int]:
    """Vectors of each strip of one product: the last one's are the fewest that a kernel has."""
    whole, rest = divmod(-(-positions // target.lanes), candidate.vectors)
    return [candidate.vectors] * whole + [min(v for v in target.isa.vectors if v >= rest)] * (rest > 0)


def _transform_cycles(rows: Rows, n: int, target: Target) -> float:
    """Of every row into and out of the transforms: 2 n multiply-adds a vector, loads and stores; lines that are split
    are moved first."""
    g = rows.geometry
    phases, vectors = g.channels * g.strides[0] * rows.split, -(-rows.pitch // target.lanes)
    vector = 2 * n * target.fma_cycles + n * (target.load_cycles + 1)
    cycles = (phases + g.rows) * (rows.total * (vectors * vector + ROW_CYCLES) + rows.panels * PANEL_CYCLES)
    if rows.split > 1:
        cycles += rows.total * n * phases * vectors * target.move_cycles
    return cycles
