"""Turns programs into the bytes of a model file (docs/model-file.md)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from itertools import chain

from colonnade.elements import ELEMENTS
from colonnade.errors import ColonnadeError
from colonnade.kernels.cnm import LOOKAHEAD
from colonnade.kernels.shapes import SLACK
from colonnade.modelfile import records
from colonnade.modelfile.arena import lifetimes, place
from colonnade.modelfile.program import Program, Storage
from colonnade.target.targets import Target


def write(program: Program, checksum: Callable[[bytes], int]) -> bytes:
    """The model file of one program. `checksum` is the runtime's XXH64."""
    return write_programs([program], checksum)


def write_programs(programs: Sequence[Program], checksum: Callable[[bytes], int]) -> bytes:
    """The model file of several programs for one target, with the same constants."""
    first, strings = programs[0], _Strings()
    assert all(one.constants is first.constants and one.target is first.target for one in programs)
    rows: dict[str, list[bytes]] = {name: [] for name in records.SECTION_RECORDS}
    for program in programs:
        _add_program(rows, program, strings)
    sections = {name: b"".join(packed) for name, packed in rows.items()}
    data, ints = first.constants.pools()
    sections["strings"] = strings.data
    sections["ints"] = ints + bytes(4 * LOOKAHEAD)
    sections["data"] = data + bytes(SLACK)
    return _assemble(first.target, sections, checksum)


def _add_program(rows: dict[str, list[bytes]], program: Program, strings: _Strings) -> None:
    """The records of a program, after those of the programs before."""
    offsets, arena_bytes = place(lifetimes(program))
    storages = _storages(program)
    values = _values(program, storages, strings)
    rows["programs"].append(
        records.PROGRAM.pack(
            arena_bytes=arena_bytes,
            buffers=len(storages),
            values=len(values),
            steps=len(program.steps),
            images=program.images,
            repeats=program.repeats,
            repeat_steps=program.repeat_steps,
        )
    )
    rows["buffers"] += _buffers(storages, offsets)
    rows["values"] += values
    _add_steps(rows, program, storages, strings)


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


def _buffers(storages: dict[Storage, int], offsets: dict[Storage, int]) -> list[bytes]:
    return [
        records.BUFFER.pack(
            offset=offsets[storage.part_of or storage] if storage.kind == "arena" else storage.index,
            bytes=storage.bytes,
            advance=storage.advance,
            kind=records.BUFFER_KINDS.index(storage.kind),
            element=ELEMENTS.index(storage.element),
        )
        for storage in storages
    ]


def _values(program: Program, storages: dict[Storage, int], strings: _Strings) -> list[bytes]:
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
    return rows


def _add_steps(rows: dict[str, list[bytes]], program: Program, storages: dict[Storage, int], strings: _Strings) -> None:
    """The running order, and the records of each kind of step."""
    for step in program.steps:
        fields = dict(step.fields)
        for name, view in step.views.items():
            fields[f"{name}_buffer"] = -1 if view is None else storages[view.storage]
            fields[f"{name}_at"] = 0 if view is None else view.at
        record = records.STEPS[records.OPCODES[step.op]]
        op, index = records.OPCODES[step.op], len(rows[step.op])
        rows["order"].append(records.ORDER.pack(op=op, index=index, name=strings.add(step.name)))
        try:
            rows[step.op].append(record.pack(**fields))
        except struct.error as error:
            raise ColonnadeError(f"'{step.name}': a size or an attribute is too large for a model file") from error


def _assemble(target: Target, sections: dict[str, bytes], checksum: Callable[[bytes], int]) -> bytes:
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
        "section_at": positions,
        "section_count": counts,
        "version": records.VERSION,
        "vector_bytes": target.vector_bytes,
        "target": target.isa.name.encode(),
        "planned_for": target.name.encode(),
    }
    header = records.HEADER.pack(checksum=0, **fields)
    covered = len(records.MAGIC) + 8
    data = b"".join([header, bytes(_aligned(len(header)) - len(header)), *body])
    return records.HEADER.pack(checksum=checksum(data[covered:]), **fields) + data[len(header) :]


def _aligned(size: int) -> int:
    return -(-size // records.ALIGNMENT) * records.ALIGNMENT
