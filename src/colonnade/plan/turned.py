"""Convolutions by turned micro-kernels (kernels/turned.py): candidates, and their cost by the rule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from colonnade.kernels.shapes import MAX_ROWS
from colonnade.kernels.turned import STRIDES, VECTORS
from colonnade.plan.candidate import ALL_STRIPS, Candidate
from colonnade.plan.columns import DataLayout
from colonnade.plan.conv import FLOAT_BYTES
from colonnade.plan.cost import call_cycles, prepare_cycles, store_cycles
from colonnade.plan.problem import ConvProblem
from colonnade.plan.strips import TurnedStrips
from colonnade.plan.traffic import Traffic
from colonnade.target.targets import Target

PANELS = (4, 16, ALL_STRIPS)
BLOCKS = (1, 2, 4, 8)
KC_LEAST = 128  # columns of a KC block, zeros included
COLUMN_SCALARS = 3  # per column, beside elements of X: its offset, where its row is, where the next weights are
MEMORY_OPERANDS = 1.25  # of a column's time, where multiply-adds take X from memory: measured on Zen 5
LONGER_CALLS = 1.2  # than of other micro-kernels
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
    # Where vectors are scalar registers these hold too few sums for it (Target.accumulators).
    small = (
        g.groups == 1 and target.accumulators is None and FLOAT_BYTES * g.rows * g.batch * g.target.floats <= MOST_BYTES
    )
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


def turned_cycles(problem: ConvProblem, candidate: Candidate, target: Target) -> float:
    """Estimated cycles of one thread."""
    g, layout = problem.geometry, DataLayout.of(problem.geometry, candidate)
    strips = TurnedStrips.of(layout, target.isa)
    count, elements = g.batch * strips.count, g.positions * VECTORS * target.lanes
    output = elements * SCATTER_CYCLES * (1 + problem.residual)
    sums = elements / target.lanes * 2 * store_cycles(target) * (candidate.blocks - 1)
    of_one = count * candidate.blocks * call_cycles(target) * LONGER_CALLS + output + sums
    cycles = prepare_cycles(layout, target)
    for (_, columns), tiles in problem.tile_sizes(candidate.rows, candidate.dense).items():
        cycles += tiles * (columns * _column_cycles(count, g.positions, target) + of_one)
    return cycles + Traffic(problem, candidate, target, count, strips.lines, strips.width).cycles


def _column_cycles(strips: int, positions: int, target: Target) -> float:
    """Of one column of all strips."""
    arithmetic = positions * VECTORS * target.fma_cycles
    scalars = positions + strips * COLUMN_SCALARS
    loads = strips * VECTORS * target.load_cycles + scalars * target.broadcast_cycles
    issue = (positions * VECTORS + strips * VECTORS + scalars) * target.issue_cycles
    column = arithmetic + loads if target.in_order else max(arithmetic, loads, issue)
    return column if target.isa.scalar_operands else column * MEMORY_OPERANDS
