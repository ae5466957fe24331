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
from colonnade.plan.candidate import Candidate
from colonnade.plan.columns import DataLayout
from colonnade.plan.problem import ConvProblem
from colonnade.target.targets import Target

CALL_CYCLES = 25.0
STORE_CYCLES = 2.0  # per accumulator
EDGE_CYCLES = 10.0  # per accumulator of a strip that is not one whole run
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
    """How many strips cover the output, how many vectors they hold, and how many need the edge path."""

    strips: int
    vectors: int
    edges: int


def count_strips(problem: ConvProblem, candidate: Candidate, target: Target) -> Strips:
    """As csrc/strips.c cuts them, up to a few at the borders. Where vectors have any length, an instruction costs its
    whole register group whatever the length in use, and only strips of several segments have edges."""
    strips = _count_strips(problem, candidate, target)
    if target.isa.lanes:
        return strips
    crossing = strips.edges if not candidate.rowwise and not candidate.packed else 0
    return Strips(strips.strips, strips.strips * candidate.vectors, crossing)


def _count_strips(problem: ConvProblem, candidate: Candidate, target: Target) -> Strips:
    g, layout = problem.geometry, DataLayout.of(problem.geometry, candidate)
    width = candidate.vectors * target.lanes
    lines = g.batch * g.out_h
    if candidate.rowwise:
        per_line, tail = divmod(g.out_w, width)
        vectors = lines * -(-g.out_w // target.lanes)
        return Strips(lines * (per_line + (tail > 0)), vectors, lines * (tail % target.lanes > 0))
    # Strips run over the planes that they are cut from: those read or, packed, those written.
    pitch, floats = (g.target.pitch, g.target.floats) if candidate.packed else (layout.pitch, layout.plane_floats)
    dense = pitch * g.out_h == floats and pitch == g.out_w  # and so from image to image
    images, span = (1, g.positions) if dense else (g.batch, (g.out_h - 1) * pitch + g.out_w)
    strips = images * -(-span // width)
    vectors = images * -(-span // target.lanes)
    if candidate.packed or pitch == g.target.pitch:
        tail_fits = g.target.floats - g.target.origin >= (g.out_h - 1) * pitch + g.out_w + target.lanes
        return Strips(strips, vectors, 0 if tail_fits or span % target.lanes == 0 else images)
    return Strips(strips, vectors, min(strips, lines))


def estimate_cycles(problem: ConvProblem, candidate: Candidate, target: Target) -> float:
    """Estimated cycles of one thread."""
    layout, strips = DataLayout.of(problem.geometry, candidate), count_strips(problem, candidate, target)
    cycles = 0.0
    for (rows, columns), tiles in problem.tile_sizes(candidate.rows, candidate.dense).items():
        per_column = column_cycles(Shape(rows, candidate.vectors), target) / candidate.vectors
        of_one = columns * strips.vectors * per_column
        of_one += strips.strips * CALL_CYCLES * candidate.blocks + strips.vectors * rows * STORE_CYCLES
        of_one += strips.edges * rows * candidate.vectors * EDGE_CYCLES
        cycles += tiles * of_one
    if candidate.packed:
        moves = problem.geometry.columns * strips.vectors * (STRIDED_MOVE if layout.gathered else 1)
        cycles += moves * target.move_cycles
    if layout.prepared:
        cycles += layout.floats / target.lanes * target.move_cycles
    near, far = _traffic(problem, candidate, target, strips)
    return cycles + near * target.near_cycles + far * target.far_cycles


def panel_bytes(problem: ConvProblem, candidate: Candidate, target: Target, panel: int) -> float:
    """Bytes of X that the strips of one panel read, in one KC block. Columns of one channel overlap unless packed."""
    g = problem.geometry
    positions = panel * candidate.vectors * target.lanes
    if candidate.packed:
        return 4.0 * g.columns * positions / candidate.blocks
    layout = DataLayout.of(g, candidate)
    halo = (g.taps[-1][0] // g.strides[0]) * layout.pitch
    per_plane = min(positions + halo, g.batch * layout.plane_floats)
    return 4.0 * g.channels // g.groups * len(layout.phases) * per_plane / candidate.blocks


def _traffic(problem: ConvProblem, candidate: Candidate, target: Target, strips: Strips) -> tuple[float, float]:
    """Bytes read from beyond the first-level cache, and from beyond the second, each time after the first: weights
    once per panel, X once per tile, where they do not stay."""
    sizes = problem.tile_sizes(candidate.rows, candidate.dense)
    weights = 4.0 * sum(tiles * rows * columns for (rows, columns), tiles in sizes.items())
    panel = min(candidate.panel, strips.strips)
    held = panel_bytes(problem, candidate, target, panel)
    column_reads = sum(tiles * columns for (_, columns), tiles in sizes.items())
    x_reads = 4.0 * column_reads * strips.vectors * target.lanes
    weight_reads = weights * strips.strips / panel
    near = weight_reads + (x_reads if held > target.l1_bytes / 2 else 0.0)
    far = weight_reads - weights if weights + held > target.l2_bytes and panel < strips.strips else 0.0
    return near, far + (x_reads if held > target.l2_bytes else 0.0)
