"""Fixtures shared by the tests of kernels, model file, runtime and planner."""

from __future__ import annotations

import pytest
from layers import RUNNABLE

from colonnade.target.targets import Target


@pytest.fixture(params=RUNNABLE, ids=lambda target: target.name)
def target(request: pytest.FixtureRequest) -> Target:
    """The target of every instruction set that this CPU runs, one after the other."""
    chosen: Target = request.param
    return chosen
