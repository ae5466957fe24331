"""Values with borders in memory: which may have them, and that every step reads and writes them right."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layers import ACTIVATIONS, Compiled, GraphBuilder, assert_close, random_array, random_feeds

from colonnade import zoo
from colonnade.graph.ir import Activation, Conv, Graph, Pool
from colonnade.graph.onnx_import import import_model
from colonnade.graph.passes import optimize
from colonnade.graph.reference import run_reference
from colonnade.kernels.shapes import shapes
from colonnade.modelfile.writer import write
from colonnade.plan.choose.borders import BorderChoice, border_groups
from colonnade.plan.choose.measure import LayerBench
from colonnade.plan.lower import borders_of, lower
from colonnade.plan.planes import Planes
from colonnade.plan.problem import ConvProblem, conv_problems
from colonnade.plan.ways import ALL_STRIPS, Columns
from colonnade.plan.ways.columns.cutting import strips_of
from colonnade.plan.ways.columns.layout import DataLayout
from colonnade.runtime.binding import checksum
from colonnade.runtime.session import Session
from colonnade.target.targets import Target

SAME = (1, 1, 1, 1)


def bordered(problem: ConvProblem) -> float:
    """A cost that wants as many borders as there can be."""
    return -float(any(problem.geometry.x_borders)) - float(any(problem.geometry.y_borders))


def test_planes() -> None:
    planes = Planes(3, 4, (1, 2, 1, 2))
    assert (planes.rows, planes.pitch, planes.origin) == (5, 6, 16)
    assert planes.corner((1, 2, 1, 2)) == 8
    assert planes.floats == 48  # 8 + 5 rows of 6 + 2, up to the next cache line
    assert planes.corner(SAME) == 9
    assert planes.covers(SAME)
    assert not planes.covers((2, 0, 0, 0))
    assert Planes(3, 4).strides(2) == (24, 12, 4, 1)


@st.composite
def chains(draw: st.DrawFn) -> Graph:
    """Pool and convolutions of stride 1 and 2 after one another, wide and narrow, some with a residual."""
    b = GraphBuilder()
    value = b.input(draw(st.integers(1, 3)), 3, draw(st.integers(3, 12)), draw(st.integers(3, 12)))
    if draw(st.booleans()):
        batch, channels, height, width = b.shape(value)
        value = b.add(Pool("max", (3, 3), (1, 1), SAME), (batch, channels, height, width), value)
    for index in range(draw(st.integers(2, 5))):
        channels = b.shape(value)[1]
        groups = draw(st.sampled_from([1, 1, channels]))
        kernel = draw(st.sampled_from([1, 3, 3, 5]))
        stride = draw(st.sampled_from([1, 1, 1, 2]))
        residual = groups == 1 and stride == 1 and draw(st.booleans())
        rows = channels if residual or groups > 1 else draw(st.integers(1, 9))
        act = draw(st.sampled_from(ACTIVATIONS))
        op = Conv((stride, stride), (kernel // 2,) * 4, groups=groups, residual=residual, act=act)
        weights = random_array((rows, channels // groups, kernel, kernel), index)
        weights /= np.sqrt(weights[0].size)  # values of one magnitude: a clamp behind large ones shows their rounding
        weights[:, :, draw(st.integers(0, kernel - 1))] *= draw(st.integers(0, 1))
        value = b.conv(op, value, weights, *([value] if residual else []))
    return b.graph(value)


def run(graph: Graph, target: Target, candidate: Columns, threads: int) -> np.ndarray:
    """The only output, with borders wherever they may be."""
    problems = BorderChoice(graph, conv_problems(graph)).choose(bordered)
    chosen = {
        name: candidate if not (DataLayout(p.geometry).local and candidate.packed) else Columns(1, 1)
        for name, p in problems.items()
    }
    data = write(lower(graph, target, problems, chosen), checksum)
    return Session(Compiled(data), threads=threads).run(None, random_feeds(graph))[0]


@pytest.mark.parametrize("threads", [1, 2])
def test_chains_of_any_candidate(target: Target, threads: int) -> None:
    @settings(max_examples=120, deadline=None)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        graph = data.draw(chains())
        shape = data.draw(st.sampled_from(shapes(target.isa)))
        packed = data.draw(st.booleans())
        candidate = Columns(
            rows=shape.rows,
            vectors=shape.vectors,
            access="packed" if packed else "direct",
            panel=data.draw(st.sampled_from([1, 3, ALL_STRIPS])),
            blocks=data.draw(st.integers(1, 3)),
            shared=data.draw(st.booleans()) and packed,
        )
        expected = run_reference(graph, random_feeds(graph))[graph.outputs[0]]
        assert_close(run(graph, target, candidate, threads), expected, 1e-4)

    check()


def test_a_second_run_finds_its_borders_clean(target: Target) -> None:
    """Memory of a value is another's before and after; its borders must be zero each time."""
    b = GraphBuilder()
    value = b.input(2, 3, 9, 9)
    for index in range(6):
        weights = random_array((5, b.shape(value)[1], 3, 3), index)
        value = b.conv(Conv(pads=SAME, act=Activation("sigmoid")), value, weights)
    graph = b.graph(value)
    problems = BorderChoice(graph, conv_problems(graph)).choose(bordered)
    program = lower(graph, target, problems, dict.fromkeys(problems, Columns(2, 2)))
    session = Session(Compiled(write(program, checksum)))
    feeds = random_feeds(graph)
    first = session.run(None, feeds)[0]
    assert_close(first, run_reference(graph, feeds)[graph.outputs[0]])
    np.testing.assert_array_equal(session.run(None, feeds)[0], first)


