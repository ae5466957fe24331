"""Turns a program into the bytes of a model file (docs/model-file.md)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from itertools import chain

from colonnade.elements import ELEMENTS
from colonnade.errors import ColonnadeError
from colonnade.kernels.cnm import LOOKAHEAD
from colonnade.kernels.shapes import SLACK
from colonnade.modelfile import records
from colonnade.modelfile.arena import lifetimes, place
from colonnade.modelfile.program import Program, Storage


def write(program: Program, checksum: Callable[[bytes], int]) -> bytes:
    """The model file. `checksum` is the runtime's XXH64."""
    offsets, arena_bytes = place(lifetimes(program))
    storages = _storages(program)
    strings = _Strings()
    sections = {"buffers": _buffers(storages, offsets), "values": _values(program, storages, strings)}
    sections |= _steps(program, storages, strings)
    data, ints = program.constants.pools()
    sections["strings"] = strings.data
    sections["ints"] = ints + bytes(4 * LOOKAHEAD)
    sections["data"] = data + bytes(SLACK)
    return _assemble(program, arena_bytes, sections, checksum)


class _Strings:
    """Zero-terminated names, each stored once."""

    def __init__(self) -> None:
        self.data = b"\0"
        self._known: dict[str, int] = {"": 0}

    def add(self, text: str) -> int:
        if text not in self._known:
            self._known[text] = len(self.data)
            self.data += text.encode().replace(b"\0", b"?") + b"\0"
        return self._known[text]


def _storages(program: Program) -> dict[Storage, int]:
    """Buffer number of every storage."""
    values = (value.storage for value in chain(program.inputs, program.outputs))
    views = (view.storage for step in program.steps for view in step.views.values() if view is not None)
    return {storage: number for number, storage in enumerate(dict.fromkeys(chain(values, views)))}


def _buffers(storages: dict[Storage, int], offsets: dict[Storage, int]) -> bytes:
    return b"".join(
        records.BUFFER.pack(
            offset=offsets[storage.part_of or storage] if storage.kind == "arena" else storage.index,
            bytes=storage.bytes,
            advance=storage.advance,
            kind=records.BUFFER_KINDS.index(storage.kind),
            element=ELEMENTS.index(storage.element),
        )
        for storage in storages
    )


def _values(program: Program, storages: dict[Storage, int], strings: _Strings) -> bytes:
    rows = []
    for is_output, values in enumerate((program.inputs, program.outputs)):
        for index, value in enumerate(values):
            if len(value.shape) > records.MAX_RANK:
                raise ColonnadeError(
                    f"{('input', 'output')[is_output]} '{value.name}' has {len(value.shape)} axes; "
                    f"a model file holds at most {records.MAX_RANK}"
                )
            rows.append(
                records.VALUE.pack(
                    dims=(*value.shape, *(0,) * (records.MAX_RANK - len(value.shape))),
                    name=strings.add(value.name),
                    rank=len(value.shape),
                    output=is_output,
                    index=index,
                    buffer=storages[value.storage],
                    element=ELEMENTS.index(value.storage.element),
                )
            )
    return b"".join(rows)


def _steps(program: Program, storages: dict[Storage, int], strings: _Strings) -> dict[str, bytes]:
    """The section of running order, and one section per kind of step."""
    rows: dict[str, list[bytes]] = {record.name: [] for record in records.STEPS}
    order = []
    for step in program.steps:
        fields = dict(step.fields)
        for name, view in step.views.items():
            fields[f"{name}_buffer"] = -1 if view is None else storages[view.storage]
            fields[f"{name}_at"] = 0 if view is None else view.at
        record = records.STEPS[records.OPCODES[step.op]]
        op, index = records.OPCODES[step.op], len(rows[step.op])
        order.append(records.ORDER.pack(op=op, index=index, name=strings.add(step.name)))
        try:
            rows[step.op].append(record.pack(**fields))
        except struct.error as error:
            raise ColonnadeError(f"'{step.name}': a size or an attribute is too large for a model file") from error
    return {"order": b"".join(order), **{name: b"".join(packed) for name, packed in rows.items()}}


def _assemble(
    program: Program, arena_bytes: int, sections: dict[str, bytes], checksum: Callable[[bytes], int]
) -> bytes:
    at, positions, counts, body = _aligned(records.HEADER.size), [], [], []
    for name in records.SECTIONS:
        data = sections[name]
        positions.append(at)
        counts.append(len(data) // records.element_bytes(name))
        body += [data, bytes(_aligned(len(data)) - len(data))]
        at += _aligned(len(data))
    fields: dict[str, object] = {
        "magic": records.MAGIC,
        "file_bytes": at,
        "arena_bytes": arena_bytes,
        "section_at": positions,
        "section_count": counts,
        "version": records.VERSION,
        "vector_bytes": program.target.vector_bytes,
        "repeats": program.repeats,
        "repeat_steps": program.repeat_steps,
        "target": program.target.isa.name.encode(),
        "planned_for": program.target.name.encode(),
    }
    header = records.HEADER.pack(checksum=0, **fields)
    covered = len(records.MAGIC) + 8
    data = b"".join([header, bytes(_aligned(len(header)) - len(header)), *body])
    return records.HEADER.pack(checksum=checksum(data[covered:]), **fields) + data[len(header) :]


def _aligned(size: int) -> int:
    return -(-size // records.ALIGNMENT) * records.ALIGNMENT
