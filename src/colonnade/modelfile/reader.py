"""What a model file says about itself: target, inputs and outputs, steps. For those who hand the file to a runtime
elsewhere; the runtime itself (csrc/model.c) checks every byte."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from colonnade.errors import ColonnadeError
from colonnade.modelfile import records


@dataclass(frozen=True)
class Argument:
    """An input or output: its name and ONNX shape."""

    name: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Description:
    """The outside of a model. target: the instruction set it needs; steps: (node name, kind) in running order."""

    target: str
    inputs: tuple[Argument, ...]
    outputs: tuple[Argument, ...]
    steps: tuple[tuple[str, str], ...]


def describe(data: bytes, label: str = "compiled model") -> Description:
    """Read the outside of the model file `data`. ColonnadeError about `label` if it is not a model file of this
    version, or is cut off."""
    if data[: len(records.MAGIC)] != records.MAGIC:
        raise ColonnadeError(f"{label}: not a Colonnade model file")
    try:
        return _describe(data, label)
    except (struct.error, ValueError, IndexError):
        raise ColonnadeError(f"{label}: the file is damaged; compile the model again") from None


def _describe(data: bytes, label: str) -> Description:
    header = records.HEADER.unpack(data[: records.HEADER.size])
    if header["version"] != records.VERSION:
        raise ColonnadeError(f"{label}: made by another version of Colonnade; compile the model again")
    if header["file_bytes"] != len(data):
        raise ColonnadeError(f"{label}: the file is cut off or has grown; copy or compile it again")
    values, order = _rows(data, header, "values", records.VALUE), _rows(data, header, "order", records.ORDER)
    strings = _section(data, header, "strings")
    arguments: tuple[list[Argument], list[Argument]] = ([], [])
    for value in values:
        shape = value["dims"][: value["rank"]]  # type: ignore[index]
        arguments[bool(value["output"])].append(Argument(_string(strings, value["name"]), shape))
    steps = tuple((_string(strings, row["name"]), records.STEPS[_index(row["op"])].name) for row in order)
    target = bytes(header["target"]).split(b"\0")[0].decode()  # type: ignore[call-overload]
    return Description(target, tuple(arguments[0]), tuple(arguments[1]), steps)


def _section(data: bytes, header: dict[str, object], name: str) -> bytes:
    index = records.SECTIONS.index(name)
    at, count = header["section_at"][index], header["section_count"][index]  # type: ignore[index]
    return data[at : at + count * records.element_bytes(name)]


def _rows(data: bytes, header: dict[str, object], name: str, record: records.Record) -> list[dict[str, object]]:
    section = _section(data, header, name)
    return [record.unpack(section[at : at + record.size]) for at in range(0, len(section), record.size)]


def _index(value: object) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError(value)
    return value


def _string(strings: bytes, at: object) -> str:
    begin = _index(at)
    return strings[begin : strings.index(b"\0", begin)].decode(errors="replace")
