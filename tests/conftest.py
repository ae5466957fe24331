"""Fixtures shared by all tests."""

from __future__ import annotations

import pytest
from commands import Command, Outcome
from layers import RUNNABLE

from colonnade.cli import main
from colonnade.target.targets import Target


@pytest.fixture(params=RUNNABLE, ids=lambda target: target.name)
def target(request: pytest.FixtureRequest) -> Target:
    """The target of every instruction set that this CPU runs, one after the other."""
    chosen: Target = request.param
    return chosen


@pytest.fixture
def colonnade(capfd: pytest.CaptureFixture[str]) -> Command:
    """Call the command with these arguments."""

    def call(*arguments: object) -> Outcome:
        code = main([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call
