"""The ways to compute a convolution. `WAYS` drives the search space, the tuner, lowering, profiling and the tests."""

from __future__ import annotations

from colonnade.plan.ways.columns.candidate import Columns
from colonnade.plan.ways.vertical import Vertical
from colonnade.plan.ways.way import ALL_STRIPS, Candidate
from colonnade.plan.ways.windows import Windows
from colonnade.plan.ways.winograd import Winograd

__all__ = [
    "ALL_STRIPS",
    "WAYS",
    "WAY_OF_STEP",
    "Candidate",
    "Columns",
    "Vertical",
    "Windows",
    "Winograd",
]

WAYS: tuple[type[Candidate], ...] = (Columns, Winograd, Vertical, Windows)

WAY_OF_STEP: dict[str, type[Candidate]] = {way.step_kind: way for way in WAYS}
