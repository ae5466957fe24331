"""Which candidates of a convolution are worth a look: of every way the first few by the cost rule."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from colonnade.plan.problem import ConvProblem
from colonnade.plan.ways import WAYS, Candidate
from colonnade.plan.ways.columns.candidate import Columns
from colonnade.plan.ways.costs import candidate_cycles
from colonnade.target.targets import Target

SHAPES_MEASURED = 12  # of each kind of candidates


def default_candidate(problem: ConvProblem, target: Target) -> Candidate:
    """The cheapest by the cost rule, in the cheapest loop order: the default plan."""
    return cheapest(problem, shape_candidates(problem, target), target)


def default_column_candidate(problem: ConvProblem, target: Target) -> Candidate:
    """The same, of those that the kept columns make faster."""
    return cheapest(problem, Columns.candidates(problem, target), target)


def cheapest_of_form(problem: ConvProblem, form: Hashable, target: Target) -> Candidate | None:
    """The same, of those that store the weights in this form (`Candidate.form`); None: there are none."""
    found = (c for way in WAYS for c in way.candidates(problem, target) if c.form(problem) == form)
    first = next(found, None)
    return None if first is None else cheapest(problem, (first, *found), target)


def cheapest(problem: ConvProblem, candidates: Iterable[Candidate], target: Target) -> Candidate:
    """The cheapest by the cost rule, in the cheapest of its loop orders."""

    def cost(candidate: Candidate) -> float:
        return candidate_cycles(problem, candidate, target)

    best = min(candidates, key=cost)
    return min((best, *best.loop_variants(problem, target)), key=cost)


def shape_candidates(problem: ConvProblem, target: Target) -> tuple[Candidate, ...]:
    """The first few of every kind, cheapest first: each variety with its best T, in the best of its loop orders."""
    costs = {
        candidate: candidate_cycles(problem, candidate, target)
        for way in WAYS
        for candidate in way.candidates(problem, target)
    }
    kinds: dict[Hashable, dict[Hashable, Candidate]] = {}
    for candidate in sorted(costs, key=lambda candidate: costs[candidate]):
        kinds.setdefault((type(candidate), candidate.kind), {}).setdefault(candidate.variety, candidate)
    return tuple(c for varieties in kinds.values() for c in tuple(varieties.values())[:SHAPES_MEASURED])
