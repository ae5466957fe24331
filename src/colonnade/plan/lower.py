"""Lowers an optimised graph to a program, node by node (plan/lowering/), convolutions by the chosen candidates."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import colonnade.plan.lowering  # noqa: F401  (fills the table of lowering functions)
from colonnade.graph.ir import Graph
from colonnade.modelfile.program import Constants, Program, View, bound_value
from colonnade.plan.choose.tuner import NetworkPlan
from colonnade.plan.lowering.context import Lowering
from colonnade.plan.lowering.places import Order
from colonnade.plan.lowering.table import lower_node
from colonnade.plan.planes import Borders
from colonnade.plan.problem import borders_of
from colonnade.plan.ways import Columns
from colonnade.plan.ways.columns.follow import can_follow
from colonnade.target.targets import Target


def lower(
    graph: Graph,
    target: Target,
    plan: NetworkPlan,
    borders: Mapping[str, Borders] | None = None,
    constants: Constants | None = None,
) -> Program:
    """The program of `graph` for `target` by `plan`. `borders`: of the values that have some in memory, unless the
    plan's problems say so. `constants`: those of the programs that will be in the same file."""
    program = Program(target, constants=constants or Constants())
    for index, name in enumerate(graph.inputs):
        program.inputs.append(bound_value(name, graph.shape(name), graph.element(name), "input", index))
    made: dict[str, tuple[Order, View]] = {value.name: ("plain", View(value.storage)) for value in program.inputs}
    lower_into(program, graph, made, plan, borders)
    return program


def lower_into(
    program: Program,
    graph: Graph,
    made: Mapping[str, tuple[Order, View]],
    plan: NetworkPlan,
    borders: Mapping[str, Borders] | None = None,
) -> None:
    """Append the steps of `graph`, and its outputs, to `program`; `made`: where its inputs are, and in what order. The
    others as in `lower`."""
    lowering = Lowering(graph, program, made, plan, borders or borders_of(graph, plan.problems))
    for node in graph.nodes:
        lower_node(lowering, node)
    lowering.finish()
    _chain(program, plan)


def _chain(program: Program, plan: NetworkPlan) -> None:
    """Mark the steps of the plan's chains whose next step can run with them, panel by panel. The second of a pair does
    not begin another."""
    chosen, follower = plan.candidates, None
    for step, after in pairwise(program.steps):
        one, other = chosen.get(step.name), chosen.get(after.name)
        wanted = step.name in plan.chains and step is not follower
        if wanted and isinstance(one, Columns) and isinstance(other, Columns):
            first, second = plan.problems[step.name], plan.problems[after.name]
            apart = not _meet(step.views["x"], after.views["y"])
            reads = step.views["y"] == after.views["x"]
            if apart and reads and can_follow(first, one, second, other, program.target):
                step.fields["chained"] = True
                follower = after


def _meet(x: View | None, y: View | None) -> bool:
    """Whether `y`, which the second step writes, lies after `x` in the same storage. The first step reads past the end
    of `x` in panels that come later, and would find what is being written."""
    return x is not None and y is not None and x.storage is y.storage and x.at < y.at
