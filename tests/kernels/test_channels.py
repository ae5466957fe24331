"""ChannelKernel micro-kernels against the numpy oracle: every one, at its sizes and beside them."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from bordered import check_every_border
from hypothesis import given, settings
from hypothesis import strategies as st
from layers import ACTIVATIONS, assert_close, check_graph, one_convolution, program_of, random_array, run_graph

from colonnade.graph.ir import Activation, Conv, Graph
from colonnade.kernels.channels import STRIDES, VECTORS, ChannelKernel, channel_kernels
from colonnade.plan.problem import conv_problems
from colonnade.plan.ways import ALL_STRIPS, Columns
from colonnade.plan.ways.columns.candidate import channel_rows
from colonnade.plan.ways.columns.cutting import channel_strips
from colonnade.target.isa import ISAS, Isa
from colonnade.target.targets import Target, target_named


def _layer(
    op: Conv, sides: tuple[int, int], rows: int, channels: int, kernel: tuple[int, int] = (1, 1), batch: int = 1
) -> Graph:
    return one_convolution(op, (batch, channels, *sides), random_array((rows, channels, *kernel)))


def _channels(target: Target, *, panel: int = 1, blocks: int = 1) -> Columns:
    return Columns(channel_rows(target), VECTORS, lanes="channels", panel=panel, blocks=blocks)


def _kernels_of(graph: Graph, target: Target) -> set[ChannelKernel]:
    """What the strips of the graph's only convolution need."""
    (problem,) = conv_problems(graph).values()
    layout = _channels(target).layout(problem.geometry)
    s = channel_strips(problem.geometry, _channels(target), target)
    widths = {min(s.width, s.line - at) for at in range(0, s.line, s.width)}
    lines = {min(s.lines, s.down - at) for at in range(0, s.down, s.lines)}
    return {ChannelKernel(*size, layout.x_step) for size in itertools.product(lines, widths)}


def test_every_kernel_at_sizes_one_below_at_and_above(target: Target) -> None:
    """1 to P + 1 columns and 1 to 3 rows of outputs, T - 1, T and T + 1 output channels. Rows of X are longer than rows
    of outputs, so that lines stay apart."""
    tried: set[ChannelKernel] = set()
    widths = range(1, target.isa.channel_positions + 2)
    for stride, down, width, residual in itertools.product(STRIDES, (1, 2, 3), widths, (False, True)):
        sides = (stride * down, stride * (width - 1) + 3)
        op = Conv((stride, stride), residual=residual, act=Activation(lo=0.0))
        graph = _layer(op, sides, channel_rows(target) + width % 3 - 1, 5 + down, (1, 3))
        check_graph(graph, target, None, _channels(target, blocks=1 + width % 2, panel=2))
        tried |= _kernels_of(graph, target)
    assert tried == set(channel_kernels(target.isa))


@pytest.mark.parametrize("act", ACTIVATIONS, ids=str)
@pytest.mark.parametrize("residual", [False, True])
def test_every_activation(target: Target, act: Activation, residual: bool) -> None:
    """Lines that are joined, of two lines, and of strips."""
    for sides in ((1, 5), (7, 7), (3, 33)):
        graph = _layer(Conv(pads=(1, 1, 1, 1), residual=residual, act=act), sides, 19, 6, (3, 3))
        check_graph(graph, target, None, _channels(target, blocks=2, panel=ALL_STRIPS))


@pytest.mark.parametrize("threads", [1, 2])
def test_borders_on_either_side(target: Target, threads: int) -> None:
    """Read in place, with a stride too, where the borders hold the padding; those of outputs are made zero."""
    for stride, side in ((1, 7), (1, 16), (2, 14), (2, 31)):
        graph = _layer(Conv((stride, stride), (1, 1, 1, 1), act=Activation(lo=0.0)), (side, side), 18, 4, (3, 3), 2)
        check_every_border(graph, _channels(target, panel=3), target, threads)


@st.composite
def _any_layer(draw: st.DrawFn) -> Graph:
    kernel = draw(st.tuples(*[st.sampled_from([1, 2, 3])] * 2))
    strides, dilations = (draw(st.tuples(*[st.integers(1, 3)] * 2)) for _ in range(2))
    pads = draw(st.tuples(*[st.integers(0, 2)] * 4))
    least = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    sides = (draw(st.integers(least[0], 19)), draw(st.integers(least[1], 40)))
    op = Conv(strides, pads, dilations, residual=draw(st.booleans()), act=draw(st.sampled_from(ACTIVATIONS)))
    return _layer(op, sides, draw(st.integers(1, 37)), draw(st.integers(1, 9)), kernel, draw(st.integers(1, 2)))


