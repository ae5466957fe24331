"""Batches image by image: the same numbers as in one piece, less memory, and no cut where images meet."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layers import GraphBuilder, assert_close, random_array, random_feeds, small_classifier, small_network

from colonnade.graph.ir import (
    Act,
    Activation,
    Binary,
    Concat,
    Conv,
    GlobalPool,
    Graph,
    Reshape,
    Softmax,
    Transpose,
)
from colonnade.graph.reference import run_reference
from colonnade.modelfile.reader import read_steps
from colonnade.plan.compiler import compile_graph
from colonnade.plan.work import layers
from colonnade.runtime.session import Session


def _repeated(graph: Graph) -> list[str]:
    """The steps that run once for each image."""
    steps, _ = read_steps(compile_graph(graph, plan="default").data)
    return [step.name for step in steps if step.repeats > 1]


@st.composite
def _chains(draw: st.DrawFn) -> Graph:
    """A few nodes over planes of 5 x 6, some of which mix images, with shared values."""
    batch = draw(st.integers(2, 3))
    shape = (batch, 4, 5, 6)
    b = GraphBuilder()
    values = [b.input(*shape)]
    for seed in range(draw(st.integers(1, 8))):
        x, other = values[-1], draw(st.sampled_from(values))
        kind = draw(st.sampled_from(["conv", "residual", "gate", "join", "act", "add", "mix"]))
        if kind == "conv":
            x = b.conv(Conv(pads=(1, 1, 1, 1)), x, random_array((4, 4, 3, 3), seed))
        elif kind == "residual":
            x = b.conv(Conv(residual=True), x, random_array((4, 4, 1, 1), seed), other)
        elif kind == "gate":
            x = b.add(Binary("mul"), shape, x, b.add(GlobalPool("avg"), (batch, 4, 1, 1), other))
        elif kind == "join":
            x = b.conv(Conv(), b.add(Concat(1), (batch, 8, 5, 6), x, other), random_array((4, 8, 1, 1), seed))
        elif kind == "act":
            x = b.add(Act(Activation("silu")), shape, x)
        elif kind == "add":
            x = b.add(Binary("add"), shape, x, b.random(*draw(st.sampled_from([shape, (1, *shape[1:]), (4, 1, 1)]))))
        else:
            x = b.add(Softmax(0), shape, x)
        values.append(x)
    return b.graph(*dict.fromkeys([values[-1], draw(st.sampled_from(values[1:]))]))


@pytest.mark.parametrize("threads", [1, 2, 3])
@settings(max_examples=40, deadline=None)
@given(graph=_chains())
def test_any_graph(threads: int, graph: Graph) -> None:
    feeds = random_feeds(graph)
    session = Session(compile_graph(graph, plan="default", threads=threads), threads=threads)
    for name, found in zip(graph.outputs, session.run(None, feeds), strict=True):
        assert_close(found, run_reference(graph, feeds)[name], 1e-4)


@pytest.mark.parametrize("plan", ["default", "tuned"])
@pytest.mark.parametrize("batch", [2, 5])
def test_all_but_the_classifier_runs_image_by_image(batch: int, plan: str, tmp_path: object) -> None:
    graph = small_classifier(batch)
    model = compile_graph(graph, plan=plan, cache_dir=tmp_path)  # type: ignore[arg-type]
    steps, _ = read_steps(model.data)
    assert [step.repeats for step in steps if step.op == "dense"] == [1]
    assert {step.repeats for step in steps if step.op == "cnm"} == {batch}
    feeds = random_feeds(graph)
    session = Session(model)
    for _ in range(2):
        assert_close(session.run(None, feeds)[0], run_reference(graph, feeds)[graph.outputs[0]], 1e-4)
    assert session.get_inputs()[0].shape == (batch, 3, 9, 9)


@pytest.mark.parametrize("threads", [2, 3, 5])
def test_threads_share_out_the_images(threads: int) -> None:
    """Where each gets as many as the others, or nearly; the same numbers in any case, and all of the time."""
    graph = small_classifier(12)
    model, feeds = compile_graph(graph, plan="default"), random_feeds(graph)
    session = Session(model, threads=threads)
    expected = Session(model).run(None, feeds)[0]
    for _ in range(20):
        np.testing.assert_array_equal(session.run(None, feeds)[0], expected)
        began = time.perf_counter_ns()
        steps = session.profile_once(feeds)
        assert (steps >= 0).all()
        assert 0 < steps.sum() <= time.perf_counter_ns() - began


def test_memory_hardly_grows_with_the_batch() -> None:
    one, many = (Session(compile_graph(small_classifier(batch), plan="default")).arena_bytes for batch in (1, 50))
    assert many < one + 50 * 4 * (8 + 8 + 16)


def test_work_is_that_of_all_images() -> None:
    one, many = (compile_graph(small_classifier(batch), plan="default") for batch in (1, 4))
    assert [layer.macs for layer in many.layers] == [4 * layer.macs for layer in one.layers]
    assert [layer.kept_macs for layer in many.layers] == [4 * layer.kept_macs for layer in one.layers]
    macs = [sum(layer.macs for layer in layers(model.data)) for model in (one, many)]
    assert macs[1] == 4 * macs[0]
    assert len(Session(many).profile_once(random_feeds(small_classifier(4)))) == len(layers(many.data))


def test_one_image_is_one_part() -> None:
    assert _repeated(small_classifier(1)) == []


def test_several_inputs_are_one_part() -> None:
    assert _repeated(small_network(3)) == []


@pytest.mark.parametrize(
    "op",
    [Concat(0), Softmax(0), Transpose((1, 0, 2, 3)), Reshape(), Binary("add")],
    ids=lambda op: type(op).__name__,
)
def test_nothing_that_mixes_images_is_repeated(op: Concat | Softmax | Transpose | Reshape | Binary) -> None:
    batch, plane = 2, (3, 4, 5)
    b = GraphBuilder()
    x = b.input(batch, *plane)
    first = b.conv(Conv(), x, random_array((3, 3, 1, 1)))
    more: tuple[str, ...] = ()
    shape: tuple[int, ...] = (batch, *plane)
    if isinstance(op, Concat):
        more, shape = (first,), (2 * batch, *plane)
    elif isinstance(op, Transpose):
        shape = (3, batch, 4, 5)
    elif isinstance(op, Reshape):
        shape = (1, 2 * 3, 4, 5)
    elif isinstance(op, Binary):
        more = (b.random(batch, *plane),)
    mixed = b.add(op, shape, first, *more)
    graph = b.graph(b.conv(Conv(), mixed, random_array((4, shape[1], 1, 1), 1)))
    repeated = _repeated(graph)
    assert "n0" in repeated
    assert not any(name.startswith(("n1", "n2")) for name in repeated)
    feeds = random_feeds(graph)
    found = Session(compile_graph(graph, plan="default")).run(None, feeds)[0]
    assert_close(found, run_reference(graph, feeds)[graph.outputs[0]], 1e-4)


def test_an_output_inside_ends_the_repeats() -> None:
    graph = small_classifier(3)
    first = graph.nodes[0].output
    graph = replace(graph, outputs=(first, *graph.outputs))
    assert _repeated(graph) == []
    feeds = random_feeds(graph)
    expected = run_reference(graph, feeds)
    for name, found in zip(graph.outputs, Session(compile_graph(graph, plan="default")).run(None, feeds), strict=True):
        assert_close(found, expected[name], 1e-4)
        assert np.isfinite(found).all()


def test_an_output_that_is_a_constant() -> None:
    """Beside images that run one by one."""
    b = GraphBuilder()
    x = b.conv(Conv(pads=(1, 1, 1, 1)), b.input(2, 4, 5, 6), random_array((4, 4, 3, 3), 0))
    y = b.add(Transpose((1, 0, 2, 3)), (4, 2, 5, 6), x)
    graph = b.graph(y, b.random(3, 2))
    assert _repeated(graph)
    feeds = random_feeds(graph)
    expected = run_reference(graph, feeds)
    found = Session(compile_graph(graph, plan="default")).run(None, feeds)
    for name, array in zip(graph.outputs, found, strict=True):
        assert_close(array, expected[name])
