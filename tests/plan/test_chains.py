"""Convolutions whose panels follow each other: results, where their data lies, and when the planner wants them."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from layers import (
    Compiled,
    GraphBuilder,
    assert_close,
    bottlenecks,
    check_graph,
    network_plan,
    program_of,
    random_array,
    random_feeds,
    small_classifier,
)

from colonnade.graph.ir import Activation, Conv, Graph
from colonnade.graph.reference import run_reference
from colonnade.kernels.arithmetic import F32
from colonnade.kernels.shapes import Shape, shapes
from colonnade.modelfile.arena import lifetimes, place
from colonnade.modelfile.program import Program
from colonnade.modelfile.writer import write
from colonnade.plan.choose.chain import chained
from colonnade.plan.choose.tuner import default_plan
from colonnade.plan.lower import lower
from colonnade.plan.problem import conv_problems
from colonnade.plan.ways import Columns
from colonnade.runtime.binding import checksum
from colonnade.runtime.session import Session
from colonnade.target.targets import Target, target_named

X60 = target_named("spacemit-x60")


def _pair(
    sides: tuple[int, int] = (4, 8),
    channels: tuple[int, int, int] = (6, 9, 7),
    *,
    first: Conv | None = None,
    second: Conv | None = None,
    kernel: int = 1,
    batch: int = 1,
) -> Graph:
    """n0 and n1, of which the second reads the first."""
    b, (x, middle, y) = GraphBuilder(), channels
    one, other = first or Conv(), second or Conv()
    image = b.input(batch, x, *sides)
    residual = [b.input(batch, middle, *sides)] if one.residual else []
    made = b.conv(one, image, random_array((middle, x, 1, 1), 1), *residual)
    residual = [b.input(batch, y, *sides)] if other.residual else []
    return b.graph(b.conv(other, made, random_array((y, middle, kernel, kernel), 2), *residual))


def _alike(rows: int = 3, vectors: int = 2, panel: int = 2) -> dict[str, Columns]:
    """Candidates of which the first may be chained."""
    return dict.fromkeys(("n0", "n1"), Columns(rows, vectors, panel=panel))


def _read_around(padded: bool) -> Graph:
    """n1 reads rows around each of its outputs, and n2 adds to what n1 reads, which nothing else reads then."""
    b = GraphBuilder()
    x = b.conv(Conv(), b.input(1, 4, 4, 12), random_array((8, 4, 1, 1)))
    op, kernel = (Conv(pads=(1, 1, 1, 1)), 3) if padded else (Conv(), 1)
    inner = b.conv(op, x, random_array((8, 8, kernel, kernel), 1))
    y = b.conv(Conv(residual=True), inner, random_array((8, 8, 1, 1), 2), x)
    return b.graph(b.conv(Conv(), y, random_array((8, 8, 1, 1), 3)))


@pytest.mark.parametrize("threads", [1, 2])
def test_the_first_finds_its_input_in_later_panels(target: Target, threads: int) -> None:
    """Packed from borders, or under masks, it reads where the second adds in place: not chained. Where both are 1x1
    they read and write the same positions."""
    inside, around = (0, 0, 0, 0), (1, 1, 1, 1)
    plain = Columns(4, 2, panel=2)
    for padded, access in (
        (True, "packed"),
        (True, "lane masks" if target.isa.masks_lanes else "direct"),
        (False, "direct"),
    ):
        graph = _read_around(padded)
        problems = conv_problems(graph)
        if access == "packed":
            for name, x, y in (("n0", inside, around), ("n1", around, inside), ("n2", inside, around)):
                problems[name] = problems[name].with_borders(x, y)
            problems["n3"] = problems["n3"].with_borders(around, inside)
        chosen = dict.fromkeys(problems, plain) | {"n1": replace(plain, access=access)}
        program = lower(graph, target, network_plan(problems, chosen, {"n1"}))
        steps = {step.name: step for step in program.steps}
        read, written = steps["n1"].views["x"], steps["n2"].views["y"]
        assert read
        assert written
        assert read.storage is written.storage
        assert steps["n1"].chained == (not padded)
        feeds = random_feeds(graph)
        session = Session(Compiled(write(program, checksum)), threads=threads)
        assert_close(session.run(None, feeds)[0], run_reference(graph, feeds)[graph.outputs[0]])


@pytest.mark.parametrize("threads", [1, 2])
def test_the_second_may_write_between_borders(target: Target, threads: int) -> None:
    """Then its strips have more segments than those of the first, but are the same positions."""
    b, inside, around = GraphBuilder(), (0, 0, 0, 0), (1, 1, 1, 1)
    x = b.conv(Conv(), b.input(1, 4, 4, 12), random_array((8, 4, 1, 1)))
    x = b.conv(Conv(), x, random_array((5, 8, 1, 1), 1))
    graph = b.graph(b.conv(Conv(pads=around), x, random_array((6, 5, 3, 3), 2)))
    problems = conv_problems(graph)
    problems["n1"] = problems["n1"].with_borders(inside, around)
    problems["n2"] = problems["n2"].with_borders(around, inside)
    plan = network_plan(problems, dict.fromkeys(problems, Columns(4, 2, panel=2)), {"n0"})
    program = lower(graph, target, plan)
    steps = {step.name: step for step in program.steps}
    assert steps["n0"].fields["segment_count"] != steps["n1"].fields["segment_count"]
    assert steps["n0"].chained
    feeds = random_feeds(graph)
    session = Session(Compiled(write(program, checksum)), threads=threads)
    assert_close(session.run(None, feeds)[0], run_reference(graph, feeds)[graph.outputs[0]])


def test_last_strips_that_are_longer_with_a_tail(target: Target) -> None:
    """Whatever kernels either has, the runtime takes the file."""
    many = 8 if Shape(8, 2) in shapes(target.isa) else 4
    for count in (33, 36, 49, 65, 68, 97, 100):
        for rows, access, other in itertools.product((many, 3), ("direct", "packed"), (many, 3)):
            chosen = {"n0": Columns(rows, 2, access=access, panel=2), "n1": Columns(other, 2, panel=2)}
            check_graph(_pair((1, count), (20, 24, 16)), target, None, chosen, chains={"n0"})


def _is_chained(program: Program) -> bool:
    return any(step.chained for step in program.steps)


def test_residual_blocks(target: Target) -> None:
    """The first adds in place, and what it makes is read again later."""
    b = GraphBuilder()
    x = b.conv(Conv(), b.input(1, 4, 6, 12), random_array((8, 4, 1, 1)))
    for _ in range(3):
        inner = b.conv(Conv(act=Activation(lo=0.0)), x, random_array((5, 8, 1, 1), len(b.nodes)))
        x = b.conv(Conv(residual=True, act=Activation(lo=0.0)), inner, random_array((8, 5, 1, 1), len(b.nodes)), x)
    graph = b.graph(x)
    candidate, chains = Columns(4, 2, panel=2), {node.name for node in graph.nodes[::2]}
    assert sum(step.chained for step in program_of(graph, target, candidate, chains=chains).steps) == 3
    for threads in (1, 2):
        check_graph(graph, target, None, candidate, threads, chains=chains)


@pytest.mark.parametrize(
    ("graph", "changed"),
    [
        (_pair(), {"n1": {"panel": 3}}),
        (_pair(), {"n1": {"vectors": 1}}),
        (_pair(), {"n1": {"access": "packed"}}),
        (_pair(), {"n1": {"lanes": "channels"}}),
        (_pair(), {"n0": {"lanes": "channels"}}),
        (_pair(kernel=3, second=Conv(pads=(1, 1, 1, 1))), {}),
        (_pair(second=Conv(strides=(2, 2))), {}),
        (_pair(second=Conv(pads=(1, 1, 1, 1))), {}),
    ],
)  # fmt: skip
def test_what_does_not_follow_is_not_chained(graph: Graph, changed: dict[str, dict[str, object]]) -> None:
    target = target_named("generic")
    candidates = _alike()
    for name, values in changed.items():
        candidates[name] = replace(candidates[name], **values)  # type: ignore[arg-type]
    assert not _is_chained(program_of(graph, target, candidates, chains={"n0"}))
    check_graph(graph, target, None, candidates, 2, chains={"n0"})


@pytest.mark.parametrize("sides", [(5, 9), (1, 33), (7, 7)])
def test_panels_that_end_in_the_middle_of_a_vector_are_not_chained(sides: tuple[int, int], target: Target) -> None:
    """Another thread may be writing the beginning of the next plane, which the last vector reads."""
    program = program_of(_pair(sides), target, _alike(), chains={"n0"})
    assert _is_chained(program) == (
        not target.isa.vector_bytes or sides[0] * sides[1] % F32.lanes(target.vector_bytes) == 0
    )


def test_a_convolution_alone_is_not_chained() -> None:
    b = GraphBuilder()
    graph = b.graph(b.conv(Conv(), b.input(1, 3, 4, 4), random_array((5, 3, 1, 1))))
    target = target_named("generic")
    assert not _is_chained(program_of(graph, target, Columns(2, 2), chains={"n0"}))
    check_graph(graph, target, None, Columns(2, 2), chains={"n0"})


def test_of_three_in_a_row_two_are_chained(target: Target) -> None:
    b = GraphBuilder()
    x = b.input(1, 4, 6, 12)
    for rows in (8, 5, 7):
        x = b.conv(Conv(), x, random_array((rows, b.shape(x)[1], 1, 1)))
    graph, candidate, chains = b.graph(x), Columns(3, 2, panel=2), {"n0", "n1"}
    steps = [step for step in program_of(graph, target, candidate, chains=chains).steps if step.op == "cnm"]
    assert [step.chained for step in steps] == [True, False, False]
    check_graph(graph, target, None, candidate, 2, chains=chains)


def test_nothing_of_the_second_lies_where_the_first_still_reads() -> None:
    """The second's output may not take the memory of the first's input, which is dead only after both."""
    b = GraphBuilder()
    x = b.conv(Conv(), b.input(1, 4, 8, 8), random_array((8, 4, 1, 1)))
    middle = b.conv(Conv(), x, random_array((8, 8, 1, 1)))
    y = b.conv(Conv(), middle, random_array((8, 8, 1, 1)))
    graph = b.graph(b.conv(Conv(), y, random_array((3, 8, 1, 1))))
    for chains in (set(), {"n1"}):
        program = program_of(graph, target_named("generic"), Columns(4, 2, panel=1), chains=chains)
        steps = {step.name: step for step in program.steps}
        offsets, _ = place(lifetimes(program))
        read, written = steps["n1"].views["x"], steps["n2"].views["y"]
        assert read
        assert written
        assert (offsets[read.storage] == offsets[written.storage]) != bool(chains)


def test_the_planner_chains_what_does_not_fit_the_caches() -> None:
    """112 x 112 x 60 floats are 3 MB, 14 x 14 ones 47 KB, of a second-level cache of 512 KB."""
    for side, expected in ((112, ["n0", "n3"]), (14, [])):
        graph = bottlenecks(side)
        plan = chained(default_plan(graph, X60), graph, X60)
        assert sorted(plan.chains) == expected
        program = lower(graph, X60, plan)
        assert [step.name for step in program.steps if step.chained] == expected
        for name, after in (("n0", "n1"), ("n3", "n4")):
            if name in expected:
                assert plan.candidates[name].panel == plan.candidates[after].panel


def test_nothing_is_chained_where_memory_costs_nothing_by_the_rule() -> None:
    """Nor for the sake of another panel, which the second could have without."""
    for name in ("generic", "x86-64-v3", "x86-64-v4"):
        target = target_named(name)
        for graph in (bottlenecks(112), small_classifier(1)):
            plan = chained(default_plan(graph, target), graph, target)
            assert not plan.chains
