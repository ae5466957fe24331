"""Convolutions by columns: the one way for every convolution, dense or pruned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from colonnade.kernels.arithmetic import ARITHMETICS, Arithmetic
from colonnade.kernels.channels import STRIDES, VECTORS
from colonnade.kernels.shapes import MAX_ROWS, Shape, shapes
from colonnade.modelfile.program import Step
from colonnade.modelfile.steps import Fields, Work
from colonnade.plan.problem import ConvProblem
from colonnade.plan.ways.columns.cost import channel_cycles, position_cycles, traffic_of
from colonnade.plan.ways.columns.cutting import channel_strips
from colonnade.plan.ways.columns.loops import Loops
from colonnade.plan.ways.columns.step import column_step
from colonnade.plan.ways.costs import candidate_cycles, good_shapes, row_variants
from colonnade.plan.ways.step_fields import moved_numbers
from colonnade.plan.ways.way import ALL_STRIPS, Operands
from colonnade.target.targets import Target

KC_LEAST = 128  # columns of a KC block; shorter ones spend their time on sums
PANELS_BY_CHANNELS = (4, 16, ALL_STRIPS)
BLOCKS = (2, 4, 8)
BY_CHANNELS_VARIED = 6  # loop orders of kernels by channels
MOST_BYTES = (1 << 32) - 1  # of all outputs: places of scattered ones are 32 bits


@dataclass(frozen=True)
class Columns(Loops):
    """Columns of im2col's matrix are multiplied by tiles of weights. This is the one way that fits every convolution:
    dense or pruned, with convolution groups or without.

    `Loops` has the fields."""

    @classmethod
    def candidates(cls, problem: ConvProblem, target: Target) -> Iterator[Columns]:
        """Every shape, each direct, packed or with lane masks, and for a pruned layer dense ones too; then those
        whose lanes are output channels."""
        for dense in (False, True) if problem.sparse else (True,):
            yield from _by_positions(problem, target, dense)
        yield from _by_channels(problem, target)

    def fits(self, problem: ConvProblem, target: Target) -> bool:
        g = problem.geometry
        if self.lane_masked and not (target.isa.masks_lanes and g.maskable):
            return False
        if self.by_channels:
            return _fits_by_channels(self, problem, target)
        return Shape(self.rows, self.vectors) in shapes(target.isa)

    def loop_variants(self, problem: ConvProblem, target: Target) -> tuple[Columns, ...]:
        """Panels of one strip, of some, of all; and KC blocks."""
        if self.by_channels:
            alike = (c for c in _by_channels(problem, target) if c.dense == self.dense and c != self)
            ranked = sorted(alike, key=lambda c: candidate_cycles(problem, c, target))
            return tuple(ranked[:BY_CHANNELS_VARIED])
        panels = {1, 4, 16, _cached_panel(problem, self, target), ALL_STRIPS} - {self.panel}
        variants = [replace(self, panel=panel) for panel in sorted(panels)]
        for blocks in BLOCKS:
            if problem.geometry.columns // blocks >= KC_LEAST:
                some = dict.fromkeys((self.panel, ALL_STRIPS))
                variants += [replace(self, blocks=blocks, panel=panel) for panel in some]
        return tuple(variants)

    def row_variants(self, problem: ConvProblem, target: Target) -> tuple[Columns, ...]:
        """Kernels by channels have but one T."""
        return () if self.by_channels else row_variants(self, problem, target)

    def cycles(self, problem: ConvProblem, target: Target) -> float:
        return (channel_cycles if self.by_channels else position_cycles)(problem, self, target)

    def kept_weights(self, problem: ConvProblem) -> int:
        return self.stored_weights(problem)

    def reads_past(self, problem: ConvProblem, in_arena: bool) -> bool:
        return problem.geometry.reads_as_is and not (self.packed or self.by_channels)

    def step(self, problem: ConvProblem, target: Target, operands: Operands) -> Step:
        return column_step(problem, self, target, operands)

    @classmethod
    def work(cls, fields: Fields, ints: np.ndarray) -> Work:
        tiles = ints[fields["tile_table"] :][: 4 * fields["tiles"]].reshape(-1, 4).astype(np.int64)
        columns = ints[fields["block_table"] + tiles[:, 3] + fields["blocks"]]
        kept, positions = int(np.sum(tiles[:, 0] * columns)), fields["batch"] * fields["out_h"] * fields["out_w"]
        dense_macs = fields["rows"] * fields["columns"] * positions
        return Work(moved_numbers(fields), kept * positions, dense_macs, kept + fields["rows"])


def _by_positions(problem: ConvProblem, target: Target, dense: bool) -> Iterable[Columns]:
    g = problem.geometry
    for shape in good_shapes(target, g.rows // g.groups):
        if max(rows for rows, _ in problem.matrix.tile_sizes(shape.rows, dense)) < shape.rows:
            continue  # the same tiles as with fewer rows
        direct = Columns(shape.rows, shape.vectors, dense=dense)
        kinds = [direct]
        if g.groups == 1:
            kinds.append(replace(direct, access="packed"))
        if target.isa.masks_lanes and g.maskable:
            kinds.append(replace(direct, access="lane masks"))
        for kind in kinds:
            for panel in sorted({4, ALL_STRIPS, _cached_panel(problem, kind, target)}):
                yield replace(kind, panel=panel)


def _cached_panel(problem: ConvProblem, candidate: Columns, target: Target) -> int:
    """As many strips as half the second-level cache holds."""
    traffic, room = traffic_of(problem, candidate, target), target.l2_bytes // 2

    def fits(panel: int) -> bool:
        return replace(traffic, candidate=replace(candidate, panel=panel)).held <= room

    return next((panel for panel in (ALL_STRIPS, 64, 32, 16, 8, 4, 2) if fits(panel)), 1)


def channel_rows(target: Target, arithmetic: Arithmetic = ARITHMETICS[0]) -> int:
    """T of kernels by channels: as many output channels as their vectors hold."""
    return min(VECTORS * arithmetic.lanes(target.vector_bytes), MAX_ROWS)


def _fits_by_channels(candidate: Columns, problem: ConvProblem, target: Target) -> bool:
    g = problem.geometry
    kernels = candidate.rows <= channel_rows(target, problem.geometry.arithmetic) and candidate.vectors == VECTORS
    # Where vectors are scalar registers these hold too few sums for it (Target.accumulators).
    small = g.groups == 1 and target.accumulators is None
    small = small and g.rows * g.batch * g.target.elements * g.arithmetic.outputs.bytes <= MOST_BYTES
    return kernels and small and candidate.access == "direct" and candidate.layout(g).x_step in STRIDES


def _by_channels(problem: ConvProblem, target: Target) -> Iterator[Columns]:
    """Every panel and number of KC blocks; none where it does not fit."""
    g = problem.geometry
    candidate = Columns(channel_rows(target, g.arithmetic), VECTORS, lanes="channels")
    if not candidate.fits(problem, target):
        return
    count = g.batch * channel_strips(g, candidate, target).count
    for dense in (False, True) if problem.sparse else (True,):
        for panel in (panel for panel in PANELS_BY_CHANNELS if panel < count or panel == ALL_STRIPS):
            for blocks in (b for b in (1, *BLOCKS) if b == 1 or g.columns // b >= KC_LEAST):
                yield replace(candidate, dense=dense, panel=panel, blocks=blocks)
