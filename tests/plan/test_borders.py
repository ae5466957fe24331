"""Values with borders in memory: which may have them. That every step reads and writes them right: tests/ways."""

from __future__ import annotations

import numpy as np
from layers import Compiled, GraphBuilder, assert_close, network_plan, random_array, random_feeds

from colonnade import zoo
from colonnade.graph.ir import Activation, Conv, Pool
from colonnade.graph.onnx_import import import_model
from colonnade.graph.passes import optimize
from colonnade.graph.reference import run_reference
from colonnade.modelfile.writer import write
from colonnade.plan.choose.borders import BorderChoice, border_groups
from colonnade.plan.choose.measure import LayerBench
from colonnade.plan.lower import borders_of, lower
from colonnade.plan.planes import Planes
from colonnade.plan.problem import ConvProblem, conv_problems
from colonnade.plan.ways import Columns
from colonnade.plan.ways.columns.cutting import strips_of
from colonnade.runtime.binding import checksum
from colonnade.runtime.session import Session
from colonnade.target.targets import Target

SAME = (1, 1, 1, 1)


def bordered(problem: ConvProblem) -> float:
    """A cost that wants as many borders as there can be."""
    return -float(any(problem.geometry.x_borders)) - float(any(problem.geometry.y_borders))


def test_planes() -> None:
    planes = Planes(3, 4, (1, 2, 1, 2))
    assert (planes.lines, planes.pitch, planes.origin) == (5, 6, 16)
    assert planes.corner((1, 2, 1, 2)) == 8
    assert planes.elements == 48  # 8 + 5 lines of 6 + 2, up to the next cache line
    assert planes.corner(SAME) == 9
    assert planes.covers(SAME)
    assert not planes.covers((2, 0, 0, 0))
    assert Planes(3, 4).strides(2) == (24, 12, 4, 1)


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


def test_a_residual_that_a_pool_made(target: Target) -> None:
    """No convolution reads it as data, so only the one that adds it says how it lies in memory."""
    b, half = GraphBuilder(), (1, 8, 4, 4)
    x = b.conv(Conv(), b.input(1, 4, 8, 8), random_array((8, 4, 1, 1)))
    pooled = b.add(Pool("max", (2, 2), (2, 2), (0, 0, 0, 0)), half, x)
    added = b.conv(Conv((2, 2), residual=True), x, random_array((8, 8, 1, 1), 1), pooled)
    graph = b.graph(b.conv(Conv(pads=SAME), added, random_array((8, 8, 3, 3), 2)))
    problems = BorderChoice(graph, conv_problems(graph)).choose(bordered)
    assert any(problems["n2"].geometry.y_borders)
    assert borders_of(graph, problems)[pooled] == problems["n2"].geometry.y_borders
    plan = network_plan(problems, dict.fromkeys(problems, Columns(4, 2)))
    feeds = random_feeds(graph)
    (y,) = Session(Compiled(write(lower(graph, target, plan), checksum))).run(None, feeds)
    assert_close(y, run_reference(graph, feeds)[graph.outputs[0]])


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
