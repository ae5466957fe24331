"""Chooses the tile T to prune with, per layer: for `--tile fastest` that of the least estimated time, for `--tile auto`
the smallest that is near it.

Larger tiles run faster, as more rows share each load; smaller ones keep more of the weights' magnitude.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from colonnade.graph.ir import Graph
from colonnade.plan.choose.borders import MOST_BORDER
from colonnade.plan.choose.space import default_column_candidate
from colonnade.plan.planes import NO_BORDERS
from colonnade.plan.problem import ConvProblem, WeightMatrix, conv_problems
from colonnade.plan.ways.costs import candidate_cycles
from colonnade.sparse.pattern import Pattern, convolution_mask
from colonnade.sparse.prune import DEFAULT_TILE, TileWish
from colonnade.target.targets import Target

# 15 is what two RISC-V registers a row hold, and 16 what kernels by channels do.
TILES = (4, 6, 8, 12, 15, 16)
TOLERATED = {"auto": 1.1, "fastest": 1.0}  # a smaller tile may take so many times the least


def tile_chooser(
    graph: Graph, target: Target, group: int | None = None, wish: TileWish = "auto"
) -> Callable[[int, int, float], int]:
    """A function (rows of a group, columns K, sparsity) -> T for the layers of `graph`, by the cost rule for `target`;
    `group` is M. Layers with equal weight shapes get the tile that is best for the first of them; for shapes that are
    not in the graph (its file may hold unused layers) T is 8."""
    problems: dict[tuple[int, int], ConvProblem] = {}
    for problem in conv_problems(graph).values():
        g = problem.geometry
        problems.setdefault((g.rows // g.groups, g.columns), problem)
    chosen: dict[tuple[int, int, float], int] = {}

    def choose(rows: int, columns: int, sparsity: float) -> int:
        key = (rows, columns, sparsity)
        if key not in chosen:
            problem = problems.get((rows, columns))
            best = problem and _best_tile(problem, sparsity, group, target, TOLERATED[wish])
            chosen[key] = best or DEFAULT_TILE
        return chosen[key]

    return choose


def _best_tile(problem: ConvProblem, sparsity: float, group: int | None, target: Target, tolerated: float) -> int:
    cycles = {tile: _estimate(problem, Pattern(sparsity, tile, group), target) for tile in TILES}
    best = min(cycles.values())
    return min(tile for tile in TILES if cycles[tile] <= tolerated * best)


def _estimate(problem: ConvProblem, pattern: Pattern, target: Target) -> float:
    """Of the layer pruned, its input lying with borders that hold the padding, as in most networks."""
    mask = convolution_mask(problem.weights, problem.geometry.groups, pattern)
    pruned = replace(problem, matrix=WeightMatrix(np.where(mask, 1.0, 0.0), problem.geometry.groups))
    pads = problem.geometry.pads
    bordered = pruned.with_borders(pads if max(pads) <= MOST_BORDER else NO_BORDERS, NO_BORDERS)
    return candidate_cycles(bordered, default_column_candidate(bordered, target), target)
