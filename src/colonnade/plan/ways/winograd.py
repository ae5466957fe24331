"""Winograd's F(m x m, 3 x 3) (kernels/winograd.py, csrc/steps/winograd.c)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from colonnade.kernels.shapes import Shape
from colonnade.kernels.winograd import FILTERS, Filter
from colonnade.modelfile.program import Step
from colonnade.modelfile.steps import Fields, Work
from colonnade.plan.problem import ConvProblem, Geometry
from colonnade.plan.ways.costs import call_cycles, column_cycles, good_shapes, store_cycles
from colonnade.plan.ways.step_fields import activation_fields, moved_numbers, plane_fields, plane_views
from colonnade.plan.ways.transformed import Transformed, packed_products
from colonnade.plan.ways.way import Operands, panel_text
from colonnade.target.targets import Target

PANELS = (1, 2, 4)  # strips
LINE_MOVES = 4.5  # of every vector of a line: copied and split, or merged, biased, activated and copied


@dataclass(frozen=True)
class Winograd(Transformed):
    """Winograd's F(m x m, 3 x 3): for 3x3 kernels of stride 1, without convolution groups and dilation. All columns are
    computed, zeros included.

    m: lines, and outputs of a line, of a patch.
    panel: the strips of patches that are transformed together.
    """

    step_kind: ClassVar[str] = "winograd"

    def __str__(self) -> str:
        return f"winograd F({self.m}x{self.m}) {self.rows}x{self.vectors}v, panel {panel_text(self.panel)}"

    @staticmethod
    def filters(geometry: Geometry) -> dict[int, Filter]:
        g = geometry
        plain = g.strides == g.dilations == (1, 1) and g.groups == 1
        return {f.m: f for f in FILTERS if plain and g.kernel == (f.taps, f.taps)}

    @classmethod
    def candidates(cls, problem: ConvProblem, target: Target) -> Iterator[Winograd]:
        """Every m, shape and panel; none where Winograd does not fit. Shapes wider than the work are left out."""
        lanes = problem.geometry.lanes(target)
        for m in cls.filters(problem.geometry):
            for shape in good_shapes(target, problem.geometry.rows):
                patches = Patches(problem.geometry, cls(shape.rows, shape.vectors, m, 1), lanes)
                if patches.positions > (shape.vectors - 1) * lanes:
                    for panel in PANELS:
                        if panel == 1 or panel <= patches.strips:
                            yield cls(shape.rows, shape.vectors, m, panel)

    def cycles(self, problem: ConvProblem, target: Target) -> float:
        g, lanes = problem.geometry, problem.geometry.lanes(target)
        p = Patches(g, self, lanes)
        f = self.filters(g)[self.m]
        strip_vectors = -(-p.positions // lanes) if target.isa.vector_bytes else p.strips * self.vectors
        tiles = -(-g.rows // self.rows)
        column = column_cycles(Shape(self.rows, self.vectors), target) / self.vectors
        product = g.rows / self.rows * g.channels * strip_vectors * column
        product += tiles * p.strips * call_cycles(target) + strip_vectors * g.rows * store_cycles(target)
        line_vectors = p.lines * -(-p.per_line // lanes)
        transforms = line_vectors * (g.channels + g.rows) * _transform_cycles(f, target)
        # Weights are read once per panel, a panel's data once per tile: from the second-level cache, or from beyond it
        # again.
        products = f.side**2
        weights = g.arithmetic.weights.bytes * products * g.channels * g.rows
        data = g.arithmetic.data.bytes * products * g.channels * p.panel * self.vectors * lanes
        again = (p.panels - 1) * weights * (weights + data > target.l2_bytes)
        far = again + p.panels * data * tiles * (data > target.l2_bytes)
        near = p.panels * (weights + data * tiles)
        return products * product + transforms + near * target.near_cycles + far * target.far_cycles

    def stored_weights(self, problem: ConvProblem) -> int:
        g = problem.geometry
        return self.filters(g)[self.m].side ** 2 * g.rows * g.channels

    def step(self, problem: ConvProblem, target: Target, operands: Operands) -> Step:
        g = problem.geometry
        weights = transformed_weights(problem, self.m)
        by_products = weights.reshape(*weights.shape[:2], -1)  # [rows, channels, n * n]
        fields: dict[str, object] = {
            "weights": operands.constants.add(packed_products(by_products, self.rows), g.arithmetic.weights),
            "bias": operands.constants.add(problem.bias, g.arithmetic.sums),
            "m": self.m,
            "kernel": g.kernel[0],
            **plane_fields(g),
            "rows": g.rows,
            "tile_rows": self.rows,
            "vectors": self.vectors,
            "panel": Patches(g, self, g.lanes(target)).panel,
            **activation_fields(problem.act),
        }
        return Step("winograd", problem.name, plane_views(g, operands), fields)

    @classmethod
    def work(cls, fields: Fields, ints: np.ndarray) -> Work:
        f = fields
        pairs = f["rows"] * f["channels"]
        products = Filter(f["m"], f["kernel"]).side ** 2 * pairs
        return Work(
            moved=moved_numbers(f),
            macs=products * f["batch"] * -(-f["out_h"] // f["m"]) * -(-f["out_w"] // f["m"]),
            dense_macs=f["kernel"] ** 2 * pairs * f["batch"] * f["out_h"] * f["out_w"],
            weights=products + f["rows"],
        )


@dataclass(frozen=True)
class Patches:
    """Patches of m x m outputs, their strips and panels, by one candidate."""

    geometry: Geometry
    candidate: Winograd
    lanes: int

    @property
    def lines(self) -> int:
        """Lines of patches."""
        return self.geometry.batch * -(-self.geometry.out_h // self.candidate.m)

    @property
    def per_line(self) -> int:
        return -(-self.geometry.out_w // self.candidate.m)

    @property
    def positions(self) -> int:
        return self.lines * self.per_line

    @property
    def strips(self) -> int:
        return -(-self.positions // (self.candidate.vectors * self.lanes))

    @property
    def panel(self) -> int:
        """Strips of a panel."""
        return min(self.candidate.panel, self.strips)

    @property
    def panels(self) -> int:
        return -(-self.strips // self.panel)


def transformed_weights(problem: ConvProblem, m: int) -> np.ndarray:
    """G g G^T of every kernel: [rows, channels, n, n], computed in float64."""
    g, f = problem.geometry, Winograd.filters(problem.geometry)[m]
    matrix = np.array(f.weight_matrix())
    kernels = problem.weights.reshape(g.rows, g.channels, f.taps, f.taps).astype(np.float64)
    return np.asarray(matrix @ kernels @ matrix.T)


def _transform_cycles(f: Filter, target: Target) -> float:
    """One vector of patches of one channel, into or out of the transform: 3 n multiply-adds for each of 2 n lines and
    columns, a load and a store of every element, and n lines of m vectors on their way between planes and patches."""
    n = f.side
    return 6 * n * n * target.fma_cycles + n * n * (target.load_cycles + 1) + n * f.m * LINE_MOVES * target.move_cycles
