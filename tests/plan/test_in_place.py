"""Which residual additions are made in the memory of what they add."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from layers import GraphBuilder, check_graph, program_of, random_array

from colonnade.graph.ir import RELU, Act, Conv, Graph, Reshape
from colonnade.modelfile.program import Storage
from colonnade.target.targets import Target, target_named

SHAPE = (1, 4, 5, 5)


def _weights(seed: int = 0) -> np.ndarray:
    return random_array((4, 4, 1, 1), seed) / 2


def _written(graph: Graph) -> dict[str, Storage]:
    """The memory of each convolution's output, by its node."""
    steps = program_of(graph, target_named("generic")).steps
    return {step.name: view.storage for step in steps if (view := step.views.get("y")) and step.name in _names(graph)}


def _names(graph: Graph) -> set[str]:
    return {node.name for node in graph.nodes}


def _block(b: GraphBuilder, x: str, seed: int) -> str:
    inner = b.conv(Conv(act=RELU), x, _weights(seed))
    return b.conv(Conv(residual=True, act=RELU), inner, _weights(seed + 1), x)


def test_all_blocks_of_a_stage_share_one_memory() -> None:
    b = GraphBuilder()
    x = b.conv(Conv(), b.input(*SHAPE), _weights())
    for index in range(4):
        x = _block(b, x, 2 * index)
    graph = b.graph(b.add(Act(RELU), SHAPE, x))
    written = _written(graph)
    assert len({written[name] for name in ("n0", "n2", "n4", "n6", "n8")}) == 1


def test_what_is_read_later_stays() -> None:
    """By a convolution after the addition, and as another shape of the same memory."""
    b = GraphBuilder()
    x = b.conv(Conv(), b.input(*SHAPE), _weights())
    first = _block(b, x, 1)
    again = b.conv(Conv(), x, _weights(3))
    written = _written(b.graph(first, again))
    assert written["n2"] is not written["n0"]

    b = GraphBuilder()
    x = b.conv(Conv(), b.input(*SHAPE), _weights())
    flat = b.add(Reshape(), (1, 100), x)
    block = _block(b, x, 1)
    late = b.add(Act(RELU), (1, 100), flat)
    written = _written(b.graph(b.add(Act(RELU), SHAPE, block), late))
    assert written["n3"] is not written["n0"]


@st.composite
def _graphs(draw: st.DrawFn) -> Graph:
    """Convolutions of any values so far, with any as the residual; some are seen in another shape, and read last."""
    b = GraphBuilder()
    values, flat = [b.input(*SHAPE)], []
    for index in range(draw(st.integers(2, 8))):
        x = draw(st.sampled_from(values))
        residual = [draw(st.sampled_from(values[-2:]))] if draw(st.booleans()) else []
        values.append(b.conv(Conv(residual=bool(residual), act=RELU), x, _weights(index), *residual))
        if draw(st.booleans()):
            flat.append(b.add(Reshape(), (1, 100), values[-1]))
    for value in flat:
        b.add(Act(RELU), (1, 100), value)
    read = {name for node in b.nodes for name in node.inputs}
    ends = [value for value in b.results if value not in read]
    return b.graph(*ends, *draw(st.lists(st.sampled_from(values[1:]), max_size=1)))


def test_any_order_of_additions(target: Target) -> None:
    @settings(max_examples=80, deadline=None)
    @given(_graphs())
    def check(graph: Graph) -> None:
        check_graph(graph, target)

    check()
