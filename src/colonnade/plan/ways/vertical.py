"""Winograd's F(m, r) down the lines of the image (kernels/vertical.py, csrc/steps/vertical.c)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from colonnade.kernels.shapes import MAX_VECTOR_BYTES, Shape
from colonnade.kernels.vertical import MAX_STRIDE, VERTICAL_FILTERS
from colonnade.kernels.winograd import Filter
from colonnade.modelfile.program import Step
from colonnade.modelfile.records import ALIGNMENT
from colonnade.modelfile.steps import Fields, Work
from colonnade.plan.problem import ConvProblem, Geometry
from colonnade.plan.ways.costs import call_cycles, column_cycles, good_shapes, store_cycles
from colonnade.plan.ways.step_fields import activation_fields, moved_numbers, plane_fields, plane_views
from colonnade.plan.ways.transformed import Transformed, packed_products
from colonnade.plan.ways.way import ALL_STRIPS, Operands, panel_text
from colonnade.target.targets import Target

PANELS = (1, 2, 4, 8, ALL_STRIPS)  # lines of patches
LINE_CYCLES = 50.0  # of a channel's line of patches, beside its vectors
PANEL_CYCLES = 100.0  # of a channel, in every panel
LOST = 0.55  # of what a second-level cache could just hold: some replace at random (spike), none perfectly


@dataclass(frozen=True)
class Vertical(Transformed):
    """Winograd's F(m, r) in one dimension, down the lines of the image: for kernels of any width, and strides 1 and 2,
    without convolution groups and dilation; r is the kernel's height divided by the stride down, rounded up. All
    columns are computed, zeros included.

    m: outputs of a patch, one below the other.
    panel: the lines of patches that are transformed together.
    """

    step_kind: ClassVar[str] = "vertical"

    def __str__(self) -> str:
        return f"vertical F({self.m}) {self.rows}x{self.vectors}v, panel {panel_text(self.panel)}"

    @staticmethod
    def filters(geometry: Geometry) -> dict[int, Filter]:
        (height, width), strides = geometry.kernel, geometry.strides
        plain = geometry.dilations == (1, 1) and geometry.groups == 1
        if not plain or max(strides) > MAX_STRIDE or width < strides[1]:
            return {}
        return {f.m: f for f in VERTICAL_FILTERS if f.taps == -(-height // strides[0])}

    @classmethod
    def candidates(cls, problem: ConvProblem, target: Target) -> Iterator[Vertical]:
        """Every m, shape and panel; none where Winograd does not fit. Shapes wider than the work are left out."""
        lanes = problem.geometry.lanes(target)
        for m in cls.filters(problem.geometry):
            for shape in good_shapes(target, problem.geometry.rows):
                total = PatchLines(problem.geometry, cls(shape.rows, shape.vectors, m, 1)).total
                for panel in PANELS:
                    candidate = cls(shape.rows, shape.vectors, m, panel)
                    positions = PatchLines(problem.geometry, candidate).positions
                    if (panel == ALL_STRIPS or panel < total) and positions > (shape.vectors - 1) * lanes:
                        yield candidate

    def cycles(self, problem: ConvProblem, target: Target) -> float:
        g, lines = problem.geometry, PatchLines(problem.geometry, self)
        n = self.filters(g)[self.m].side
        strips = _strips(lines, target)
        vectors, tiles = sum(strips), -(-g.rows // self.rows)

        def pushed_out(held: float) -> float:
            """The share of what is to be read again that the second-level cache has lost when so much went through
            it."""
            return min(1.0, LOST * held / target.l2_bytes)

        column = sum(column_cycles(Shape(self.rows, v), target) for v in strips) / self.rows
        product = g.rows * (lines.weight_lines * column + vectors * store_cycles(target))
        product += tiles * len(strips) * call_cycles(target)
        data = g.arithmetic.data.bytes * n * lines.planes * lines.plane
        weights = g.arithmetic.weights.bytes * n * g.rows * lines.weight_lines
        read = g.arithmetic.data.bytes * n * lines.weight_lines * vectors * g.lanes(target)
        near = lines.panels * (weights + tiles * read * (data > target.l1_bytes / 2))
        far = lines.panels * tiles * min(data, read) * pushed_out(data + weights / tiles)
        far += (lines.panels - 1) * weights * pushed_out(data + weights)
        traffic = near * target.near_cycles + far * target.far_cycles
        return n * lines.panels * product + traffic + _transform_cycles(lines, n, target)

    def stored_weights(self, problem: ConvProblem) -> int:
        g = problem.geometry
        return self.filters(g)[self.m].side * g.rows * PatchLines(g, self).weight_lines

    def reads_past(self, problem: ConvProblem, in_arena: bool) -> bool:
        """Lines of the arena are read as they are, those of the caller are copied first."""
        return in_arena

    def step(self, problem: ConvProblem, target: Target, operands: Operands) -> Step:
        g = problem.geometry
        fields: dict[str, object] = {
            "weights": operands.constants.add(
                packed_products(transformed_lines(problem, self.m), self.rows), g.arithmetic.weights
            ),
            "bias": operands.constants.add(problem.bias, g.arithmetic.sums),
            "m": self.m,
            "kernel_h": g.kernel[0],
            "kernel_w": g.kernel[1],
            "stride_h": g.strides[0],
            "stride_w": g.strides[1],
            "pad_right": g.pads[3],
            **plane_fields(g),
            "rows": g.rows,
            "tile_rows": self.rows,
            "vectors": self.vectors,
            "panel": self.panel,
            **activation_fields(problem.act),
        }
        return Step("vertical", problem.name, plane_views(g, operands), fields)

    @classmethod
    def work(cls, fields: Fields, ints: np.ndarray) -> Work:
        f = fields
        n = Filter(f["m"], -(-f["kernel_h"] // f["stride_h"])).side
        pairs = f["rows"] * f["channels"] * f["kernel_w"]
        products = n * pairs * f["stride_h"]
        return Work(
            moved=moved_numbers(f),
            macs=products * f["batch"] * -(-f["out_h"] // f["m"]) * f["out_w"],
            dense_macs=f["kernel_h"] * pairs * f["batch"] * f["out_h"] * f["out_w"],
            weights=products + f["rows"],
        )


@dataclass(frozen=True)
class PatchLines:
    """Lines of patches, each of m lines of outputs, by one candidate, as far as the cost rule asks."""

    geometry: Geometry
    candidate: Vertical

    @property
    def split(self) -> int:
        """Phases of a line: with a stride its even and odd columns lie apart."""
        return self.geometry.strides[1]

    @cached_property
    def pitch(self) -> int:
        """Elements from line to line of a transform: with stride 1 the padding after a line is that before the next."""
        g = self.geometry
        if self.split > 1:
            return g.out_w + (g.kernel[1] - 1) // self.split
        return max(g.width + max(g.pads[1], g.pads[3]), g.out_w)

    @property
    def total(self) -> int:
        return self.geometry.batch * -(-self.geometry.out_h // self.candidate.m)

    @property
    def panel(self) -> int:
        """Lines of patches in a panel."""
        return min(self.candidate.panel, self.total)

    @property
    def panels(self) -> int:
        return -(-self.total // self.panel)

    @property
    def plane(self) -> int:
        """Elements of one phase of one channel in one transform."""
        g = self.geometry
        beside = g.pads[1] if self.split == 1 else g.arithmetic.lanes(MAX_VECTOR_BYTES)
        line = ALIGNMENT // g.arithmetic.data.bytes
        return -(-(beside + self.panel * self.pitch) // line) * line

    @property
    def planes(self) -> int:
        """Of one transform."""
        g = self.geometry
        return g.channels * g.strides[0] * g.strides[1]

    @property
    def positions(self) -> int:
        """Of a whole panel, the gaps between its lines included."""
        return (self.panel - 1) * self.pitch + self.geometry.out_w

    @property
    def weight_lines(self) -> int:
        """Lines of weights of one output channel."""
        g = self.geometry
        return g.channels * g.strides[0] * g.kernel[1]


def transformed_lines(problem: ConvProblem, m: int) -> np.ndarray:
    """G g of every line of weights: f64 [rows, lines, n], lines in the order (channel, phase, column)."""
    g, f = problem.geometry, Vertical.filters(problem.geometry)[m]
    (height, width), stride = g.kernel, g.strides[0]
    kernels = np.zeros((g.rows, g.channels, f.taps * stride, width))
    kernels[:, :, :height] = problem.weights.reshape(g.rows, g.channels, height, width)
    lines = kernels.reshape(g.rows, g.channels, f.taps, stride, width).transpose(0, 1, 3, 4, 2)
    return np.asarray(lines.reshape(g.rows, -1, f.taps) @ np.array(f.weight_matrix()).T)


def _strips(lines: PatchLines, target: Target) -> list[int]:
    """Vectors of each strip of one product: the last one's are the fewest that a kernel has."""
    g, vectors = lines.geometry, lines.candidate.vectors
    whole, rest = divmod(-(-lines.positions // g.lanes(target)), vectors)
    return [vectors] * whole + [min(v for v in target.isa.vectors if v >= rest)] * (rest > 0)


def _transform_cycles(lines: PatchLines, n: int, target: Target) -> float:
    """Of every line into and out of the transforms: 2 n multiply-adds a vector, loads and stores; lines that are split
    are moved first."""
    g = lines.geometry
    phases, vectors = g.channels * g.strides[0] * lines.split, -(-lines.pitch // g.lanes(target))
    vector = 2 * n * target.fma_cycles + n * (target.load_cycles + 1)
    cycles = (phases + g.rows) * (lines.total * (vectors * vector + LINE_CYCLES) + lines.panels * PANEL_CYCLES)
    if lines.split > 1:
        cycles += lines.total * n * phases * vectors * target.move_cycles
    return cycles
