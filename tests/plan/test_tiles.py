"""The tile that `--tile fastest` and `--tile auto` take."""

from __future__ import annotations

import numpy as np
import pytest
from layers import GraphBuilder, random_array

from colonnade.graph.ir import RELU, Conv, Graph
from colonnade.plan.choose.space import default_column_candidate
from colonnade.plan.choose.tiles import TILES, TOLERATED, tile_chooser
from colonnade.plan.planes import NO_BORDERS
from colonnade.plan.problem import WeightMatrix, conv_problems
from colonnade.plan.ways.costs import candidate_cycles
from colonnade.sparse.pattern import Pattern, convolution_mask
from colonnade.target.targets import Target, target_named

X60 = target_named("spacemit-x60")
SPARSITY = 0.75


def _layers() -> Graph:
    """3x3 at 14 x 14, of stride 1 and 2; a 1x1 of few columns that adds a residual, and one of many."""
    b = GraphBuilder()
    x = b.conv(Conv(act=RELU), b.input(1, 8, 28, 28), random_array((64, 8, 1, 1)))
    x = b.conv(Conv((2, 2), (1, 1, 1, 1), act=RELU), x, random_array((64, 64, 3, 3)))
    x = b.conv(Conv(pads=(1, 1, 1, 1), act=RELU), x, random_array((128, 64, 3, 3)))
    wide = b.conv(Conv(act=RELU), x, random_array((512, 128, 1, 1)))
    x = b.conv(Conv(act=RELU), wide, random_array((128, 512, 1, 1)))
    return b.graph(b.conv(Conv(residual=True, act=RELU), x, random_array((512, 128, 1, 1)), wide))


def _cycles(graph: Graph, name: str, tile: int, target: Target) -> float:
    problem = conv_problems(graph)[name]
    mask = convolution_mask(problem.weights, 1, Pattern(SPARSITY, tile, None))
    kept = WeightMatrix(np.where(mask, 1.0, 0.0), 1)
    pruned = type(problem)(name, problem.geometry, kept, problem.bias, problem.residual, problem.act)
    bordered = pruned.with_borders(problem.geometry.pads, NO_BORDERS)
    return candidate_cycles(bordered, default_column_candidate(bordered, target), target)


def test_the_fastest_on_the_x60() -> None:
    """Kernels by channels hold 16 output channels, plain ones 15: the former where lines are short or strided, the
    latter where outputs are many."""
    choose = tile_chooser(_layers(), X60, wish="fastest")
    assert choose(64, 576, SPARSITY) == choose(128, 576, SPARSITY) == 16
    assert choose(512, 128, SPARSITY) == 15


@pytest.mark.parametrize("name", ["spacemit-x60", "x86-64-v3", "x86-64-v4", "generic"])
def test_wishes(name: str) -> None:
    graph, target = _layers(), target_named(name)
    fastest, near = (tile_chooser(graph, target, wish=wish) for wish in ("fastest", "auto"))
    for node, problem in conv_problems(graph).items():
        g = problem.geometry
        cycles = {tile: _cycles(graph, node, tile, target) for tile in TILES}
        if g.rows == 512 and problem.residual:
            continue  # another layer of the same shape comes first
        best, small = (choose(g.rows, g.columns, SPARSITY) for choose in (fastest, near))
        assert cycles[best] == min(cycles.values())
        assert small <= best
        assert cycles[small] <= TOLERATED["auto"] * cycles[best]


def test_shapes_that_are_not_there() -> None:
    assert tile_chooser(_layers(), X60, wish="fastest")(7, 7, SPARSITY) == 8
