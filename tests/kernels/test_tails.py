"""The last positions of strips, by tail kernels, against the numpy oracle."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layers import ACTIVATIONS, GraphBuilder, check_graph, program_of, random_array

from colonnade.graph.ir import Activation, Conv, Graph
from colonnade.kernels.shapes import shapes
from colonnade.kernels.tail import POSITIONS, Tail, longest_tail, tail_vectors, tails
from colonnade.plan.ways import ALL_STRIPS, Columns
from colonnade.plan.ways.columns.cutting import TAIL_COLUMNS
from colonnade.target.isa import ISAS, Isa
from colonnade.target.targets import Target


def _layer(
    width: int, op: Conv, rows: int = 17, channels: int = max(POSITIONS) * TAIL_COLUMNS + 1, kernel: int = 1
) -> Graph:
    """One line of `width` positions, or of three for a larger kernel."""
    b = GraphBuilder()
    x = b.input(1, channels, kernel, width)
    residual = [b.input(1, rows, kernel, width)] if op.residual else []
    return b.graph(b.conv(op, x, random_array((rows, channels, kernel, kernel)), *residual))


def _tail(graph: Graph, target: Target, candidate: Columns) -> object:
    (step,) = (step for step in program_of(graph, target, candidate).steps if step.op == "cnm")
    return step.fields["tail"]


@pytest.mark.parametrize("threads", [1, 2])
def test_around_the_vector(target: Target, threads: int) -> None:
    """No position to one more than tails take, after none to three vectors."""

    @settings(max_examples=60, deadline=None)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        shape = data.draw(st.sampled_from(shapes(target.isa)))
        width = data.draw(st.integers(0, 3)) * target.lanes + data.draw(st.integers(0, max(POSITIONS) + 1))
        packed = data.draw(st.booleans())
        candidate = Columns(
            shape.rows,
            shape.vectors,
            access="packed" if packed else "direct",
            panel=data.draw(st.sampled_from([1, 2, ALL_STRIPS])),
            blocks=data.draw(st.integers(1, 3)),
            shared=packed and threads > 1,
        )
        op = Conv(residual=data.draw(st.booleans()), act=data.draw(st.sampled_from(ACTIVATIONS)))
        check_graph(_layer(max(width, 1), op), target, None, candidate, threads)

    check()


def test_lines_with_borders(target: Target) -> None:
    """Strips run through the borders between the lines of a 3x3 layer, and the last ends anywhere in a vector."""
    for width in range(target.lanes + 1, 2 * target.lanes + 1):
        for vectors in (1, 2):
            op = Conv(pads=(1, 1, 1, 1), act=Activation(lo=0, hi=6))
            check_graph(_layer(width, op, channels=16, kernel=3), target, None, Columns(6, vectors))


def test_where_they_are_used(target: Target) -> None:
    graph = _layer(2 * target.lanes + 1, Conv())
    assert _tail(graph, target, Columns(8, 1)) == longest_tail(target.isa, 8, target.lanes) > 0
    assert _tail(graph, target, Columns(1, 1)) == 0
    for positions in (0, 1):
        few = _layer(2 * target.lanes + 1, Conv(), channels=(positions + 1) * TAIL_COLUMNS // target.isa.wide - 1)
        assert _tail(few, target, Columns(8, 1)) == positions


@given(st.sampled_from(ISAS), st.integers(1, 31), st.sampled_from([1, 4, 8, 16, 32]))
def test_the_longest_has_a_kernel_and_saves_work(isa: Isa, rows: int, lanes: int) -> None:
    longest, vectors = longest_tail(isa, rows, lanes), tail_vectors(rows, lanes)
    assert {(p, vectors) for p in range(1, longest + 1)} <= {(tail.positions, tail.vectors) for tail in tails(isa)}
    assert 2 * longest * vectors <= rows + Tail(longest, vectors).paired(isa)
    assert not vectors or vectors * lanes >= rows
