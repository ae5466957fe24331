"""Writes docs/ways.md from the planner's table of ways: `python tests/plan/write_ways.py`."""

from __future__ import annotations

import inspect
import re
import textwrap
from dataclasses import fields
from pathlib import Path
from typing import Literal, get_args, get_origin, get_type_hints

import colonnade
from colonnade.plan.ways import WAYS, Candidate

PAGE = Path(__file__).parents[2] / "docs" / "ways.md"
SOURCES = Path(colonnade.__file__).parent
MEANING = re.compile(r"^(\w+): (.*(?:\n(?!\w+: ).+)*)", re.MULTILINE)

INTRODUCTION = """# Ways to compute a convolution

This page is written by `tests/plan/write_ways.py` from `WAYS` in `plan/ways/__init__.py` and the docstrings of its
classes; a test compares the two.

A **way** is one class. An object of the class is a **candidate**: that way, with a value for each of its fields.
[kernels.md](kernels.md) explains the words, and [planning.md](planning.md) says how a candidate is chosen.
"""


def page() -> str:
    """The text of docs/ways.md."""
    return "\n".join([INTRODUCTION, *map(_section, WAYS)])


def meanings(way: type[Candidate]) -> dict[str, str]:
    """What each field of a way means: its line in the docstring of the class, or of the nearest class above it."""
    found: dict[str, str] = {}
    for owner in reversed(way.__mro__):
        paragraphs = inspect.cleandoc(owner.__doc__ or "").partition("\n\n")[2]
        found |= {name: _one_line(text) for name, text in MEANING.findall(paragraphs)}
    return {field.name: found[field.name] for field in fields(way)}


def _section(way: type[Candidate]) -> str:
    file = Path(inspect.getfile(way)).relative_to(SOURCES)
    hints = get_type_hints(way)
    rows = "".join(f"| `{name}` | {_values(hints[name])} | {text} |\n" for name, text in meanings(way).items())
    summary = textwrap.fill(_one_line(inspect.cleandoc(way.__doc__ or "").partition("\n\n")[0]), 120)
    return f"""## {way.__name__}

{summary}.

File: `{file}`. Kind of step: `{way.step_kind}`.

| field | values | meaning |
|---|---|---|
{rows}"""


def _one_line(text: str) -> str:
    return " ".join(text.split()).removesuffix(".")


def _values(hint: object) -> str:
    if get_origin(hint) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(hint))
    return {int: "1 or more", bool: "true or false"}[hint]  # type: ignore[index]


if __name__ == "__main__":
    PAGE.write_text(page())
