"""Fixtures shared by the tests of kernels, model file, runtime and planner."""

from __future__ import annotations

import pytest
from layers import RUNNABLE

from colonnade.target.isa import Isa


@pytest.fixture(params=RUNNABLE, ids=lambda isa: isa.symbol)
def isa(request: pytest.FixtureRequest) -> Isa:
    """Every instruction set that this CPU runs, one after the other."""
    chosen: Isa = request.param
    return chosen
