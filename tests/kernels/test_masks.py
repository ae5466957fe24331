"""Convolutions whose padding is not in memory: lanes in it are left out of loads, where an instruction set can."""

from __future__ import annotations

import numpy as np
import pytest
from bordered import check_borders
from hypothesis import given, settings
from hypothesis import strategies as st
from layers import ACTIVATIONS, RUNNABLE, GraphBuilder, check_graph, program_of, random_array

from colonnade.graph.ir import Conv, Graph
from colonnade.kernels.shapes import MAX_TAPS, shapes
from colonnade.plan.problem import conv_problems
from colonnade.plan.ways import ALL_STRIPS, Columns
from colonnade.plan.ways.columns.candidate import channel_rows
from colonnade.target.targets import Target

MASKED = [target for target in RUNNABLE if target.isa.masks_lanes]


def _layer(
    op: Conv, sides: tuple[int, int], kernel: tuple[int, int], channels: int = 3, rows: int = 9, batch: int = 2
) -> Graph:
    b = GraphBuilder()
    x = b.input(batch, channels, *sides)
    pads = (op.pads[0] + op.pads[2], op.pads[1] + op.pads[3])
    reach = [(size - 1) * apart + 1 for size, apart in zip(kernel, op.dilations, strict=True)]
    out = [(sides[i] + pads[i] - reach[i]) // op.strides[i] + 1 for i in range(2)]
    residual = [b.input(batch, rows, *out)] if op.residual else []
    per_group = channels // op.groups
    weights = random_array((rows, per_group, *kernel)) / np.sqrt(per_group * kernel[0] * kernel[1], dtype=np.float32)
    weights[:, per_group // 2] = 0  # a channel that no tile keeps
    return b.graph(b.conv(op, x, weights, *residual))


def _maskable(op: Conv, sides: tuple[int, int], kernel: tuple[int, int]) -> bool:
    (problem,) = conv_problems(_layer(op, sides, kernel)).values()
    return problem.geometry.maskable


@st.composite
def same_layers(draw: st.DrawFn) -> Graph:
    """Outputs of the size of the input, or of that by a stride, around one vector and more of them; tails; planes of
    one row or column, and others smaller than the kernel."""
    kernel = draw(st.tuples(*[st.integers(1, 5)] * 2))
    sides = (draw(st.integers(1, 9)), draw(st.integers(1, 18)))
    dilations = draw(st.sampled_from([(1, 1), (1, 1), (2, 1), (2, 3)]))
    padding = [(size - 1) * apart for size, apart in zip(kernel, dilations, strict=True)]
    before = [draw(st.integers(0, both)) for both in padding]
    pads = (*before, *(both - first for both, first in zip(padding, before, strict=True)))
    strides = draw(st.one_of(st.just((1, 1)), st.tuples(*[st.integers(1, 3)] * 2)))
    op = Conv(strides, pads, dilations, residual=draw(st.booleans()), act=draw(st.sampled_from(ACTIVATIONS)))
    return _layer(op, sides, kernel, channels=draw(st.sampled_from([3, 40])), batch=draw(st.integers(1, 2)))


@pytest.mark.parametrize("threads", [1, 2])
def test_any_layer(threads: int) -> None:
    @settings(max_examples=150, deadline=None)
    @given(same_layers(), st.data())
    def check(graph: Graph, data: st.DataObject) -> None:
        for target in MASKED:
            (problem,) = conv_problems(graph).values()
            shape = data.draw(st.sampled_from(shapes(target.isa)))
            candidate = Columns(
                shape.rows,
                shape.vectors,
                access="lane masks" if problem.geometry.maskable else "direct",
                panel=data.draw(st.sampled_from([1, 2, ALL_STRIPS])),
                blocks=data.draw(st.integers(1, 3)),
                dense=data.draw(st.booleans()),
            )
            check_graph(graph, target, None, candidate, threads)

    check()


@pytest.mark.parametrize(("stride", "sides"), [(1, (5, 7)), (2, (10, 13))])
def test_every_shape(stride: int, sides: tuple[int, int]) -> None:
    """Outputs of 5 x 7 end in a tail of three."""
    for target in MASKED:
        graph = _layer(Conv((stride, stride), (1, 1, 1, 1)), sides, (3, 3), channels=20, rows=17)
        for shape in shapes(target.isa):
            check_graph(graph, target, None, Columns(shape.rows, shape.vectors, access="lane masks"))


def test_outputs_with_borders() -> None:
    for target in MASKED:
        graph = _layer(Conv(pads=(2, 2, 2, 2)), (7, 9), (5, 5))
        for panel in (1, ALL_STRIPS):
            check_borders(graph, Columns(4, 3, access="lane masks", panel=panel), target, 2, (0, 0, 0, 0), (1, 1, 1, 1))


def test_what_lies_beside_the_image_is_not_read() -> None:
    """The images before and after hold NaN, and zero times that is NaN."""
    for target in MASKED:
        b = GraphBuilder()
        graph = b.graph(b.conv(Conv(pads=(1, 1, 1, 1)), b.input(3, 2, 4, 6), random_array((4, 2, 3, 3))))
        values = random_array((3, 2, 4, 6))
        values[[0, 2]] = np.nan
        check_graph(graph, target, {"x0": values}, Columns(4, 2, access="lane masks"))


@pytest.mark.parametrize(
    ("op", "sides", "kernel", "expected"),
    [
        (Conv(pads=(1, 1, 1, 1)), (5, 5), (3, 3), True),
        (Conv(pads=(3, 3, 3, 3)), (7, 7), (7, 7), True),
        (Conv(pads=(0, 1, 0, 1)), (5, 5), (3, 3), True),
        (Conv(), (5, 5), (3, 3), False),  # nothing to leave out
        (Conv(pads=(2, 2, 2, 2)), (5, 5), (3, 3), False),  # rows of outputs longer than those of inputs
        (Conv((2, 2), (1, 1, 1, 1)), (5, 6), (3, 3), True),
        (Conv((2, 2), (3, 3, 3, 3)), (6, 6), (5, 5), False),
        (Conv((2, 2), (1, 1, 1, 1)), (6, 6), (4, 4), True),
        (Conv((2, 2), (1, 1, 1, 1)), (4, 4), (4, 4), True),  # the last tap lies in the next row of the phase,
        (Conv((2, 2), (1, 1, 1, 1)), (4, 8), (4, 4), True),  # or in the next phase
        (Conv((3, 3), (1, 1, 1, 1)), (3, 3), (3, 3), True),
        (Conv((2, 2), (1, 1, 0, 0)), (2, 2), (2, 2), True),
        (Conv((1, 2), (1, 1, 1, 1), groups=3), (5, 6), (3, 3), False),
        (Conv(pads=(2, 2, 2, 2), dilations=(2, 2)), (5, 5), (3, 3), True),
        (Conv(pads=(1, 1, 1, 1)), (2, 5), (3, 3), True),  # kernel larger than the image
    ],
)
def test_which_layers_can(op: Conv, sides: tuple[int, int], kernel: tuple[int, int], expected: bool) -> None:
    assert _maskable(op, sides, kernel) == expected


@pytest.mark.parametrize(("op", "sides", "kernel"), [
    (Conv((2, 2), (1, 1, 1, 1)), (4, 4), (4, 4)),
    (Conv((2, 2), (1, 1, 1, 1)), (4, 8), (4, 4)),
    (Conv((3, 3), (1, 1, 1, 1)), (3, 9), (3, 3)),
])  # fmt: skip
def test_layers_smaller_than_their_kernel(
    target: Target, op: Conv, sides: tuple[int, int], kernel: tuple[int, int]
) -> None:
    """The end of a discriminator: by the default plan, and by all that is tried."""
    graph = _layer(op, sides, kernel, channels=64, batch=1)
    check_graph(graph, target)
    (problem,) = conv_problems(graph).values()
    for candidate in Columns.candidates(problem, target):
        check_graph(graph, target, None, candidate)


def test_kernels_of_too_many_elements_cannot() -> None:
    assert _maskable(Conv(pads=(3, 3, 3, 3)), (9, 9), (7, MAX_TAPS // 7))
    assert not _maskable(Conv(pads=(3, 4, 3, 4)), (9, 9), (7, 9))


@pytest.mark.parametrize("target", RUNNABLE, ids=lambda target: target.name)
def test_candidates_are_there_for_who_can(target: Target) -> None:
    (problem,) = conv_problems(_layer(Conv(pads=(1, 1, 1, 1)), (5, 5), (3, 3))).values()
    assert any(c.lane_masked for c in Columns.candidates(problem, target)) == target.isa.masks_lanes
    masked = Columns(2, 2, access="lane masks")
    assert masked.fits(problem, target) == target.isa.masks_lanes
    assert not Columns(channel_rows(target), 2, access="lane masks", lanes="channels").fits(problem, target)
    assert not masked.fits(problem.with_borders((1, 1, 1, 1), (0, 0, 0, 0)), target)


def test_a_strided_input_is_split_without_padding() -> None:
    (problem,) = conv_problems(_layer(Conv((2, 2), (1, 1, 1, 1)), (6, 10), (3, 3))).values()
    layout = Columns(2, 2, access="lane masks").layout(problem.geometry)
    assert (layout.prepared, layout.phases) == (True, ((0, 0), (0, 1), (1, 0), (1, 1)))
    assert (layout.plane_lines, layout.pitch, layout.plane_elements) == (3, 5, 15)


def test_no_copy_of_the_input() -> None:
    (problem,) = conv_problems(_layer(Conv(pads=(1, 1, 1, 1)), (5, 5), (3, 3))).values()
    assert Columns(2, 2).layout(problem.geometry).prepared
    assert not Columns(2, 2, access="lane masks").layout(problem.geometry).prepared
    for target in MASKED:
        program = program_of(
            _layer(Conv(pads=(1, 1, 1, 1)), (5, 5), (3, 3)), target, Columns(2, 2, access="lane masks")
        )
        (step,) = (step for step in program.steps if step.op == "cnm")
        assert step.fields["lane_masked"]
        assert step.views["prepared"] is None
