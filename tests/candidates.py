"""Draws any candidate of a convolution, of whatever `WAYS` has.

What is drawn comes from a `Picker`, so that Hypothesis and searches draw alike.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import fields
from itertools import islice
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from colonnade.kernels.fused import fused_kernels
from colonnade.kernels.shapes import shapes
from colonnade.kernels.vertical import VERTICAL_FILTERS
from colonnade.kernels.winograd import FILTERS
from colonnade.plan.problem import ConvProblem
from colonnade.plan.ways import ALL_STRIPS, WAYS, Candidate
from colonnade.target.targets import Target

T = TypeVar("T")

TRIES = 10  # to find fields of a candidate that fit
# What the whole numbers among a way's fields may be, by name; others are one of the first few.
NUMBERS: dict[str, tuple[int, ...]] = {
    "panel": (1, 3, ALL_STRIPS),
    "blocks": (1, 3),
    "m": tuple(sorted({f.m for f in (*FILTERS, *VERTICAL_FILTERS)})),
}
FEW = (1, 3)


class Picker(ABC):
    """Takes one of several options."""

    @abstractmethod
    def value(self, options: Sequence[T]) -> T:
        """Any of them; the first is the simplest."""

    def level(self, factor: str, levels: Sequence[str]) -> str:
        """Any of the levels of a factor; the first as often as all others together."""
        return self.value([*[levels[0]] * (len(levels) - 2), *levels])


def fields_of(way: type[Candidate]) -> dict[str, dict[str, Any]]:
    """What each field of a way may be, beside its micro-kernel's shape: values by their levels."""
    hints, found = get_type_hints(way), {}
    for name in (f.name for f in fields(way) if f.name not in ("rows", "lines", "vectors")):
        hint = hints[name]
        values = get_args(hint) if get_origin(hint) else (False, True) if hint is bool else NUMBERS.get(name, FEW)
        found[name] = {field_level(name, value): value for value in values}
    return found


def field_level(name: str, value: object) -> str:
    """Of a field's value. Numbers are one, several or all, except where each has kernels of its own."""
    if type(value) is int and value > 1 and name != "m":
        return f"{name} all" if value == ALL_STRIPS else f"{name} several"
    return f"{name} {value}"


def draw_candidate(pick: Picker, problem: ConvProblem, target: Target) -> Candidate:
    """Of any way that has some for the problem; its fields are any that fit, or else as the way itself offers them."""
    ways = {way.__name__: way for way in WAYS if any(True for _ in way.candidates(problem, target))}
    way = ways[pick.level("way", [*ways])]
    every, common = shapes(target.isa), [fused.shape for fused in fused_kernels(target.isa)]
    for _ in range(TRIES):
        shape = pick.value([*every, *common * (len(every) // (len(common) or 1))])
        chosen = {name: levels[pick.level(name, [*levels])] for name, levels in fields_of(way).items()}
        candidate = way(shape.rows, shape.vectors, **chosen)
        if candidate.fits(problem, target):
            return candidate
    return pick.value([*islice(way.candidates(problem, target), 20)])
