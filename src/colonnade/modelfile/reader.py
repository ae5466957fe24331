"""What a model file says about itself: target, and programs with their inputs, outputs and steps. For those who hand
the file to a runtime elsewhere; the runtime itself (csrc/model.c) checks every byte."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from colonnade.elements import ELEMENTS, Element
from colonnade.errors import ColonnadeError
from colonnade.modelfile import records
from colonnade.modelfile.staged import ONLY_IN_PYTHON, is_staged

Row = dict[str, object]  # the fields of one record


@dataclass(frozen=True)
class Argument:
    """An input or output: its name, ONNX shape and element type."""

    name: str
    shape: tuple[int, ...]
    element: Element


@dataclass(frozen=True)
class Outline:
    """The outside of one program. steps: (node name, kind) in running order; images: as in `Program`."""

    inputs: tuple[Argument, ...]
    outputs: tuple[Argument, ...]
    steps: tuple[tuple[str, str], ...]
    images: int
    arena_bytes: int


@dataclass(frozen=True)
class Description:
    """The outside of a model. target: the instruction set it needs; planned_for: the target it was compiled for, whose
    name this version may not know; constant_bytes: of the weights and tables that all programs share."""

    target: str
    planned_for: str
    programs: tuple[Outline, ...]
    constant_bytes: int

    @property
    def inputs(self) -> tuple[Argument, ...]:
        """Of the first program."""
        return self.programs[0].inputs

    @property
    def outputs(self) -> tuple[Argument, ...]:
        return self.programs[0].outputs

    @property
    def steps(self) -> tuple[tuple[str, str], ...]:
        return self.programs[0].steps


@dataclass(frozen=True)
class Source:
    """Data that a step reads: element (i, j, ...) of `dims` is i * strides[0] + j * strides[1] + ... elements after
    byte `at` of `buffer`."""

    buffer: int
    at: int
    dims: tuple[int, ...]
    strides: tuple[int, ...]
    element: Element

    @property
    def bytes(self) -> int:
        """From the first element to the last."""
        last = sum((size - 1) * stride for size, stride in zip(self.dims, self.strides, strict=True))
        return (last + 1) * self.element.bytes


def source_of_copy(data: bytes, step: int) -> Source:
    """What a step of the first program reads that copies, or computes element by element. ValueError for others."""
    header = records.HEADER.unpack(data[: records.HEADER.size])
    row = _rows(data, header, "order", records.ORDER)[step]
    record = records.STEPS[_index(row["op"])]
    fields: dict[str, Any] = _rows(data, header, record.name, record)[_index(row["index"])]
    if record.name not in ("copy", "map"):
        raise ValueError(record.name)
    x = "x" if record.name == "copy" else "a"
    buffer = _rows(data, header, "buffers", records.BUFFER)[_index(fields[f"{x}_buffer"])]
    element = ELEMENTS[_index(buffer["element"])]
    return Source(fields[f"{x}_buffer"], fields[f"{x}_at"], fields["dims"], fields[f"{x}_strides"], element)


@dataclass(frozen=True)
class StepRecord:
    """One step: the node it came from, its kind, the fields of its record (modelfile/records.py), and how often it
    runs."""

    name: str
    op: str
    fields: dict[str, object]
    repeats: int


def describe(data: bytes, label: str = "compiled model") -> Description:
    """Read the outside of the model file `data`. ColonnadeError about `label` if it is not a model file of this
    version, or is cut off."""
    with intact(label):
        return _describe(data, _header(data, label))


def read_steps(data: bytes, label: str = "compiled model") -> tuple[list[StepRecord], bytes]:
    """The steps of the first program of the model file `data` in running order, and the section of i32 tables that they
    point into. Errors as in `describe`."""
    with intact(label):
        header = _header(data, label)
        strings = _section(data, header, "strings")
        kinds = {record.name: _rows(data, header, record.name, record) for record in records.STEPS}
        program = _rows(data, header, "programs", records.PROGRAM)[0]
        repeats, repeated = _index(program["repeats"]), _index(program["repeat_steps"])
        steps = []
        for i, row in enumerate(_rows(data, header, "order", records.ORDER)[: _index(program["steps"])]):
            op = records.STEPS[_index(row["op"])].name
            fields = kinds[op][_index(row["index"])]
            steps.append(StepRecord(_string(strings, row["name"]), op, fields, repeats if i < repeated else 1))
        return steps, _section(data, header, "ints")


@contextmanager
def intact(label: str) -> Iterator[None]:
    """What fails for numbers that make no sense becomes a ColonnadeError about `label`."""
    try:
        yield
    except (struct.error, ValueError, IndexError, ArithmeticError):
        raise ColonnadeError(f"{label}: the file is damaged; compile the model again") from None


def _header(data: bytes, label: str) -> dict[str, object]:
    if is_staged(data):
        raise ColonnadeError(f"{label}: {ONLY_IN_PYTHON}")
    if data[: len(records.MAGIC)] != records.MAGIC:
        raise ColonnadeError(f"{label}: not a Colonnade model file")
    header = records.HEADER.unpack(data[: records.HEADER.size])
    if header["version"] != records.VERSION:
        raise ColonnadeError(f"{label}: made by another version of Colonnade; compile the model again")
    if header["file_bytes"] != len(data):
        raise ColonnadeError(f"{label}: the file is cut off or has grown; copy or compile it again")
    return header


def _describe(data: bytes, header: dict[str, object]) -> Description:
    values, order = _rows(data, header, "values", records.VALUE), _rows(data, header, "order", records.ORDER)
    strings = _section(data, header, "strings")
    programs = []
    for program in _rows(data, header, "programs", records.PROGRAM):
        of_values, of_order = _index(program["values"]), _index(program["steps"])
        programs.append(_outline(program, values[:of_values], order[:of_order], strings))
        values, order = values[of_values:], order[of_order:]
    if not programs:
        raise ValueError("no program")
    constants = sum(len(_section(data, header, name)) for name in ("ints", "data"))
    return Description(_name(header["target"]), _name(header["planned_for"]), tuple(programs), constants)


def _outline(program: Row, values: list[Row], order: list[Row], strings: bytes) -> Outline:
    arguments: tuple[list[Argument], list[Argument]] = ([], [])
    for value in values:
        shape = value["dims"][: value["rank"]]  # type: ignore[index]
        arguments[bool(value["output"])].append(
            Argument(_string(strings, value["name"]), shape, ELEMENTS[_index(value["element"])])
        )
    steps = tuple((_string(strings, row["name"]), records.STEPS[_index(row["op"])].name) for row in order)
    images, arena_bytes = _index(program["images"]), _index(program["arena_bytes"])
    return Outline(tuple(arguments[0]), tuple(arguments[1]), steps, images, arena_bytes)


def _name(field: object) -> str:
    assert isinstance(field, bytes)
    return field.split(b"\0")[0].decode()


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
