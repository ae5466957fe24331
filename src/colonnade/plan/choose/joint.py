"""Plans of one network for several shapes of its inputs, so that their programs share packed weights.

How weights are packed depends on the candidate (`Candidate.form`). Where the plans of a convolution chose several
forms, all take the one whose sum of costs over the plans is least, each cost as a multiple of that of the plan's own
choice.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from colonnade.plan.choose.space import cheapest_of_form
from colonnade.plan.choose.tuner import Choice, NetworkPlan
from colonnade.plan.problem import ConvProblem
from colonnade.plan.ways import Candidate
from colonnade.plan.ways.costs import candidate_cycles
from colonnade.target.targets import Target

Known = Callable[[ConvProblem], Mapping[Candidate, float]]  # milliseconds that were measured of a problem


@dataclass(frozen=True)
class _Option:
    """A choice for one plan, and its cost as a multiple of the cost of the plan's own choice."""

    choice: Choice
    cost: float


def alike(plans: Sequence[NetworkPlan], target: Target, known: Known, dense_vectors: int | None) -> list[NetworkPlan]:
    """The plans with choices of one form for each convolution, as far as there is a candidate of it for every plan."""
    changed: list[dict[str, Choice]] = [dict(plan.choices) for plan in plans]
    for name in dict.fromkeys(name for plan in plans for name in plan.choices):
        users = [i for i, plan in enumerate(plans) if name in plan.choices]
        problems, own = [plans[i].problems[name] for i in users], [plans[i].choices[name] for i in users]
        forms = dict.fromkeys(choice.candidate.form(p) for p, choice in zip(problems, own, strict=True))
        if len(forms) > 1 and all(np.array_equal(p.weights, problems[0].weights) for p in problems):
            for i, choice in zip(users, _shared(problems, own, tuple(forms), target, known), strict=True):
                changed[i][name] = choice
    pairs = zip(plans, changed, strict=True)
    return [replace(plan, choices=choices, dense_vectors=dense_vectors) for plan, choices in pairs]


def _shared(
    problems: Sequence[ConvProblem], own: Sequence[Choice], forms: Sequence[Hashable], target: Target, known: Known
) -> Sequence[Choice]:
    """Choices of one of the forms for all problems; `own` where none fits all."""
    best, least = own, float("inf")
    for form in forms:
        pairs = zip(problems, own, strict=True)
        options = [found for p, choice in pairs if (found := _option(p, choice, form, target, known(p)))]
        cost = sum(option.cost for option in options)
        if len(options) == len(problems) and cost < least:
            best, least = [option.choice for option in options], cost
    return best


def _option(
    problem: ConvProblem, own: Choice, form: Hashable, target: Target, known: Mapping[Candidate, float]
) -> _Option | None:
    """The fastest measured candidate of a form, else the cheapest by the cost rule; None where there is none."""
    if own.candidate.form(problem) == form:
        return _Option(own, 1.0)
    measured = {c: ms for c, ms in known.items() if c.form(problem) == form}
    if measured and own.ms:
        fastest = min(measured, key=lambda candidate: measured[candidate])
        return _Option(Choice(fastest, measured[fastest]), measured[fastest] / own.ms)
    candidate = cheapest_of_form(problem, form, target)
    if candidate is None:
        return None
    cost = candidate_cycles(problem, candidate, target) / candidate_cycles(problem, own.candidate, target)
    return _Option(Choice(candidate), max(cost, 1.0))
