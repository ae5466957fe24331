"""Changes to a model file, as lists that survive a new version of the format: (record, index, field, value).

A record is called as its section, or "header". A field may name
- one of its numbers: `dims[2]`; of those of the header, which has one for each section, `section_count[order]`;
- an entry of the table that begins where the field says: `off_table[3]`, or of records `strip_table[3].len`;
- a field of the buffer whose number it is: `x_buffer.advance`.
("file", 0, "bytes", n) cuts the file or adds zeros. Values are numbers, or "largest" or "smallest": as far from what is
there as the library accepts the file with all changes before this one.
"""

from __future__ import annotations

import ctypes
import re
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from field_table import INNER, RECORDS, role_of

from colonnade.modelfile import records
from colonnade.modelfile.fields import Field, Record
from colonnade.runtime.binding import checksum, library

Change = tuple[str, int, str, int | str]
FLOAT_BYTES = 4  # offsets of columns are multiples of it
COVERED = 16  # the checksum is over every byte from here on
EDGES = {"largest": 1, "smallest": -1}
_CODES = {"i32": "<i", "i64": "<q", "u64": "<Q"}
_FIELD = re.compile(r"(\w+)(?:\[(\w+)\])?")


@dataclass(frozen=True)
class Place:
    """Where a number lies in a file."""

    at: int
    code: str

    def read(self, data: bytes | bytearray) -> int:
        return int(struct.unpack_from(self.code, data, self.at)[0])

    def write(self, data: bytearray, value: int) -> None:
        struct.pack_into(self.code, data, self.at, value)


def apply(data: bytes, changes: Sequence[Change]) -> bytes:
    """The file with these changes, one after the other, and its checksum right. LookupError about a field that isn't
    there."""
    changed = bytearray(data)
    for record, index, name, value in changes:
        if record == "file":
            assert isinstance(value, int)
            changed = changed[:value].ljust(value, b"\0")
            continue
        place = _place(changed, record, index, name)
        place.write(changed, value if isinstance(value, int) else _edge(changed, place, EDGES[value]))
    return mended(changed)


def mended(data: bytes | bytearray) -> bytes:
    """The file with its own length and checksum in the header."""
    changed = bytearray(data)
    _place(changed, "header", 0, "file_bytes").write(changed, len(changed))
    _place(changed, "header", 0, "checksum").write(changed, checksum(bytes(changed[COVERED:])))
    return bytes(changed)


def differences(base: bytes, other: bytes) -> list[Change]:
    """What `apply` makes `other` of `base` with, weights and names left out."""
    found: list[Change] = [] if len(base) == len(other) else [("file", 0, "bytes", len(other))]
    for name in RECORDS:
        same = bytearray(apply(base, found))
        for index, key, place in _numbers(same, name):
            if place.read(other) != place.read(same):
                found.append((name, index, key, place.read(other)))
    same = bytearray(apply(base, found))
    for index in range(_section(same, "ints")[1]):
        place = _place(same, "ints", index, "")
        if place.read(other) != place.read(same):
            found.append((*_name_of_entry(same, index), place.read(other)))
    return found


def _name_of_entry(data: bytes | bytearray, index: int) -> tuple[str, int, str]:
    """By the table that begins last before an entry of `ints`."""
    tables = [
        (place.read(data), step.name, number, field.name)
        for step in records.STEPS
        for field in step.fields
        if role_of(field) == "TABLE"
        for number, place in _of_every_record(data, step.name, field.name)
    ]
    before = [table for table in tables if table[0] <= index]
    if not before:
        return "ints", index, ""
    begin, record, number, name = max(before)
    if name not in INNER:
        return record, number, f"{name}[{index - begin}]"
    element, at = divmod(4 * (index - begin), INNER[name].size)
    ends = accumulate(field.size for field in INNER[name].fields)
    key = next(field.name for field, end in zip(INNER[name].fields, ends, strict=True) if at < end)
    return record, number, f"{name}[{element}].{key}"


def _of_every_record(data: bytes | bytearray, record: str, name: str) -> Iterator[tuple[int, Place]]:
    for number in range(_section(data, record)[1]):
        yield number, _place(data, record, number, name)


