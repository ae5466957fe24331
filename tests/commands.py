"""The command line called in process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """What a call of the command gave."""

    code: int
    out: str
    err: str


Command = Callable[..., Outcome]


def assert_mistake(outcome: Outcome, *words: str) -> None:
    """A mistake of the user: exit code 2, one line on stderr that says `words`, and nothing else."""
    assert outcome.code == 2
    assert outcome.err.startswith("error: ")
    assert outcome.err.count("\n") == 1
    assert outcome.out == ""
    for word in words:
        assert word in outcome.err
