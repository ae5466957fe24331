"""Takes model files apart and puts them together again, with a right checksum."""

from __future__ import annotations

from colonnade.modelfile import records
from colonnade.runtime.binding import checksum

COVERED = 16  # the checksum is over every byte from here on


def open_header(data: bytes) -> dict[str, object]:
    """The header's fields."""
    return records.HEADER.unpack(data[: records.HEADER.size])


def open_sections(data: bytes) -> dict[str, bytes]:
    """The bytes of every section."""
    header = open_header(data)
    spans = zip(records.SECTIONS, header["section_at"], header["section_count"], strict=True)  # type: ignore[call-overload]
    return {name: data[at : at + count * records.element_bytes(name)] for name, at, count in spans}


def with_header(data: bytes, **changes: object) -> bytes:
    """The file with other header fields, its checksum right again."""
    fields = open_header(data) | changes
    changed = records.HEADER.pack(**fields) + data[records.HEADER.size :]
    return records.HEADER.pack(**fields | {"checksum": checksum(changed[COVERED:])}) + changed[records.HEADER.size :]


def with_checksum(data: bytes, sections: dict[str, bytes] | None = None) -> bytes:
    """The file with sections of the same sizes in place of its own, its checksum right again."""
    changed = bytearray(data)
    for name, at in zip(records.SECTIONS, open_header(data)["section_at"], strict=True):  # type: ignore[call-overload]
        if sections:
            changed[at : at + len(sections[name])] = sections[name]
    return with_header(bytes(changed))


def open_program(data: bytes, index: int = 0) -> dict[str, object]:
    """The fields of a program."""
    size = records.PROGRAM.size
    return records.PROGRAM.unpack(open_sections(data)["programs"][index * size :][:size])


def with_program(data: bytes, **changes: object) -> bytes:
    """The file with other fields of its first program, its checksum right again."""
    return with_record(data, "programs", 0, **changes)


def record_of(section: str) -> records.Record:
    """The records that a section holds."""
    return records.SECTION_RECORDS[section]


def with_record(data: bytes, section: str, index: int, /, **changes: object) -> bytes:
    """The file with other fields in one record, its checksum right again."""
    record, sections = record_of(section), open_sections(data)
    begin = index * record.size
    fields = record.unpack(sections[section][begin : begin + record.size])
    changed = record.pack(**fields | changes)
    sections[section] = sections[section][:begin] + changed + sections[section][begin + record.size :]
    return with_checksum(data, sections)
