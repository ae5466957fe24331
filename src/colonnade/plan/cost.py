"""The cost rule: cycles of a convolution by a candidate, estimated without running anything.

Per kept column a micro-kernel needs its multiply-adds, its loads and its place in the front end; the slowest of the
three counts. Every strip of every tile adds a call, the accumulators' way to memory, and more where it ends inside a
vector or a row. Packing and preparing move floats. The rule orders candidates for the default plan and for the
tuner, which then measures; it claims nothing about time.
"""

from __future__ import annotations

from dataclasses import dataclass

from colonnade.kernels.cnm import LINE_FLOATS
from colonnade.kernels.shapes import Shape
from colonnade.kernels.tail import tail_vectors
from colonnade.plan.candidate import Candidate
from colonnade.plan.columns import DataLayout
from colonnade.plan.conv import tail_limit
from colonnade.plan.problem import ConvProblem
from colonnade.plan.traffic import Traffic
from colonnade.target.targets import Target

CALL_INSTRUCTIONS = 220
EDGE_INSTRUCTIONS = 60  # per accumulator of a strip that is not one whole run
APART_INSTRUCTIONS = 15  # the same where the kernel stores it in two parts
STRIDED_MOVE = 1.5  # of a move: every other float, or fewer
OFFSET_LOADS = 2  # per column: its own offset and that of the column to prefetch
LOOP_INSTRUCTIONS = 1.5  # per column, beside loads and multiply-adds


def column_cycles(shape: Shape, target: Target) -> float:
    """Cycles of one column of one strip."""
    accumulators = shape.rows * shape.vectors
    arithmetic = accumulators * target.fma_cycles
    lines = -(-shape.vectors * target.lanes // LINE_FLOATS)
    scalars = shape.rows + OFFSET_LOADS + lines  # prefetches take a load's place too
    loads = shape.vectors * target.load_cycles + scalars * target.broadcast_cycles
    issue = (accumulators + shape.vectors + scalars + LOOP_INSTRUCTIONS) * target.issue_cycles
    return arithmetic + loads if target.in_order else max(arithmetic, loads, issue)


@dataclass(frozen=True)
class Strips:
    """How many strips cover the output, how many vectors they hold, how many need the edge path, and how many positions
    are left to a tail kernel."""

    strips: int
    vectors: int
    edges: int
    tail: int


def count_strips(problem: ConvProblem, candidate: Candidate, target: Target) -> Strips:
    """As csrc/strips.c cuts them, up to a few at the borders. Where vectors have any length, an instruction costs its
    whole register group whatever the length in use, and only strips of several segments have edges."""
    runs, span = _runs(problem, candidate)
    whole, last = divmod(span, candidate.vectors * target.lanes)
    strips, edges = runs * (whole + (last > 0)), _edges(problem, candidate, target, runs, span)
    if target.isa.lanes:
        return Strips(strips, runs * -(-span // target.lanes), edges, 0)
    past = last % target.lanes
    tail = past if past <= tail_limit(problem, candidate, target) else 0
    narrowest = min((v for v in target.isa.vectors if v * target.lanes >= last - tail > 0), default=0)
    crossing = 0 if candidate.rowwise or candidate.packed else edges
    return Strips(strips, runs * (whole * candidate.vectors + narrowest), crossing, runs * tail)


def _runs(problem: ConvProblem, candidate: Candidate) -> tuple[int, int]:
    """How many runs of positions are cut into strips, and how long each is: rows, or planes, those read or, packed,
    those written."""
    g, layout = problem.geometry, DataLayout.of(problem.geometry, candidate)
    if candidate.rowwise:
        return g.batch * g.out_h, g.out_w
    pitch, floats = (g.target.pitch, g.target.floats) if candidate.packed else (layout.pitch, layout.plane_floats)
    if pitch * g.out_h == floats and pitch == g.out_w:  # and so from image to image
        return 1, g.positions
    return g.batch, (g.out_h - 1) * pitch + g.out_w


def _edges(problem: ConvProblem, candidate: Candidate, target: Target, runs: int, span: int) -> int:
    """Strips whose outputs do not lie as their lanes do, or that end in a vector which may not be written whole."""
    g, width = problem.geometry, candidate.vectors * target.lanes
    if candidate.rowwise:
        return runs * (span % width % target.lanes > 0)
    pitch = DataLayout.of(g, candidate).pitch
    if candidate.packed or pitch == g.target.pitch:
        own = g.target.pitch if candidate.packed else pitch
        fits = g.target.floats - g.target.origin >= (g.out_h - 1) * own + g.out_w + target.lanes
        return 0 if fits or span % target.lanes == 0 else runs
    return min(runs * -(-span // width), g.batch * g.out_h)


def estimate_cycles(problem: ConvProblem, candidate: Candidate, target: Target) -> float:
    """Estimated cycles of one thread."""
    layout, strips = DataLayout.of(problem.geometry, candidate), count_strips(problem, candidate, target)
    apart = not target.isa.lanes and not problem.residual
    edge = (APART_INSTRUCTIONS if apart else EDGE_INSTRUCTIONS) * instruction_cycles(target)
    cycles = 0.0
    output = output_cycles(target) * (1 + problem.residual) + 2 * store_cycles(target) * (candidate.blocks - 1)
    for (rows, columns), tiles in problem.tile_sizes(candidate.rows, candidate.dense).items():
        per_column = column_cycles(Shape(rows, candidate.vectors), target) / candidate.vectors
        of_one = columns * strips.vectors * per_column
        of_one += strips.strips * call_cycles(target) * candidate.blocks + strips.vectors * rows * output
        of_one += strips.edges * rows * candidate.vectors * edge
        of_one += strips.tail * (columns * tail_cycles(rows, target) + rows * edge / target.lanes)
        cycles += tiles * of_one
    if candidate.packed:
        moves = problem.geometry.columns * strips.vectors * (STRIDED_MOVE if layout.gathered else 1)
        cycles += moves * target.move_cycles
    return cycles + prepare_cycles(layout, target) + traffic_of(problem, candidate, target).cycles


def traffic_of(problem: ConvProblem, candidate: Candidate, target: Target) -> Traffic:
    """That of a candidate whose strips are vectors of positions."""
    strips, width = count_strips(problem, candidate, target).strips, candidate.vectors * target.lanes
    return Traffic(problem, candidate, target, strips, 1, width)


def tail_cycles(rows: int, target: Target) -> float:
    """Of one position of a tail, in one column: output channels are the lanes."""
    vectors = tail_vectors(rows, target.lanes)
    return vectors * (target.fma_cycles + target.load_cycles / 2) + target.broadcast_cycles


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


def prepare_cycles(layout: DataLayout, target: Target) -> float:
    """Of padding and splitting X."""
    return layout.floats / target.lanes * target.move_cycles if layout.prepared else 0.0
