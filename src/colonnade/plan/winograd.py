"""Winograd's F(m x m, r x r) for convolutions of 3x3 and, by their phases, of stride 2: the step and its transformed
weights, the candidates, and what they cost by the rule of plan/cost.py."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from colonnade.kernels.shapes import Shape
from colonnade.kernels.winograd import FILTERS, MAX_STRIDE, Filter
from colonnade.modelfile.program import Constants, Step, View
from colonnade.plan.candidate import Candidate
from colonnade.plan.conv import FLOAT_BYTES, activation_fields, plane_fields, plane_views
from colonnade.plan.cost import call_cycles, column_cycles, store_cycles
from colonnade.plan.problem import ConvProblem, Geometry
from colonnade.target.targets import Target

PANELS = (1, 2, 4)  # strips
ROW_MOVES = 4.5  # of every vector of a row: copied and split, or merged, biased, activated and copied


def filters(geometry: Geometry) -> dict[int, Filter]:
    """Those that can compute a convolution, by m."""
    (kernel, width), (stride, across) = geometry.kernel, geometry.strides
    if (
        kernel != width
        or stride != across
        or stride > MAX_STRIDE
        or geometry.dilations != (1, 1)
        or geometry.groups > 1
    ):
        return {}
    return {f.m: f for f in FILTERS if f.taps == -(-kernel // stride)}


@dataclass(frozen=True)
class Tiling:
    """Tiles of m x m outputs, their strips and panels, by one candidate."""

    geometry: Geometry
    candidate: Candidate
    lanes: int

    @property
    def phases(self) -> int:
        """Channels of the matrix products: every one of the input by its rows and columns modulo stride."""
        return self.geometry.channels * self.geometry.strides[0] ** 2

    @property
    def lines(self) -> int:
        """Rows of tiles."""
        return self.geometry.batch * -(-self.geometry.out_h // self.candidate.winograd)

    @property
    def per_line(self) -> int:
        return -(-self.geometry.out_w // self.candidate.winograd)

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


def winograd_step(
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
    lanes = target.lanes
    g, tiling = problem.geometry, Tiling(problem.geometry, candidate, lanes)
    offsets = np.arange(tiling.phases, dtype=np.int64) * tiling.panel * candidate.vectors * lanes * FLOAT_BYTES
    fields: dict[str, object] = {
        "weights": constants.add_floats(packed_products(_by_products(problem, candidate.winograd), candidate.rows)),
        "bias": constants.add_floats(problem.bias),
        "off_table": constants.add_ints(offsets),
        "m": candidate.winograd,
        "kernel": g.kernel[0],
        "stride": g.strides[0],
        **plane_fields(g),
        "rows": g.rows,
        "tile_rows": candidate.rows,
        "vectors": candidate.vectors,
        "panel": tiling.panel,
        **activation_fields(problem.act),
    }
    return Step("winograd", problem.name, plane_views(g, x, y, residual), fields)


def transformed_weights(problem: ConvProblem, m: int) -> np.ndarray:
    """G g G^T of every phase of every kernel: [rows, phases * channels, n, n], computed in float64."""
    g, f = problem.geometry, filters(problem.geometry)[m]
    side, stride, taps = g.kernel[0], g.strides[0], f.taps
    kernels = np.zeros((g.rows, g.channels, stride * taps, stride * taps))
    kernels[:, :, :side, :side] = problem.weights.reshape(g.rows, g.channels, side, side)
    phases = kernels.reshape(g.rows, g.channels, taps, stride, taps, stride).transpose(0, 3, 5, 1, 2, 4)
    matrix = np.array(f.weight_matrix())
    return np.asarray(matrix @ phases.reshape(g.rows, -1, taps, taps) @ matrix.T)


def _by_products(problem: ConvProblem, m: int) -> np.ndarray:
    """The transformed weights, [rows, phases * channels, n * n]."""
    weights = transformed_weights(problem, m)
    return weights.reshape(*weights.shape[:2], -1)


def packed_products(weights: np.ndarray, rows: int) -> np.ndarray:
    """[rows, columns, products] as tiles of at most `rows`, each [products][columns][rows of the tile]."""
    tiles = [weights[first : first + rows] for first in range(0, len(weights), rows)]
    return np.concatenate([tile.transpose(2, 1, 0).astype(np.float32).reshape(-1) for tile in tiles])


def winograd_candidates(problem: ConvProblem, target: Target, shapes: tuple[Shape, ...]) -> Iterator[Candidate]:
    """Every m, shape and panel; none where Winograd does not fit. Shapes wider than the work are left out."""
    for m in filters(problem.geometry):
        for shape in shapes:
            candidate = Candidate(shape.rows, shape.vectors, dense=True, winograd=m)
            tiling = Tiling(problem.geometry, candidate, target.lanes)
            if tiling.positions <= (shape.vectors - 1) * target.lanes:
                continue
            for panel in PANELS:
                if panel == 1 or panel <= tiling.strips:
                    yield replace(candidate, panel=panel)


def winograd_cycles(problem: ConvProblem, candidate: Candidate, target: Target) -> float:
    """Estimated cycles of one thread; the terms are those of plan/cost.py."""
    g, t = problem.geometry, Tiling(problem.geometry, candidate, target.lanes)
    f = filters(g)[candidate.winograd]
    strip_vectors = -(-t.positions // target.lanes) if target.isa.lanes else t.strips * candidate.vectors
    tiles = -(-g.rows // candidate.rows)
    column = column_cycles(Shape(candidate.rows, candidate.vectors), target) / candidate.vectors
    product = g.rows / candidate.rows * t.phases * strip_vectors * column
    product += tiles * t.strips * call_cycles(target) + strip_vectors * g.rows * store_cycles(target)
    line_vectors = t.lines * -(-t.per_line // target.lanes)
    transforms = line_vectors * (t.phases + g.rows) * _transform_cycles(f, target)
    # Weights are read once per panel, a panel's data once per tile: from the second-level cache, or from beyond it
    # again.
    products = f.side**2
    weights = FLOAT_BYTES * products * t.phases * g.rows
    data = FLOAT_BYTES * products * t.phases * t.panel * candidate.vectors * target.lanes
    again = (t.panels - 1) * weights * (weights + data > target.l2_bytes)
    far = again + t.panels * data * tiles * (data > target.l2_bytes)
    near = t.panels * (weights + data * tiles)
    return products * product + transforms + near * target.near_cycles + far * target.far_cycles


def _transform_cycles(f: Filter, target: Target) -> float:
    """One vector of tiles of one channel, into or out of the transform: 3 n multiply-adds for each of 2 n rows and
    columns, a load and a store of every element, and n rows of m vectors on their way between planes and tiles."""
    n = f.side
    return 6 * n * n * target.fma_cycles + n * n * (target.load_cycles + 1) + n * f.m * ROW_MOVES * target.move_cycles
