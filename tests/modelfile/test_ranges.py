"""The generated check of every field: one past either end of its range is refused, and the reason names the field."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from layers import Compiled, model_of, small_network, small_network_candidates
from model_bytes import open_sections, record_of, with_header, with_record

from colonnade.errors import ColonnadeError
from colonnade.modelfile import records
from colonnade.modelfile.c_format import c_header
from colonnade.modelfile.fields import Bound, Field, Free, Index, Interval, Place, Text, ViewAt, ViewBuffer
from colonnade.runtime.emit import limits_header
from colonnade.runtime.session import Session
from colonnade.target.targets import target_named

GOOD = model_of(small_network(2), target_named("generic"), small_network_candidates(2), threads=2).data
TYPES = {"i32": 2**31, "i64": 2**63}


def _limits() -> dict[str, int]:
    """The limits that ranges name, as the C library has them."""
    text = limits_header() + c_header()
    found = {name: int(value) for name, value in re.findall(r"#define CLN_(\w+) (?:INT64_C\()?(\d+)", text)}
    for members in re.findall(r"enum \{ (.*) \};", text):
        *_, count = members.split(", ")
        found[count.removeprefix("CLN_")] = len(members.split(", ")) - 1
    return found


def _value(bound: Bound) -> int:
    return bound if isinstance(bound, int) else int(eval(bound, {}, _limits()))


def _outside(field: Field, section: str) -> Iterator[tuple[dict[str, object], str]]:
    """Changes of GOOD's first record that the field's range forbids, and the reason."""
    counts = {name: len(data) // records.element_bytes(name) for name, data in open_sections(GOOD).items()}
    counts["data"] -= _limits()["SLACK"]
    most = TYPES.get(field.type, 0)
    match field.range:
        case Interval(low, high, says):
            for value in (_value(low) - 1, _value(high) + 1, -most, most - 1):
                if -most <= value < most and not _value(low) <= value <= _value(high):
                    yield {field.name: value}, f"{field.name}: {says}"
        case Place(into):
            for value in (-1, counts[into] + 1, -most, most - 1):
                yield {field.name: value}, f"{field.name}: (table|constants) outside the file"
        case Index(into):
            for value in (-1, counts[into], -most, most - 1):
                yield {field.name: value}, f"{field.name}: (unknown buffer|name outside the file)"
        case ViewBuffer(view, _, optional, written):
            for value in (-2, -1, counts["buffers"], -most, most - 1):
                if value != -1 or not optional:
                    yield {field.name: value}, f"{view}: unknown buffer"
            if written:
                yield {field.name: 0, f"{view}_at": 0}, f"{view}: write to a read-only buffer"
        case ViewAt(view):
            for value in (-1, 2**40, -most, most - 1):
                yield {field.name: value}, f"{view}: (data outside its buffer|a place in no buffer)"
        case Text() | Free():
            assert section == "header" or field.type == "f32"


def _refused(data: bytes, says: str) -> None:
    with pytest.raises(ColonnadeError, match=f"^compiled model: {says}$"):
        Session(Compiled(data))


@pytest.mark.parametrize("section", [*records.SECTION_RECORDS])
def test_every_field_of_a_record(section: str) -> None:
    places = {"programs": "program 0", "buffers": "buffer 0", "values": "value 0", "order": "step 0"}
    place = places.get(section, "step [0-9]+ '[^']*'")
    for field in record_of(section).fields:
        for changes, says in _outside(field, section):
            name, value = next(iter(changes.items()))
            if field.count > 1:
                old = record_of(section).unpack(open_sections(GOOD)[section][: record_of(section).size])[name]
                assert isinstance(old, tuple)
                for i in range(field.count):
                    changes = {name: (*old[:i], value, *old[i + 1 :])}
                    _refused(with_record(GOOD, section, 0, **changes), f"{place}: {says}")
            else:
                _refused(with_record(GOOD, section, 0, **changes), f"{place}: {says}")


def test_every_field_of_the_header() -> None:
    for field in records.HEADER.fields:
        if field.name not in ("magic", "checksum"):
            for changes, says in _outside(field, "header"):
                _refused(with_header(GOOD, **changes), says)


def test_every_kind_of_step_is_there() -> None:
    assert all(open_sections(GOOD)[step.name] for step in records.STEPS)


def test_every_field_has_a_range_and_a_meaning() -> None:
    """Any value goes only where nothing depends on it: for floats, and what is compared before."""
    for record in records.RECORDS:
        for field in record.fields:
            assert field.note, f"{record.name}.{field.name}"
            if isinstance(field.range, Free):
                assert field.type == "f32" or record is records.HEADER
