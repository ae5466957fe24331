"""Model files for machines that are not this one: what those would refuse is refused where the file is made."""

from __future__ import annotations

import pytest
from layers import GraphBuilder, model_of, network_plan, random_array, small_network
from model_bytes import open_sections, record_of, with_header, with_record

from colonnade.errors import ColonnadeError
from colonnade.graph.ir import Conv, Graph, Pool
from colonnade.plan.choose.borders import BorderChoice
from colonnade.plan.choose.tuner import NetworkPlan
from colonnade.plan.compiler import compile_graph
from colonnade.plan.problem import borders_of, conv_problems
from colonnade.plan.ways import Columns
from colonnade.runtime.binding import check_model
from colonnade.runtime.session import Session
from colonnade.target.isa import ISAS
from colonnade.target.targets import TARGETS, Target

OTHERS = [target for target in TARGETS if target.arch not in ("any", "x86_64")]


def _residual_of_a_pool() -> tuple[Graph, str]:
    """A convolution that adds what a pool made, and is read by one with padding; the pool's value."""
    b = GraphBuilder()
    x = b.conv(Conv(), b.input(1, 8, 28, 28), random_array((8, 8, 1, 1)))
    pooled = b.add(Pool("max", (2, 2), (2, 2), (0, 0, 0, 0)), (1, 8, 14, 14), x)
    added = b.conv(Conv((2, 2), residual=True), x, random_array((8, 8, 1, 1), 1), pooled)
    return b.graph(b.conv(Conv(pads=(1, 1, 1, 1)), added, random_array((8, 8, 3, 3), 2))), pooled


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_a_planner_that_forgets_borders(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one did of a residual that no convolution reads: the file is not made, whatever the target."""
    graph, pooled = _residual_of_a_pool()

    def with_borders(part: Graph, _: Target) -> NetworkPlan:
        problems = BorderChoice(part, conv_problems(part)).choose(lambda problem: -any(problem.geometry.x_borders))
        return network_plan(problems, dict.fromkeys(problems, Columns(4, 2)))

    monkeypatch.setattr("colonnade.plan.compiler.default_plan", with_borders)
    assert compile_graph(graph, target=target.name, plan="default").target == target.name

    def forgetful(*arguments: object) -> object:
        return {name: borders for name, borders in borders_of(*arguments).items() if name != pooled}  # type: ignore[arg-type]

    monkeypatch.setattr("colonnade.plan.lower.borders_of", forgetful)
    with pytest.raises(ColonnadeError, match=r"^compiled model: step .*: data outside its buffer$"):
        compile_graph(graph, target=target.name, plan="default")


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_a_record_that_is_wrong(target: Target) -> None:
    """The check that another machine will make."""
    data = model_of(small_network(), target).data
    check_model(data, "it")
    rows = len(open_sections(data)["cnm"]) // record_of("cnm").size
    assert rows
    missing = next(count for count in range(1, 17) if count not in target.isa.vectors)
    for changes in (
        {"x_at": 2**30},
        {"vectors": missing},
        {"tile_rows": 31, "vectors": 8},
    ):
        with pytest.raises(ColonnadeError, match=r"^it: step [0-9]+ '.*': .+"):
            check_model(with_record(data, "cnm", 0, **changes), "it")


@pytest.mark.parametrize("target", OTHERS, ids=lambda target: target.name)
def test_no_session_here(target: Target) -> None:
    """Only the check knows of kernels that are not in this library."""
    if target.isa.arch != "any":
        with pytest.raises(ColonnadeError, match=r"for which this library has no kernels$"):
            Session(model_of(small_network(), target).data)


def test_instruction_sets_that_nobody_has() -> None:
    data = model_of(small_network(), TARGETS[0]).data
    for isa in ISAS:
        for vector_bytes in (isa.vector_bytes + 1, 3):
            changed = with_header(data, target=isa.name.encode(), vector_bytes=vector_bytes)
            with pytest.raises(ColonnadeError, match=f"^it: compiled for target '{isa.name}', for which|out of range"):
                check_model(changed, "it")
    with pytest.raises(ColonnadeError, match=r"^it: compiled for target 'z80', for which this library has no kernels$"):
        check_model(with_header(data, target=b"z80"), "it")
    for short in (b"", data[:40], data[:-1]):
        with pytest.raises(ColonnadeError, match=r"^it: "):
            check_model(short, "it")
