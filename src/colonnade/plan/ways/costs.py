"""The cost rule's smallest terms: cycles of one column, one call, one vector of outputs.

The rule estimates cycles of a convolution without running anything (docs/planning.md). It orders candidates for the
default plan and for the tuner, which then measures. It claims nothing about time.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TypeVar

from colonnade.kernels.cnm import LINE_BYTES
from colonnade.kernels.shapes import Shape, shapes
from colonnade.plan.problem import ConvProblem
from colonnade.plan.ways.way import Candidate, TiledCandidate
from colonnade.target.targets import Target

CALL_INSTRUCTIONS = 220
OFFSET_LOADS = 2  # per column: its own offset and that of the column to prefetch
LOOP_INSTRUCTIONS = 1.5  # per column, beside loads and multiply-adds
EFFICIENCY = 0.55  # of the best shape's multiply-adds per cycle; a shape with less is never worth a look
ROWS_VARIED = 3  # other T of the best shapes

C = TypeVar("C", bound=TiledCandidate)


def candidate_cycles(problem: ConvProblem, candidate: Candidate, target: Target) -> float:
    """The cost rule, for every way to compute a convolution: estimated cycles of one thread."""
    g = problem.geometry
    # All that must come from memory: input, output and residual, which depend on borders, and the weights.
    data = g.batch * g.channels * g.source.elements * g.arithmetic.data.bytes
    data += g.batch * g.rows * g.target.elements * (1 + problem.residual) * g.arithmetic.outputs.bytes
    data += candidate.stored_weights(problem) * g.arithmetic.weights.bytes
    return candidate.cycles(problem, target) + data * target.far_cycles


@cache
def good_shapes(target: Target, max_rows: int) -> tuple[Shape, ...]:
    """Micro-kernel shapes of at most `max_rows` rows whose multiply-adds per cycle are near the best."""
    most = target.accumulators or target.isa.registers
    fitting = [s for s in shapes(target.isa) if s.rows <= max_rows and s.rows * s.row_registers(target.isa) <= most]

    def rate(shape: Shape) -> float:
        return shape.rows * shape.vectors / column_cycles(shape, target)

    best = max(rate(shape) for shape in fitting)
    return tuple(shape for shape in fitting if rate(shape) >= EFFICIENCY * best)


def row_variants(candidate: C, problem: ConvProblem, target: Target) -> tuple[C, ...]:
    """The candidate with other T: the cheapest few by the cost rule."""
    g = problem.geometry
    others = [
        replace(candidate, rows=shape.rows)
        for shape in good_shapes(target, g.rows // g.groups)
        if shape.vectors == candidate.vectors
        and shape.rows != candidate.rows
        and max(rows for rows, _ in problem.matrix.tile_sizes(shape.rows, candidate.dense)) == shape.rows
    ]
    return tuple(sorted(others, key=lambda other: candidate_cycles(problem, other, target))[:ROWS_VARIED])


def column_cycles(shape: Shape, target: Target) -> float:
    """Cycles of one column of one strip."""
    accumulators = shape.rows * shape.vectors
    arithmetic = accumulators * target.fma_cycles
    lines = -(-shape.vectors * target.vector_bytes // LINE_BYTES)
    scalars = shape.rows + OFFSET_LOADS + lines  # prefetches take a load's place too
    loads = shape.vectors * target.load_cycles + scalars * target.broadcast_cycles
    issue = (accumulators + shape.vectors + scalars + LOOP_INSTRUCTIONS) * target.issue_cycles
    return arithmetic + loads if target.in_order else max(arithmetic, loads, issue)


def call_cycles(target: Target) -> float:
    """Of one call of a micro-kernel, and the loops around it."""
    return CALL_INSTRUCTIONS * instruction_cycles(target)


def instruction_cycles(target: Target) -> float:
    """Of a scalar instruction."""
    return target.broadcast_cycles if target.in_order else target.issue_cycles


def output_cycles(target: Target) -> float:
    """Of one vector of outputs, and again for a residual's: a store or load, an operation and an address."""
    return 1.25 * (target.load_cycles + target.fma_cycles)


def store_cycles(target: Target) -> float:
    """Of one vector stored, or loaded, as it is: sums between KC blocks, products that are still to be transformed."""
    return target.load_cycles + target.fma_cycles / 2
