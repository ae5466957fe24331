"""Kernels that compute the last positions of a strip beside its vectors, against the numpy oracle."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layers import ACTIVATIONS, RUNNABLE, GraphBuilder, check_graph, random_array

from colonnade.graph.ir import Activation, Conv, Graph
from colonnade.kernels.arithmetic import F32
from colonnade.kernels.fused import Fused, fused_kernels
from colonnade.kernels.shapes import LANE_MASK_BYTES, shapes
from colonnade.plan.problem import conv_problems
from colonnade.plan.ways import ALL_STRIPS, Columns
from colonnade.plan.ways.columns.cutting import TAIL_COLUMNS, strips_of
from colonnade.target.isa import ISAS, Isa
from colonnade.target.targets import Target

# Of the instruction sets that this machine has: perhaps none.
EVERY_KERNEL = [(target, fused) for target in RUNNABLE for fused in fused_kernels(target.isa)]
FUSING = [target for target in RUNNABLE if target.isa.fuses_tails]


def _layer(op: Conv, sides: tuple[int, int], rows: int, channels: int, kernel: tuple[int, int] = (1, 1)) -> Graph:
    b = GraphBuilder()
    x = b.input(1, channels, *sides)
    residual = [b.input(1, rows, *sides)] if op.residual else []
    scale = np.float32(1 / np.sqrt(channels * kernel[0] * kernel[1]))  # sums are about 1, as far as outputs are bounded
    return b.graph(b.conv(op, x, random_array((rows, channels, *kernel)) * scale, *residual))


def _tail(sides: tuple[int, int], rows: int, channels: int, candidate: Columns, target: Target) -> int:
    """Positions that are computed as tails."""
    (problem,) = conv_problems(_layer(Conv(), sides, rows, channels)).values()
    return strips_of(problem, candidate, target).total("tail")


def test_sizes_one_below_at_and_above() -> None:
    """One strip and two, without lane masks and under them; with tiles of T rows, and a last one of one row more."""
    for target, fused in EVERY_KERNEL:
        _check_sizes(target, fused)


def _check_sizes(target: Target, fused: Fused) -> None:
    rows, width = fused.shape.rows, fused.shape.vectors * F32.lanes(target.vector_bytes)
    candidate = Columns(rows, fused.shape.vectors, panel=ALL_STRIPS)
    for count in (strips * width + fused.positions + more for strips in (1, 2) for more in (-1, 0, 1)):
        for channels, more in ((fused.positions * TAIL_COLUMNS, 0), (fused.positions * TAIL_COLUMNS + 1, 1)):
            plain = _layer(Conv(act=Activation(lo=-0.5, hi=3)), (1, count), 2 * rows + more, channels)
            check_graph(plain, target, None, candidate)
        op = Conv(pads=(0, 1, 0, 1), residual=True)
        padded = _layer(op, (1, count), 2 * rows, 16, (1, 3))
        for blocks in (1, 3):
            masked = Columns(rows, fused.shape.vectors, access="lane masks", blocks=blocks, panel=ALL_STRIPS)
            check_graph(padded, target, None, masked)


@st.composite
def _padded_layers(draw: st.DrawFn, target: Target, fused: Fused) -> Graph:
    """Lines of which one or more end, or all end, in the kernel's positions, or near them."""
    count = (
        fused.shape.vectors * F32.lanes(target.vector_bytes) * draw(st.integers(1, 2))
        + fused.positions
        + draw(st.integers(-1, 1))
    )
    lines = draw(st.sampled_from([n for n in range(1, count + 1) if count % n == 0 or n == 3]))
    sides = (lines, count // lines)
    kernel = tuple(2 * draw(st.integers(0, min(1, (side - 1) // 2))) + 1 for side in sides)
    pads = tuple(k // 2 for k in kernel)
    op = Conv(pads=(*pads, *pads), residual=draw(st.booleans()), act=draw(st.sampled_from(ACTIVATIONS)))
    rows = fused.shape.rows * draw(st.integers(1, 2)) + draw(st.integers(0, 1))
    return _layer(op, sides, rows, draw(st.integers(1, 40)), (kernel[0], kernel[1]))


@pytest.mark.parametrize("threads", [1, 2])
def test_any_layer(threads: int) -> None:
    @settings(max_examples=150, deadline=None)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        for target in FUSING:
            fused = data.draw(st.sampled_from(fused_kernels(target.isa)))
            graph = data.draw(_padded_layers(target, fused))
            padded = any(op.pads != (0, 0, 0, 0) for op in (node.op for node in graph.nodes) if isinstance(op, Conv))
            candidate = Columns(
                fused.shape.rows,
                fused.shape.vectors,
                access="lane masks" if padded and data.draw(st.booleans()) else "direct",
                panel=data.draw(st.sampled_from([1, 2, ALL_STRIPS])),
                blocks=data.draw(st.integers(1, 3)),
            )
            check_graph(graph, target, None, candidate, threads)

    check()


def test_what_lies_beside_the_image_is_not_read() -> None:
    """The images before and after hold NaN, and zero times that is NaN; the tails of 7 x 7 and 6 x 6 are masked."""
    for target in FUSING:
        for side, vectors in ((7, 6), (6, 4)):
            b = GraphBuilder()
            x = b.input(3, 16, side, side)
            graph = b.graph(b.conv(Conv(pads=(1, 1, 1, 1)), x, random_array((8, 16, 3, 3))))
            values = random_array((3, 16, side, side))
            values[1:] = math.nan
            check_graph(graph, target, {"x0": values}, Columns(8, vectors, access="lane masks"))


def test_nan_reaches_its_position_alone() -> None:
    for target in FUSING:
        for fused in fused_kernels(target.isa):
            count = fused.shape.vectors * F32.lanes(target.vector_bytes) + fused.positions
            graph = _layer(Conv(act=Activation(lo=0, hi=6)), (1, count), fused.shape.rows, 20)
            for at in (count - 1, count - fused.positions, count - fused.positions - 1):
                values = random_array((1, 20, 1, count))
                values[0, 3, 0, at] = math.nan
                check_graph(graph, target, {"x0": values}, Columns(fused.shape.rows, fused.shape.vectors))


@pytest.mark.parametrize("isa", ISAS, ids=lambda isa: isa.symbol)
def test_what_they_are_made_of(isa: Isa) -> None:
    """Kernels that are there by themselves, in registers; the bits of lane masks that they read."""
    kernels = fused_kernels(isa)
    assert bool(kernels) == isa.fuses_tails
    for fused in kernels:
        assert fused.shape in shapes(isa)
        assert fused.shape.rows <= F32.lanes(isa.vector_bytes)
        assert fused.registers(isa) <= isa.registers
        assert fused.shape.vectors * F32.lanes(isa.vector_bytes) % 8 == 0
        assert fused.shape.vectors * F32.lanes(isa.vector_bytes) + fused.positions <= 8 * LANE_MASK_BYTES


def test_where_they_are_used() -> None:
    """Where a plane leaves one position or four, from few columns on, if every tile has a kernel for it."""
    for target, fused in EVERY_KERNEL:
        count, rows = fused.shape.vectors * F32.lanes(target.vector_bytes) + fused.positions, fused.shape.rows
        candidate = Columns(rows, fused.shape.vectors)
        columns = fused.positions * TAIL_COLUMNS
        assert _tail((1, count), rows, columns, candidate, target) == fused.positions
        assert _tail((1, count), rows, columns - 1, candidate, target) == 0
        assert _tail((1, count), rows + 1, columns, candidate, target) == 0  # the last tile has one row
        assert _tail((1, count), rows, columns, replace(candidate, access="packed"), target) == 0
        assert _tail((1, count + 1), rows, columns, candidate, target) == 0
        assert _tail((1, fused.positions), rows, columns, candidate, target) == 0  # all of a plane
