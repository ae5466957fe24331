"""The strips of one candidate: where its columns and outputs lie, and which kernels there are for them."""

from __future__ import annotations

from functools import lru_cache

from colonnade.kernels.fused import fused_kernels, fuses
from colonnade.kernels.shapes import Shape, shapes
from colonnade.kernels.tail import longest_tail
from colonnade.plan.problem import ConvProblem, Geometry
from colonnade.plan.ways.columns.loops import Loops
from colonnade.plan.ways.columns.strips import ChannelStrips, Cut, Kernels, Plane, Strips, cut_channels, cut_positions
from colonnade.target.isa import Isa
from colonnade.target.targets import Target

TAIL_COLUMNS = 32  # of a tile, on average, for each position; fewer where a register holds several vectors
FUSED_COLUMNS = 4  # the same where the micro-kernel computes the tail too


def strips_of(problem: ConvProblem, candidate: Loops, target: Target) -> Strips:
    """As the runtime computes them."""
    cut = _cut(problem, candidate, target)
    return cut_channels(cut, target.isa.turned) if candidate.by_channels else cut_positions(cut)


def channel_strips(geometry: Geometry, candidate: Loops, target: Target) -> ChannelStrips:
    """The size of strips whose lanes are output channels."""
    return ChannelStrips.of(_planes(geometry, candidate, target), target.isa.turned)


def _cut(problem: ConvProblem, candidate: Loops, target: Target) -> Cut:
    if candidate.by_channels:
        return _planes(problem.geometry, candidate, target)
    tail = tail_limit(problem, candidate, target)
    return _planes(problem.geometry, candidate, target, tail)


def _planes(geometry: Geometry, candidate: Loops, target: Target, tail: int = 0) -> Cut:
    layout = candidate.layout(geometry)
    return Cut(
        batch=geometry.batch,
        lines=geometry.out_h,
        length=geometry.out_w,
        x=Plane(layout.pitch, layout.plane_floats, layout.x_step),
        y=Plane(geometry.target.pitch, geometry.target.floats),
        border=geometry.target.origin,
        width=candidate.vectors * target.lanes,
        by_output=candidate.packed,
        kernels=_kernels(target.isa, target.lanes, Shape(candidate.rows, candidate.vectors), tail),
    )


@lru_cache(maxsize=1024)
def _kernels(isa: Isa, lanes: int, shape: Shape, tail: int) -> Kernels:
    vectors = tuple(s.vectors for s in shapes(isa) if s.rows == shape.rows)
    fused = tuple(f.positions for f in fused_kernels(isa) if f.shape == shape)
    return Kernels(lanes, vectors, not isa.lanes, tail, fused)


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
