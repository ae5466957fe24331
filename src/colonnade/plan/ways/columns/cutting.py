"""The strips of one candidate: where its columns and outputs lie, and which kernels there are for them."""

from __future__ import annotations

from functools import cache, lru_cache

from colonnade.kernels.fused import fused_kernels
from colonnade.kernels.shapes import shapes
from colonnade.plan.problem import ConvProblem, Geometry
from colonnade.plan.ways.columns.layout import DataLayout
from colonnade.plan.ways.columns.loops import Loops
from colonnade.plan.ways.columns.strips import ChannelStrips, Cut, Kernels, Plane, Strips, cut_channels, cut_positions
from colonnade.target.isa import Isa
from colonnade.target.targets import Target

TAIL_COLUMNS = 4  # that a tile keeps, on average, for each position of a tail: fewer do not make up for its cost


def strips_of(problem: ConvProblem, candidate: Loops, target: Target) -> Strips:
    """Strips of a candidate whose lanes are positions: what the file's tables will hold, and the cost rule counts."""
    tails = () if candidate.by_channels or candidate.packed else _tails(problem, candidate, target)
    geometry, lanes = problem.geometry, problem.geometry.lanes(target)
    kernels = Kernels(lanes, _vectors(target.isa, candidate.rows), not target.isa.vector_bytes, tails)
    positions = target.isa.channel_positions if candidate.by_channels else 0
    return _strips(
        geometry, candidate.layout(geometry), candidate.vectors * lanes, candidate.packed, kernels, positions
    )


def channel_strips(geometry: Geometry, candidate: Loops, target: Target) -> ChannelStrips:
    """The size of strips whose lanes are output channels."""
    lanes = geometry.lanes(target)
    kernels = Kernels(lanes, _vectors(target.isa, candidate.rows), not target.isa.vector_bytes)
    cut = _cut(geometry, candidate.layout(geometry), candidate.vectors * lanes, candidate.packed, kernels)
    return ChannelStrips.of(cut, target.isa.channel_positions)


@lru_cache(maxsize=4096)
def _strips(
    geometry: Geometry, layout: DataLayout, width: int, by_output: bool, kernels: Kernels, positions: int
) -> Strips:
    """positions: of a strip whose lanes are output channels, else 0."""
    cut = _cut(geometry, layout, width, by_output, kernels)
    return cut_channels(cut, positions) if positions else cut_positions(cut)


def _cut(geometry: Geometry, layout: DataLayout, width: int, by_output: bool, kernels: Kernels) -> Cut:
    return Cut(
        batch=geometry.batch,
        lines=geometry.out_h,
        length=geometry.out_w,
        x=Plane(layout.pitch, layout.plane_elements, layout.x_step),
        y=Plane(geometry.target.pitch, geometry.target.elements),
        border=geometry.target.origin,
        width=width,
        by_output=by_output,
        kernels=kernels,
    )


def _tails(problem: ConvProblem, candidate: Loops, target: Target) -> tuple[tuple[int, int], ...]:
    """(whole vectors, positions) of the strips whose last positions a kernel computes beside them: where there is such
    a kernel for every tile, and tiles keep enough columns."""
    fused = fused_kernels(target.isa)
    if not fused:
        return ()
    sizes = problem.matrix.tile_sizes(candidate.rows, candidate.dense)
    columns = sum(columns * tiles for (_, columns), tiles in sizes.items()) // sum(sizes.values())
    found = {(f.shape.vectors, f.positions) for f in fused if columns >= TAIL_COLUMNS * f.positions}
    for rows in {rows for rows, _ in sizes}:
        found &= {(f.shape.vectors, f.positions) for f in fused if f.shape.rows == rows}
    return tuple(sorted(found))


@cache
def _vectors(isa: Isa, rows: int) -> tuple[int, ...]:
    return tuple(s.vectors for s in shapes(isa) if s.rows == rows)
