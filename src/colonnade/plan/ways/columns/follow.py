"""When the panels of two convolutions may take turns: each panel of the first is followed by that of the second, which
reads what the first has just made while it is still in the caches."""

from __future__ import annotations

import numpy as np

from colonnade.plan.problem import ConvProblem
from colonnade.plan.ways.columns.candidate import Columns
from colonnade.plan.ways.columns.cutting import strips_of
from colonnade.target.targets import Target


def can_follow(first: ConvProblem, one: Columns, second: ConvProblem, other: Columns, target: Target) -> bool:
    """Whether `second` by `other`, which reads what `first` by `one` makes, can follow it panel by panel.

    The strips of both are the same positions, `second` reads only these, and it writes nothing that `first` reads in
    later panels. It may write over the input of `first` where it adds its residual in place."""
    a, b = first.geometry, second.geometry
    plain = other.access == "direct" and not (one.by_channels or other.by_channels)
    pointwise = all(_is_pointwise(problem) for problem in (first, second))
    stays = pointwise or one.layout(a).prepared or not second.residual
    if not plain or one.panel != other.panel or a.rows != b.channels:
        return False
    return _is_pointwise(second) and stays and _share_strips(first, one, second, other, target)


def _is_pointwise(problem: ConvProblem) -> bool:
    g = problem.geometry
    return g.kernel == (1, 1) and g.strides == (1, 1) and not any(g.pads) and g.groups == 1


def _share_strips(first: ConvProblem, one: Columns, second: ConvProblem, other: Columns, target: Target) -> bool:
    """Whether strips of `second` read what strips of `first` write, and nothing else: another thread may be writing
    what lies beside."""
    made, read = strips_of(first, one, target), strips_of(second, other, target)
    same = np.array_equal(made.runs("y"), read.runs("x"))
    lanes = second.geometry.lanes(target) if target.isa.vector_bytes else 0
    return same and len(made) == len(read) and read.reads_its_outputs_only(lanes)
