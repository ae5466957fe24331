"""Pairs of convolutions that run panel by panel: a 1x1 one reads a panel of what the one before has just made while it
is still in the caches, instead of all of it from memory later. In residual networks these are the end of a block and
the beginning of the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from colonnade.graph.ir import Conv, Graph
from colonnade.plan.choose.tuner import NetworkPlan
from colonnade.plan.problem import ConvProblem
from colonnade.plan.ways.columns.candidate import Columns
from colonnade.plan.ways.columns.cost import traffic_of
from colonnade.plan.ways.columns.follow import can_follow
from colonnade.plan.ways.columns.traffic import Traffic
from colonnade.plan.ways.costs import candidate_cycles
from colonnade.target.targets import Target

PANELS = (4, 16)  # strips, beside those that the two have by themselves


def chained(plan: NetworkPlan, graph: Graph, target: Target) -> NetworkPlan:
    """The plan of `graph`, chained where the cost rule says that it is worth it, both of a pair with equal panels."""
    choices, chains, taken = dict(plan.choices), set(plan.chains), ""
    for first, second in _pairs(graph) if target.far_cycles else ():  # else there is nothing to save
        pair = [(plan.problems[name], choices[name].candidate) for name in (first, second)]
        one, other = (_Layer(p, c, target) if isinstance(c, Columns) else None for p, c in pair)
        if first == taken or one is None or other is None or not _fit(one, other):
            continue
        saved = {p: _saved(one, other, p) for p in (*PANELS, one.candidate.panel, other.candidate.panel)}
        panel = max(saved, key=lambda p: saved[p])
        if saved[panel] > 0:
            for name, layer in ((first, one), (second, other)):
                choices[name] = replace(choices[name], candidate=replace(layer.candidate, panel=panel))
            chains.add(first)
            taken = second
    return replace(plan, choices=choices, chains=frozenset(chains))


def _pairs(graph: Graph) -> Iterator[tuple[str, str]]:
    """Names of convolutions that follow each other, of which the second reads what the first makes."""
    for first, second in pairwise(graph.nodes):
        if isinstance(first.op, Conv) and isinstance(second.op, Conv) and second.inputs[0] == first.output:
            yield first.name, second.name


@dataclass(frozen=True)
class _Layer:
    """One of a pair."""

    problem: ConvProblem
    candidate: Columns
    target: Target

    @property
    def cycles(self) -> float:
        return candidate_cycles(self.problem, self.candidate, self.target)

    @property
    def traffic(self) -> Traffic:
        return traffic_of(self.problem, self.candidate, self.target)

    def with_panel(self, panel: int) -> _Layer:
        return replace(self, candidate=replace(self.candidate, panel=panel))


def _fit(one: _Layer, other: _Layer) -> bool:
    """With equal panels, which they will have."""
    alike = other.with_panel(one.candidate.panel)
    return can_follow(one.problem, one.candidate, alike.problem, alike.candidate, one.target)


def _saved(one: _Layer, other: _Layer, panel: int) -> float:
    """Cycles by the rule: what is not read again from beyond the second-level cache; less what panels of that size
    cost, and weights of the two that take each other's place."""
    first, second = one.with_panel(panel), other.with_panel(panel)
    lost = first.cycles + second.cycles - one.cycles - other.cycles
    a, b, g = first.traffic, second.traffic, one.problem.geometry
    made = g.arithmetic.outputs.bytes * g.rows * g.batch * g.target.elements
    together = (a.panels - 1) * (a.weights + b.weights) * a.lost_far(a.passing + b.passing)
    apart = sum((t.panels - 1) * t.weights * t.lost_far(t.passing) for t in (a, b))
    return (made * a.lost_far(made) - together + apart) * one.target.far_cycles - lost
