"""How many positions past whole vectors are computed as a tail (kernels/tail.py, kernels/fused.py)."""

from __future__ import annotations

from colonnade.kernels.fused import fuses
from colonnade.kernels.shapes import Shape
from colonnade.kernels.tail import longest_tail
from colonnade.plan.problem import ConvProblem
from colonnade.plan.ways.columns.loops import Loops
from colonnade.target.targets import Target

TAIL_COLUMNS = 32  # of a tile, on average, for each position; fewer where a register holds several vectors
FUSED_COLUMNS = 4  # the same where the micro-kernel computes the tail too


def tail_limit(problem: ConvProblem, candidate: Loops, target: Target) -> int:
    """The most positions past whole vectors that are computed as a tail: only so many that tiles keep columns enough to
    make up for what each costs once."""
    if candidate.by_channels:
        return 0
    sizes = problem.tile_sizes(candidate.rows, candidate.dense)
    columns = sum(columns * tiles for (_, columns), tiles in sizes.items()) // sum(sizes.values())
    shape = Shape(candidate.rows, candidate.vectors)
    beside = not candidate.packed and fuses(target.isa, shape, problem.geometry.positions)
    each = FUSED_COLUMNS if beside else TAIL_COLUMNS // target.isa.wide
    return min(longest_tail(target.isa, candidate.rows, target.lanes), columns // each)
