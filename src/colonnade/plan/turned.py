"""Convolutions by turned micro-kernels (kernels/turned.py): candidates, and their cost by the rule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from colonnade.kernels.cnm import LINE_FLOATS
from colonnade.kernels.shapes import MAX_ROWS
from colonnade.kernels.turned import STRIDES, VECTORS
from colonnade.plan.candidate import ALL_STRIPS, Candidate
from colonnade.plan.columns import DataLayout
from colonnade.plan.conv import FLOAT_BYTES
from colonnade.plan.problem import ConvProblem, Geometry
from colonnade.plan.strips import TurnedStrips
from colonnade.target.targets import Target

PANELS = (4, 16, ALL_STRIPS)
BLOCKS = (1, 2, 4, 8)
KC_LEAST = 128  # columns of a KC block, zeros included
COLUMN_SCALARS = 3  # per column, beside elements of X: its offset, where its row is, where the next weights are
CALL_INSTRUCTIONS = 200
LOSS, HELD = 1.5, 0.9
SCATTER_CYCLES = 1.3  # per element
MOST_BYTES = (1 << 32) - 1  # of all outputs: places of scattered ones are 32 bits


def turned_rows(target: Target) -> int:
    """T: as many output channels as the vectors hold."""
    return min(VECTORS * target.lanes, MAX_ROWS)


def fits_turned(problem: ConvProblem, candidate: Candidate, target: Target) -> bool:
    """Whether a candidate with turned kernels can compute `problem`."""
    g = problem.geometry
    kernels = candidate.rows <= turned_rows(target) and candidate.vectors == VECTORS
    plain = not (candidate.packed or candidate.masked or candidate.rowwise)
    small = g.groups == 1 and FLOAT_BYTES * g.rows * g.batch * g.target.floats <= MOST_BYTES
    return kernels and plain and small and DataLayout.of(g, candidate).x_step in STRIDES


def turned_candidates(problem: ConvProblem, target: Target) -> Iterator[Candidate]:
    """Every panel and number of KC blocks; none where it does not fit."""
    g = problem.geometry
    candidate = Candidate(turned_rows(target), VECTORS, turned=True)
    if not fits_turned(problem, candidate, target):
        return
    count = g.batch * TurnedStrips.of(DataLayout.of(g, candidate), target.isa).count
    for dense in (False, True) if problem.sparse else (True,):
        for panel in (panel for panel in PANELS if panel < count or panel == ALL_STRIPS):
            for blocks in (b for b in BLOCKS if b == 1 or g.columns // b >= KC_LEAST):
                yield replace(candidate, dense=dense, panel=panel, blocks=blocks)


@dataclass(frozen=True)
class _Tile:
    """What one tile reads in one KC block."""

    geometry: Geometry
    layout: DataLayout
    strips: TurnedStrips
    rows: int
    columns: float

    @property
    def weights(self) -> float:
        """Bytes."""
        return FLOAT_BYTES * self.rows * self.columns

    def x(self, blocks: int) -> float:
        """Bytes of whole cache lines of one strip: those of one row of one channel together, if any tap is kept."""
        g = self.geometry
        height, width = g.kernel
        kept = min(1.0, self.columns * blocks / g.columns)
        rows = g.channels / blocks * height * (1 - (1 - kept) ** width) * self.strips.lines
        floats = (self.strips.width - 1) * self.layout.x_step + width
        return FLOAT_BYTES * rows * (floats + LINE_FLOATS - 1)


def _lost(reused: float, cache: int) -> float:
    """The share of what is read again and again, so many bytes in all, that a cache which replaces at random has lost
    by then."""
    return min(1.0, max(0.0, LOSS * (1 - HELD * cache / reused))) if reused else 0.0


def turned_cycles(problem: ConvProblem, candidate: Candidate, target: Target) -> float:
    """Estimated cycles of one thread; the terms are those of plan/cost.py, but where X and weights come from."""
    g, layout = problem.geometry, DataLayout.of(problem.geometry, candidate)
    strips, blocks = TurnedStrips.of(layout, target.isa), candidate.blocks
    count, floats = g.batch * strips.count, g.positions * VECTORS * target.lanes
    panel = min(candidate.panel, count)
    halo = g.taps[-1][0] // g.strides[0] * layout.pitch
    held = min(panel * strips.lines * strips.width * g.strides[0] * layout.x_step + halo, g.batch * layout.plane_floats)
    held *= FLOAT_BYTES * g.channels * len(layout.phases) / blocks
    sizes = problem.tile_sizes(candidate.rows, candidate.dense)
    weights = sum(FLOAT_BYTES * rows * columns * tiles for (rows, columns), tiles in sizes.items())
    near = far = 0.0
    cycles = layout.floats / target.lanes * target.move_cycles if layout.prepared else 0.0
    call = CALL_INSTRUCTIONS * (target.broadcast_cycles if target.in_order else target.issue_cycles)
    sums = floats / target.lanes * 2 * target.load_cycles
    for (rows, columns), tiles in sizes.items():
        tile = _Tile(g, layout, strips, rows, columns / blocks)
        x = tile.x(blocks)
        cycles += tiles * columns * _column_cycles(count, g.positions, target)
        cycles += tiles * (count * blocks * call + (blocks - 1) * sums)
        cycles += tiles * floats * SCATTER_CYCLES * (1 + problem.residual)
        again = max(-(-count // panel), count * _lost(tile.weights + x, target.l1_bytes))
        near += tiles * blocks * (again * tile.weights + count * x * _lost(held + tile.weights, target.l1_bytes))
        near += tiles * FLOAT_BYTES * floats * blocks * (blocks > 1)
        near += tiles * rows * (1 + problem.residual) * (FLOAT_BYTES * g.positions + 64 * -(-count // panel))
        far += tiles * blocks * min(held, count * x) * _lost(held, target.l2_bytes)
    if blocks > 1:
        kept = FLOAT_BYTES * floats * sum(sizes.values()) * panel / count
        far += blocks * kept * -(-count // panel) * _lost(kept + weights / blocks, target.l2_bytes)
    if panel < count:
        far += (-(-count // panel) - 1) * weights * _lost(weights + held, target.l2_bytes)
    return cycles + near * target.near_cycles + far * target.far_cycles


def _column_cycles(strips: int, positions: int, target: Target) -> float:
    """Of one column of all strips."""
    arithmetic = positions * VECTORS * target.fma_cycles
    scalars = positions + strips * COLUMN_SCALARS
    loads = strips * VECTORS * target.load_cycles + scalars * target.broadcast_cycles
    issue = (positions * VECTORS + strips * VECTORS + scalars) * target.issue_cycles
    return arithmetic + loads if target.in_order else max(arithmetic, loads, issue)