@pytest.mark.parametrize("threads", [1, 2])
def test_any_layer(target: Target, threads: int) -> None:
    @settings(max_examples=100, deadline=None)
    @given(_any_layer(), st.sampled_from([1, 2, ALL_STRIPS]), st.integers(1, 3))
    def check(graph: Graph, panel: int, blocks: int) -> None:
        candidate = _channels(target, panel=panel, blocks=blocks)
        (problem,) = conv_problems(graph).values()
        assert candidate.fits(problem, target) == (candidate.layout(problem.geometry).x_step < 3)
        if candidate.fits(problem, target):
            check_graph(graph, target, None, candidate, threads)

    check()


def test_nothing_past_a_strip_is_read(target: Target) -> None:
    """Positions of two images: the other holds NaN, and what follows the last float of an input is not there."""
    graph = _layer(Conv((2, 2)), (14, 14), 5, 3, batch=2)
    values = random_array((2, 3, 14, 14))
    values[1] = math.nan
    y = run_graph(graph, target, {"x0": values}, _channels(target))["y0"]
    assert np.isfinite(y[0]).all()
    assert np.isnan(y[1]).all()


def test_nan_reaches_its_position_alone(target: Target) -> None:
    for act in (Activation(lo=0.0), Activation(lo=0.0, hi=6.0), Activation(lo=-1.0, hi=1.0)):
        graph = _layer(Conv(act=act), (3, 15), 9, 4)
        for at in (0, 13, 14, 44):
            values = random_array((1, 4, 3, 15))
            values[0, 2].flat[at] = math.nan
            y = run_graph(graph, target, {"x0": values}, _channels(target))["y0"]
            assert np.argwhere(np.isnan(y.reshape(9, 45)).all(axis=0)).tolist() == [[at]]
            assert np.isnan(y).sum() == 9


def test_a_stride_needs_no_copy_of_an_input_with_borders(target: Target) -> None:
    (problem,) = conv_problems(_layer(Conv((2, 2), (1, 1, 1, 1)), (28, 28), 8, 4, (3, 3))).values()
    inside = problem.with_borders((1, 1, 1, 1), (0, 0, 0, 0))
    assert not _channels(target).layout(inside.geometry).prepared
    assert _channels(target).layout(problem.geometry).prepared
    assert Columns(1, 1).layout(inside.geometry).prepared


def test_strips_of_common_planes() -> None:
    """(positions of an image, lines, width) as docs/kernels.md says, for the 14 positions of RISC-V and AVX-512."""
    target = target_named("riscv64-v")
    for side, pad, expected in ((56, 1, (1, 14)), (28, 1, (1, 14)), (14, 1, (1, 14)), (7, 1, (2, 7)), (7, 0, (1, 13))):
        k = 2 * pad + 1
        (problem,) = conv_problems(_layer(Conv(pads=(pad,) * 4), (side, side), 8, 4, (k, k))).values()
        bordered = problem.with_borders((pad,) * 4, (0, 0, 0, 0))
        strips = channel_strips(bordered.geometry, Columns(16, 2, lanes="channels"), target)
        assert (strips.lines, strips.width) == expected


@pytest.mark.parametrize("isa", ISAS, ids=lambda isa: isa.symbol)
def test_what_they_are_made_of(isa: Isa) -> None:
    """Accumulators, a column's weights and, unless an instruction takes it from elsewhere, an element of X stay in
    registers."""
    for kernel in channel_kernels(isa):
        row = kernel.shape.row_registers(isa)
        assert kernel.shape.rows * row + row + (not isa.scalar_operands) <= isa.registers
    assert {k.stride for k in channel_kernels(isa)} == set(STRIDES)


def test_steps_say_so(target: Target) -> None:
    graph = _layer(Conv(pads=(1, 1, 1, 1)), (9, 9), 8, 4, (3, 3))
    (step,) = (step for step in program_of(graph, target, _channels(target)).steps if step.op == "cnm")
    assert step.fields["by_channels"]
    (step,) = (step for step in program_of(graph, target, Columns(2, 1)).steps if step.op == "cnm")
    assert not step.fields["by_channels"]
    x = random_array((1, 4, 9, 9))
    turned, straight = (run_graph(graph, target, {"x0": x}, c)["y0"] for c in (_channels(target), Columns(2, 1)))
    assert_close(turned, straight)
