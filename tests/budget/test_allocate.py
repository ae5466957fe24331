"""Choices of options against brute force."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colonnade.budget.allocate import Option, pareto_curve

# Multiples of 1/8: sums are exact, so that equal costs are equal.
numbers = st.integers(0, 400).map(lambda number: number / 8)
options = st.lists(st.builds(Option, numbers, numbers), min_size=1, max_size=4)
networks = st.lists(options, min_size=1, max_size=5)


def _every_choice(layers: Sequence[Sequence[Option]]) -> list[tuple[float, float]]:
    chosen = itertools.product(*layers)
    return [(sum(o.cost for o in choice), sum(o.loss for o in choice)) for choice in chosen]


@settings(deadline=None)
@given(layers=networks, budget=numbers)
def test_curve_is_every_choice_that_no_other_beats(layers: list[list[Option]], budget: float) -> None:
    curve = pareto_curve(layers)
    every = set(_every_choice(layers))
    best = {p for p in every if not any(q != p and q[0] <= p[0] and q[1] <= p[1] for q in every)}
    assert list(zip(curve.cost.tolist(), curve.loss.tolist(), strict=True)) == sorted(best)
    found = curve.within(5 * budget)
    affordable = [loss for cost, loss in every if cost <= 5 * budget]
    assert (found is None) == (not affordable)
    if found is not None:
        assert found.loss == min(affordable)


@settings(deadline=None)
@given(layers=networks, limit=st.integers(1, 20))
def test_options_add_up_and_thinning_costs_no_more_than_it_says(layers: list[list[Option]], limit: int) -> None:
    curve = pareto_curve(layers, limit)
    assert len(curve) <= limit + 1
    for index in range(len(curve)):
        point = curve.point(index)
        chosen = [layer[option] for layer, option in zip(layers, point.options, strict=True)]
        assert (point.cost, point.loss) == (sum(o.cost for o in chosen), sum(o.loss for o in chosen))
    every = _every_choice(layers)
    slack = len(layers) / limit * sum(max(o.cost for o in layer) - min(o.cost for o in layer) for layer in layers)
    for cost, loss in every:
        found = curve.within(cost + slack + 1e-9)
        assert found is not None
        assert found.loss <= loss
    assert curve.cost[0] == min(cost for cost, _ in every)


@pytest.mark.parametrize("seed", range(3))
def test_many_layers_are_close_to_the_linear_bound(seed: int) -> None:
    """Sixty layers, eight options: no choice can lose less than the Lagrangian bound max_k (min sum loss + k (cost -
    budget)), and the curve comes near it."""
    generator = np.random.default_rng(seed)
    cost = np.sort(generator.random((60, 8)))[:, ::-1]
    loss = np.sort(generator.random((60, 8)) ** 3)
    layers = [[Option(*numbers) for numbers in zip(*pair, strict=True)] for pair in zip(cost, loss, strict=True)]
    budget = float(cost.mean(1).sum()) * generator.uniform(0.6, 1.4)
    found = pareto_curve(layers).within(budget)
    assert found is not None
    bound = max((loss + k * cost).min(1).sum() - k * budget for k in np.geomspace(1e-4, 1e2, 2000))
    assert bound - 1e-9 <= found.loss <= bound + 0.02 * loss.sum()
    assert found.cost <= budget


def test_a_layer_that_gains_no_time_stays_as_it_is() -> None:
    useful, useless = [Option(10, 0), Option(5, 1)], [Option(3, 0), Option(3, 0.1), Option(3.5, 0.2)]
    curve = pareto_curve([useful, useless])
    assert curve.options.tolist() == [[1, 0], [0, 0]]


@pytest.mark.parametrize("budget", [-1.0, 7.9])
def test_budget_that_cannot_be_met(budget: float) -> None:
    assert pareto_curve([[Option(10, 0), Option(5, 1)], [Option(3, 0)]]).within(budget) is None
