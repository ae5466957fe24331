"""Chooses the tile T to prune with, per layer, for `--tile auto`: the smallest whose estimated time is near the best.

Larger tiles run faster, as more rows share each load; smaller ones keep more of the weights' magnitude.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from colonnade.graph.ir import Graph
from colonnade.plan.cost import estimate_cycles
from colonnade.plan.lower import conv_problems
from colonnade.plan.problem import ConvProblem
from colonnade.plan.space import default_candidate
from colonnade.sparse.pattern import Pattern, convolution_mask
from colonnade.target.isa import Isa

TILES = (4, 6, 8, 12, 16)
SLACK = 1.1  # a smaller tile may be this much slower


def tile_chooser(graph: Graph, isa: Isa) -> Callable[[int, int, float], int]:
    """A function (rows of a group, columns K, sparsity) -> T for the layers of `graph`, by the cost rule for `isa`.
    Layers with equal weight shapes get the tile that is best for the first of them."""
    problems: dict[tuple[int, int], ConvProblem] = {}
    for problem in conv_problems(graph).values():
        g = problem.geometry
        problems.setdefault((g.rows // g.groups, g.columns), problem)
    chosen: dict[tuple[int, int, float], int] = {}

    def choose(rows: int, columns: int, sparsity: float) -> int:
        key = (rows, columns, sparsity)
        if key not in chosen:
            chosen[key] = _best_tile(problems[rows, columns], sparsity, isa)
        return chosen[key]

    return choose


def _best_tile(problem: ConvProblem, sparsity: float, isa: Isa) -> int:
    cycles = {tile: _estimate(problem, Pattern(sparsity, tile), isa) for tile in TILES}
    best = min(cycles.values())
    return min(tile for tile in TILES if cycles[tile] <= SLACK * best)


def _estimate(problem: ConvProblem, pattern: Pattern, isa: Isa) -> float:
    mask = convolution_mask(problem.weights, problem.geometry.groups, pattern)
    pruned = replace(problem, weights=np.where(mask, 1.0, 0.0).astype(np.float32))
    return estimate_cycles(pruned, default_candidate(pruned, isa, threads=1), isa)
