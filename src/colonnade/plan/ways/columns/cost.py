"""The cost rule for convolutions by columns.

Per kept column a micro-kernel needs its multiply-adds, its loads and its place in the front end; the slowest of the
three counts. Every strip of every tile adds a call, the way of the sums to memory, and more where the strip ends inside
a vector or a line. Packing and preparing move floats.
"""

from __future__ import annotations

from colonnade.kernels.channels import VECTORS
from colonnade.kernels.shapes import Shape
from colonnade.plan.problem import ConvProblem
from colonnade.plan.ways.columns.cutting import channel_strips, strips_of
from colonnade.plan.ways.columns.layout import DataLayout
from colonnade.plan.ways.columns.loops import Loops
from colonnade.plan.ways.columns.traffic import Traffic
from colonnade.plan.ways.costs import call_cycles, column_cycles, instruction_cycles, output_cycles, store_cycles
from colonnade.target.targets import Target

EDGE_INSTRUCTIONS = 60  # per accumulator of a strip that is not one whole run
STRIDED_MOVE = 1.5  # of a move: every other float, or fewer
COLUMN_SCALARS = 3  # by channels, per column, beside elements of X: its offset, where its row is, the next weights
MEMORY_OPERANDS = 1.25  # of a column's time, where multiply-adds take X from memory: measured on Zen 5
LONGER_CALLS = 1.2  # of kernels by channels, than of others
SCATTER_CYCLES = 1.3  # per element


def position_cycles(problem: ConvProblem, candidate: Loops, target: Target) -> float:
    """Estimated cycles of one thread, lanes being positions."""
    layout, strips = candidate.layout(problem.geometry), strips_of(problem, candidate, target)
    vectors, tail, lanes = strips.total("vectors"), strips.total("tail"), problem.geometry.lanes(target)
    edge = EDGE_INSTRUCTIONS * instruction_cycles(target)
    tail_column = target.fma_cycles + target.load_cycles / 2 + target.broadcast_cycles
    cycles = 0.0
    output = output_cycles(target) * (1 + problem.residual) + 2 * store_cycles(target) * (candidate.blocks - 1)
    for (rows, columns), tiles in problem.matrix.tile_sizes(candidate.rows, candidate.dense).items():
        per_column = column_cycles(Shape(rows, candidate.vectors), target) / candidate.vectors
        of_one = columns * vectors * per_column
        of_one += len(strips) * call_cycles(target) * candidate.blocks + vectors * rows * output
        of_one += strips.edges * rows * candidate.vectors * edge
        of_one += tail * (columns * tail_column + rows * edge / lanes)
        cycles += tiles * of_one
    if candidate.packed:
        moves = problem.geometry.columns * vectors * (STRIDED_MOVE if layout.gathered else 1)
        cycles += moves * target.move_cycles
    return cycles + prepare_cycles(layout, target) + traffic_of(problem, candidate, target).cycles


def traffic_of(problem: ConvProblem, candidate: Loops, target: Target) -> Traffic:
    """That of a candidate whose strips are vectors of positions."""
    strips, width = strips_of(problem, candidate, target), candidate.vectors * problem.geometry.lanes(target)
    return Traffic(problem, candidate, target, len(strips), 1, width)


def prepare_cycles(layout: DataLayout, target: Target) -> float:
    """Of padding and splitting X."""
    if not layout.prepared:
        return 0.0
    lines = layout.geometry.channels * len(layout.phases) * layout.geometry.batch * layout.plane_lines
    return layout.elements / layout.geometry.lanes(target) * target.move_cycles + lines * target.line_cycles


def channel_cycles(problem: ConvProblem, candidate: Loops, target: Target) -> float:
    """Estimated cycles of one thread, lanes being output channels."""
    g, layout = problem.geometry, candidate.layout(problem.geometry)
    strips = channel_strips(g, candidate, target)
    count, elements = g.batch * strips.count, g.positions * VECTORS * g.lanes(target)
    output = elements * SCATTER_CYCLES * (1 + problem.residual)
    sums = g.positions * VECTORS * 2 * store_cycles(target) * (candidate.blocks - 1)
    of_one = count * candidate.blocks * call_cycles(target) * LONGER_CALLS + output + sums
    cycles = prepare_cycles(layout, target)
    for (_, columns), tiles in problem.matrix.tile_sizes(candidate.rows, candidate.dense).items():
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
