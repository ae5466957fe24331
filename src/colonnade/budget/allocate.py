"""One option for each layer, such that the sum of losses is least for a given sum of costs.

This is the multiple-choice knapsack problem (Kellerer, Pferschy and Pisinger, Knapsack Problems, 2004, chapter 11),
solved for all budgets at once: layer by layer, the sums that no other sum beats in both cost and loss are kept
(G. L. Nemhauser and Z. Ullmann, Management Science 15, 1969). What is left is the Pareto curve.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_LIMIT = 20_000  # points


@dataclass(frozen=True)
class Option:
    """One way to run a layer: what it costs, such as milliseconds, and what is lost by it."""

    cost: float
    loss: float


@dataclass(frozen=True)
class Point:
    """A choice for all layers. options: the index of each layer's."""

    cost: float
    loss: float
    options: tuple[int, ...]


@dataclass(frozen=True)
class Curve:
    """Choices of which none beats another, by rising cost and so by falling loss. cost, loss: f64 [n]; options: index
    of the option of each layer, [n, layers]."""

    cost: np.ndarray
    loss: np.ndarray
    options: np.ndarray

    def __len__(self) -> int:
        return len(self.cost)

    def point(self, index: int) -> Point:
        """One of the choices."""
        return Point(float(self.cost[index]), float(self.loss[index]), tuple(self.options[index].tolist()))

    def within(self, budget: float) -> Point | None:
        """The choice of least loss that costs no more than `budget`; None if there is none."""
        count = int(np.searchsorted(self.cost, budget, side="right"))
        return self.point(count - 1) if count else None


@dataclass(frozen=True)
class _Front:
    """Sums over the first layers. parent: the sum over one layer fewer that each came from; option: of the last."""

    cost: np.ndarray
    loss: np.ndarray
    parent: np.ndarray
    option: np.ndarray

    def take(self, chosen: np.ndarray) -> _Front:
        return _Front(self.cost[chosen], self.loss[chosen], self.parent[chosen], self.option[chosen])


def pareto_curve(layers: Sequence[Sequence[Option]], limit: int = _LIMIT) -> Curve:
    """The curve of all choices of one option for each layer.

    Exact while no more than `limit` sums are on the way at any layer. Beyond that, of the sums whose costs lie in the
    same of `limit` equal slices only the one of least loss goes on: so for each choice there is one on the curve that
    loses no more and costs at most layers / limit of the curve's whole range more. The cheapest is always exact.
    """
    fronts: list[_Front] = []
    cost, loss = np.zeros(1), np.zeros(1)
    for options in layers:
        front = _thinned(_undominated(_sums(cost, loss, options)), limit)
        fronts.append(front)
        cost, loss = front.cost, front.loss
    chosen = np.empty((len(cost), len(layers)), np.int64)
    place = np.arange(len(cost))
    for layer in reversed(range(len(layers))):
        chosen[:, layer] = fronts[layer].option[place]
        place = fronts[layer].parent[place]
    return Curve(cost, loss, chosen)


def _sums(cost: np.ndarray, loss: np.ndarray, options: Sequence[Option]) -> _Front:
    """Each sum with each option of the next layer."""
    parent, option = (index.ravel() for index in np.indices((len(cost), len(options))))
    costs, losses = np.array([o.cost for o in options]), np.array([o.loss for o in options])
    return _Front(cost[parent] + costs[option], loss[parent] + losses[option], parent, option)


def _undominated(front: _Front) -> _Front:
    """Without the sums that another beats or equals, by rising cost."""
    ordered = front.take(np.lexsort((front.loss, front.cost)))
    best = np.minimum.accumulate(ordered.loss)
    return ordered.take(np.flatnonzero(np.concatenate([[True], ordered.loss[1:] < best[:-1]])))


def _thinned(front: _Front, limit: int) -> _Front:
    """At most `limit` and one more: the cheapest, and the last, which loses least, of each slice."""
    if len(front.cost) <= limit:
        return front
    low, high = front.cost[0], front.cost[-1]
    slices = np.minimum(((front.cost - low) / (high - low) * limit).astype(np.int64), limit - 1)
    last = np.append(slices[1:] != slices[:-1], True)
    last[0] = True
    return front.take(np.flatnonzero(last))
