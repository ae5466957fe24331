"""Every micro-kernel shape, at output sizes around its tile, through real one-layer programs."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from layers import RUNNABLE, GraphBuilder, check_graph, random_array

from colonnade.graph.ir import IDENTITY, Activation, Conv
from colonnade.kernels.arithmetic import F32
from colonnade.kernels.shapes import MAX_ROWS, MAX_VECTORS, Shape, shapes
from colonnade.plan.ways import ALL_STRIPS, Columns
from colonnade.target.isa import ISAS, Isa
from colonnade.target.targets import Target

EVERY_SHAPE = [
    pytest.param(target, shape, id=shape.name(target.isa)) for target in RUNNABLE for shape in shapes(target.isa)
]


def _check(target: Target, rows: int, positions: int, columns: int, candidate: Columns, residual: bool) -> None:
    """A 1x1 convolution of `rows` x `positions` outputs and `columns` columns."""
    builder = GraphBuilder()
    x = builder.input(1, columns, 1, positions)
    act = Activation(lo=-0.75, hi=1.5) if residual else IDENTITY
    added = [builder.input(1, rows, 1, positions)] if residual else []
    weights = random_array((rows, columns, 1, 1), rows)
    check_graph(
        builder.graph(builder.conv(Conv(residual=residual, act=act), x, weights, *added)), target, None, candidate
    )


@pytest.mark.parametrize(("target", "shape"), EVERY_SHAPE)
def test_sizes_one_below_at_and_above_the_tile(target: Target, shape: Shape) -> None:
    width = shape.vectors * F32.lanes(target.vector_bytes)
    plain = Columns(shape.rows, shape.vectors)
    packed_in_blocks = Columns(shape.rows, shape.vectors, access="packed", panel=ALL_STRIPS, blocks=2)
    around = range(max(1, shape.rows - 1), shape.rows + 2), range(width - 1, width + 2)
    for rows, positions in itertools.product(*around):
        _check(target, rows, positions, 5, plain, residual=False)
        _check(target, rows, positions, 4, packed_in_blocks, residual=True)


@pytest.mark.parametrize("columns", range(1, 12))
def test_every_tail_of_the_column_loop(target: Target, columns: int) -> None:
    for shape in (Shape(1, 1), Shape(4, 2), Shape(2, 3)):
        _check(
            target,
            2 * shape.rows,
            3 * F32.lanes(target.vector_bytes),
            columns,
            Columns(shape.rows, shape.vectors),
            residual=False,
        )


def _fits(isa: Isa, rows: int, vectors: int) -> bool:
    """Accumulators, and what a column needs beside them: with scalar operands (RVV) the vectors of X; else the smaller
    of the groups of X and of weights, and one register through which the other passes."""
    row = math.ceil(vectors / isa.wide)
    beside = row if isa.scalar_operands else min(rows, row) + 1
    return rows * row + beside <= isa.registers


@pytest.mark.parametrize("isa", ISAS, ids=lambda isa: isa.symbol)
def test_shapes_are_those_whose_accumulators_stay_in_registers(isa: Isa) -> None:
    grid = itertools.product(range(1, isa.max_rows + 1), isa.vectors)
    assert set(shapes(isa)) == {Shape(rows, vectors) for rows, vectors in grid if _fits(isa, rows, vectors)}
    assert all(shape.rows <= MAX_ROWS and shape.vectors <= MAX_VECTORS for shape in shapes(isa))


@pytest.mark.parametrize("isa", ISAS, ids=lambda isa: isa.symbol)
def test_every_smaller_shape_exists_for_tails(isa: Isa) -> None:
    """V takes only the values that the instruction set has (LMUL 1, 2, 4, 8)."""
    known = set(shapes(isa))
    for shape in known:
        narrower = [vectors for vectors in isa.vectors if vectors <= shape.vectors]
        smaller = itertools.product(range(1, shape.rows + 1), narrower)
        assert known.issuperset(Shape(rows, vectors) for rows, vectors in smaller)


def test_lanes_beyond_the_output_are_not_written(target: Target) -> None:
    """Channel planes lie side by side: a store past one plane's end would show in the next."""
    builder = GraphBuilder()
    positions = 3 * F32.lanes(target.vector_bytes) - 1
    x = builder.input(1, 3, 1, positions)
    first = builder.conv(Conv(), x, np.zeros((1, 3, 1, 1)))
    second = builder.conv(Conv(), x, np.ones((5, 3, 1, 1)))
    check_graph(builder.graph(first, second), target, None, Columns(1, 2))
