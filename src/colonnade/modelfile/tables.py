"""The tables of fields in docs/model-file.md, from the records. `tests/modelfile/write_document.py` puts them there."""

from __future__ import annotations

from collections.abc import Iterator

from colonnade.graph.activations import PARAMETERS
from colonnade.modelfile.fields import LIMITS, Field, Free, Index, Interval, Place, Record, Text, ViewAt, ViewBuffer
from colonnade.modelfile.records import RECORDS

_ACTIVATION = ("act", *PARAMETERS)


def field_tables() -> str:
    """Markdown: the limits that ranges name, then one table for each record."""
    limits = ", ".join(f"{name} = 2^{limit.bit_length() - 1}" for name, limit in LIMITS.items())
    names = f"Of the limits that are named, {limits}; the others are the largest micro-kernels there are (`limits.h`)."
    return "\n\n".join([names, *("\n".join(_table(record)) for record in RECORDS)])


def _table(record: Record) -> Iterator[str]:
    yield from (f"### {record.name}", "", record.note, "", "| field | type | values | meaning |", "|---|---|---|---|")
    for field in record.fields:
        names, type_, values, meaning = _row(field)
        if isinstance(field.range, ViewAt) or (
            field.name in _ACTIVATION[1:] and "act" in {f.name for f in record.fields}
        ):
            continue
        yield f"| {names} | {type_} | {values} | {meaning} |"


def _row(field: Field) -> tuple[str, str, str, str]:
    """One field; or the two of a view, or those of an activation."""
    if isinstance(field.range, ViewBuffer):
        view = field.range
        values = f"{'written' if view.written else 'read'}{', or none' if view.optional else ''}"
        return f"`{view.view}_buffer`, `{view.view}_at`", "view", values, field.note
    if field.name == _ACTIVATION[0]:
        return (
            ", ".join(f"`{name}`" for name in _ACTIVATION),
            "i32, f32",
            _values(field),
            "the activation, with any parameters",
        )
    return f"`{field.name}`", field.type + (f" * {field.count}" if field.count > 1 else ""), _values(field), field.note


def _values(field: Field) -> str:
    match field.range:
        case Interval(low, high, _):
            return f"{low}" if low == high else f"{low} or {high}" if (low, high) == (0, 1) else f"{low} to {high}"
        case Place(section):
            return f"a place in `{section}`"
        case Index(section):
            return f"an index of `{section}`"
        case Text():
            return "text, then zeros"
        case Free(why):
            return why
    return ""
