"""Telling how far long work is: functions of (what is being done, steps done, steps in all)."""

from __future__ import annotations

from colonnade.api import Progress


def silent(what: str, done: int, total: int) -> None:
    """A progress function that tells nobody."""


def labelled(tell: Progress, label: str) -> Progress:
    """A progress function that puts `label` in front of what it tells."""
    return lambda what, done, total: tell(f"{label}: {what}", done, total)