def fewest(changes: Sequence[Change], fails: Callable[[Sequence[Change]], bool]) -> list[Change]:
    """Changes of which none can be left out for `fails` still to be true."""
    kept, size = list(changes), max(len(changes) // 2, 1)
    while True:
        for at in range((len(kept) - 1) // size * size, -1, -size):
            without = [*kept[:at], *kept[at + size :]]
            if len(without) < len(kept) and fails(without):
                kept = without
        if size == 1:
            return kept
        size //= 2


def _section(data: bytes | bytearray, name: str) -> tuple[int, int]:
    """Where a section begins, and how many elements of it lie in the file."""
    header = records.HEADER.unpack(bytes(data[: records.HEADER.size]))
    at, count = (header[key][records.SECTIONS.index(name)] for key in ("section_at", "section_count"))  # type: ignore[index]
    return at, max(min(count, (len(data) - at) // records.element_bytes(name)), 0)


def _place(data: bytes | bytearray, record: str, index: int, name: str) -> Place:
    at, count = (0, 1) if record == "header" else _section(data, record)
    if not 0 <= index < count:
        raise LookupError(f"there is no {record} {index}")
    if record == "ints":
        return Place(at + 4 * index, "<i")
    outer, _, inner = name.partition(".")
    size = RECORDS[record].size
    field, place, element = _in_record(RECORDS[record], at + index * size, outer)
    if inner and role_of(field) != "TABLE":
        return _place(data, "buffers", place.read(data), inner)
    if role_of(field) != "TABLE" or element is None:
        return place
    if not inner:
        return _place(data, "ints", place.read(data) + element, "")
    of = INNER[field.name]
    entry = _place(data, "ints", place.read(data) + element * of.size // 4, "")
    return _in_record(of, entry.at, inner)[1]


def _in_record(record: Record, begin: int, name: str) -> tuple[Field, Place, int | None]:
    """A field of the record that begins at byte `begin`, where it is, and the element of it that the name asks for."""
    match = _FIELD.fullmatch(name)
    key, element = match.groups() if match else (name, None)
    for field in record.fields:
        if field.name == key:
            break
        begin += field.size
    else:
        raise LookupError(f"{record.name} has no {key}")
    code = _CODES[field.type]
    if element is None:
        return field, Place(begin, code), None
    number = records.SECTIONS.index(element) if element in records.SECTIONS else int(element)
    if field.count > 1 and number >= field.count:
        raise LookupError(f"{field.name} has no {number}")
    return field, Place(begin + (number * struct.calcsize(code) if field.count > 1 else 0), code), number


def _numbers(data: bytes | bytearray, record: str) -> Iterator[tuple[int, str, Place]]:
    """Index, name and place of every number in the records of a section that a change can name."""
    count = 1 if record == "header" else _section(data, record)[1]
    for index in range(count):
        if record == "ints":
            yield index, "", _place(data, record, index, "")
            continue
        for field in RECORDS[record].fields:
            for element in range(field.count if role_of(field) != "KEPT" else 0):
                of = records.SECTIONS[element] if record == "header" else str(element)
                name = f"{field.name}[{of}]" if field.count > 1 else field.name
                yield index, name, _place(data, record, index, name)


def accepted(data: bytes | bytearray) -> bool:
    """Whether the library opens the file."""
    model, content = ctypes.c_void_p(), mended(data)
    if library().cln_model_read(content, len(content), ctypes.byref(model), None, 0):
        return False
    library().cln_model_close(model)
    return True


def _edge(data: bytearray, place: Place, sign: int) -> int:
    """The last accepted value, found by halves: with each, all smaller ones need not be accepted."""
    old, tried = place.read(data), bytearray(data)
    limit = 2 ** (8 * struct.calcsize(place.code) - 1) - 1

    def fits(distance: int) -> bool:
        value = old + sign * distance
        if abs(value) > limit:
            return False
        place.write(tried, value)
        return accepted(tried)

    unit = next((unit for unit in (1, FLOAT_BYTES) if fits(unit)), 0)
    good, bad = 0, 1  # in units
    while unit and fits(unit * bad):
        good, bad = bad, 2 * bad
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if fits(unit * middle) else (good, middle)
    return old + sign * unit * good