def test_layer_benches_of_every_border(target: Target) -> None:
    """A wrong result would raise."""
    b = GraphBuilder()
    value = b.conv(Conv(act=Activation(lo=0.0)), b.input(1, 4, 7, 7), random_array((8, 4, 1, 1)))
    value = b.conv(Conv(pads=SAME, residual=True), value, random_array((8, 8, 3, 3)), value)
    graph = b.graph(b.conv(Conv(), value, random_array((4, 8, 1, 1))))
    variants = [p for alike in BorderChoice(graph, conv_problems(graph)).variants() for p in alike]
    borders = {(p.geometry.x_borders, p.geometry.y_borders) for p in variants if p.residual}
    assert len(borders) == 4
    for problem in variants:
        times = LayerBench(problem, target, 1).time([Columns(4, 1), Columns(4, 1, access="packed")], 1)
        assert len(times) == 2
        assert min(times.values()) > 0


def test_groups_of_a_residual_network() -> None:
    """Each stage decides as one; what only 3x3 convolutions read, that of stride 2 too, may decide alone."""
    graph = optimize(import_model(zoo.build("resnet50", input_size=64)))
    groups = border_groups(graph)
    assert [{graph.shape(value)[2:] for value in group.values} for group in groups] == [
        {(side, side)} for side in (16, 8, 4, 2)
    ]
    assert all(group.borders == SAME for group in groups)
    assert [len(group.alone) for group in groups] == [4, 4, 6, 2]


def test_values_that_other_operators_touch_have_none() -> None:
    """DenseNet: parts of concatenations, inputs of affine steps. What remains lies between two convolutions."""
    graph = optimize(import_model(zoo.build("densenet121", input_size=64)))
    for group in border_groups(graph):
        (value,) = group.values
        assert graph.shape(value)[1] == 128


def test_borders_follow_the_sums() -> None:
    graph = optimize(import_model(zoo.build("resnet18", input_size=64)))
    choice = BorderChoice(graph, conv_problems(graph))
    assert borders_of(graph, choice.choose(lambda problem: 1.0)) == {}
    everywhere = borders_of(graph, choice.choose(bordered))
    assert everywhere.keys() == {value for group in border_groups(graph) for value in group.values}


def test_strips_through_planes_have_no_edges(target: Target) -> None:
    b = GraphBuilder()
    value = b.conv(Conv(pads=SAME), b.input(1, 4, 14, 14), random_array((8, 4, 3, 3)))
    value = b.conv(Conv(pads=SAME), value, random_array((8, 8, 3, 3)))
    graph = b.graph(b.conv(Conv(pads=SAME), value, random_array((8, 8, 3, 3))))
    plain, through = (
        BorderChoice(graph, conv_problems(graph)).choose(cost)["n1"] for cost in (lambda problem: 1.0, bordered)
    )
    assert strips_of(plain, Columns(4, 1), target).edges > 0
    assert strips_of(through, Columns(4, 1), target).edges == 0


def test_variants_of_equal_convolutions_have_the_same_weights() -> None:
    """Only the output of the second may have borders; the first's is an output of the graph."""
    b = GraphBuilder()
    x = b.conv(Conv(), b.input(1, 3, 6, 6), random_array((4, 3, 1, 1)))
    first = b.conv(Conv(pads=SAME), x, random_array((4, 4, 3, 3), 1))
    second = b.conv(Conv(pads=SAME), x, random_array((4, 4, 3, 3), 2))
    graph = b.graph(first, b.conv(Conv(pads=SAME), second, random_array((5, 4, 3, 3), 3)))
    choice = BorderChoice(graph, conv_problems(graph))
    (alike,) = (variants for variants in choice.variants() if variants[0].name == graph.producers()[first].name)
    assert len(alike) == 4
    for variant in alike:
        np.testing.assert_array_equal(variant.weights, alike[0].weights)
    assert choice.choose(bordered)[graph.producers()[second].name].geometry.y_borders == SAME
