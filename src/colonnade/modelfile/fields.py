"""What records are made of: fields, each with its type, the range of its values and its meaning.

A record is declared once (`records.py`, `steps.py`). The C structs, the range checks of the runtime (`c_format.py`),
the writer's bytes and the tables of docs/model-file.md (`tables.py`) follow from that. Standard library only, as the
build hook reads it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from colonnade.elements import DEFAULT, Element

C_TYPES = {"i32": ("int32_t", "i"), "i64": ("int64_t", "q"), "f32": ("float", "f"), "u64": ("uint64_t", "Q")}

# Limits that ranges name, beside those of micro-kernels (runtime/emit.py). With these, sums and products of a few sizes
# fit 64 bits.
LIMITS = {
    "MAX_SIDE": 1 << 24,
    "MAX_STEP": 1 << 12,
    "MAX_PAD": 1 << 14,
    "MAX_COUNT": 1 << 38,
    "MAX_REPEATS": 1 << 16,
    "MAX_PROGRAMS": 1 << 10,
}

Bound = int | str  # a number, or the name of a limit of the C library (limits.h, format.h) without its CLN_


@dataclass(frozen=True)
class Interval:
    """Integers from `low` to `high`. says: the reason why another number is refused."""

    low: Bound
    high: Bound
    says: str


@dataclass(frozen=True)
class Place:
    """Where something begins in the section `section`: its end counts as a place too, where a table may be empty.
    Whatever follows from there is checked beside the step."""

    section: str


@dataclass(frozen=True)
class Index:
    """The number of an element of the section `section`."""

    section: str


@dataclass(frozen=True)
class ViewBuffer:
    """The buffer of a view. elements: the types that the step takes. optional: -1 stands for none. written: the step
    writes there, so the buffer must be of the arena or an output."""

    view: str
    elements: tuple[Element, ...]
    optional: bool = False
    written: bool = False


@dataclass(frozen=True)
class ViewAt:
    """Where in its buffer a view begins: 0 if it has none."""

    view: str


@dataclass(frozen=True)
class Text:
    """Characters up to a zero, within the field."""


@dataclass(frozen=True)
class Free:
    """Any value. `why`: because of this, for the documentation."""

    why: str


Range = Interval | Place | Index | ViewBuffer | ViewAt | Text | Free


@dataclass(frozen=True)
class Field:
    """`count` values of a type: i32, i64, u64, f32 or "char"."""

    name: str
    type: str
    count: int = 1
    range: Range = Free("any value")
    note: str = ""

    @property
    def wide(self) -> bool:
        return self.type in ("i64", "u64")

    @property
    def size(self) -> int:
        """Bytes."""
        return self.count * (8 if self.wide else 1 if self.type == "char" else 4)


@dataclass(frozen=True)
class Record:
    """A C struct without padding: 8-byte fields come first. note: what it describes."""

    name: str
    fields: tuple[Field, ...]
    note: str = ""

    @property
    def packing(self) -> struct.Struct:
        codes = (
            f"{f.count}s"
            if f.type == "char"
            else f"{f.count}{C_TYPES[f.type][1]}"
            if f.count > 1
            else C_TYPES[f.type][1]
            for f in self.fields
        )
        return struct.Struct("<" + "".join(codes))

    @property
    def size(self) -> int:
        return self.packing.size

    def pack(self, /, **values: object) -> bytes:
        """Bytes of one record. Every field but a reserved one must be given; extra names are an error."""
        values = {f.name: 0 for f in self.fields if f.name == "reserved"} | values
        if values.keys() != {f.name for f in self.fields}:
            raise TypeError(f"{self.name}: wrong fields {sorted(values.keys() ^ {f.name for f in self.fields})}")
        flat: list[object] = []
        for f in self.fields:
            value = values[f.name]
            if f.count > 1 and f.type != "char":
                flat.extend(value)  # type: ignore[arg-type]
            else:
                flat.append(value)
        return self.packing.pack(*flat)

    def unpack(self, data: bytes) -> dict[str, object]:
        """The fields of one record; the inverse of `pack`."""
        flat = list(self.packing.unpack(data))
        values: dict[str, object] = {}
        for f in self.fields:
            if f.count > 1 and f.type != "char":
                values[f.name], flat = tuple(flat[: f.count]), flat[f.count :]
            else:
                values[f.name] = flat.pop(0)
        return values


def record(name: str, note: str, *parts: Field | tuple[Field, ...]) -> Record:
    """A record of the given fields, the wide ones moved to the front, and a reserved one where they end in the middle
    of 8 bytes."""
    fields = [f for part in parts for f in (part if isinstance(part, tuple) else (part,))]
    fields.sort(key=lambda f: not f.wide)
    if sum(f.size for f in fields) % 8:
        fields.append(Field("reserved", "i32", 1, Interval(0, 0, "a reserved number is not zero"), "0"))
    return Record(name, tuple(fields), note)


# The classes of fields. Every one takes the field's name and its meaning.


def number(name: str, low: Bound, high: Bound, says: str, note: str) -> Field:
    """A whole number within bounds of its own."""
    return Field(name, "i32", 1, Interval(low, high, says), note)


def size(name: str, note: str) -> Field:
    """A side of an image, or a number of channels, rows or images: 1 or more."""
    return number(name, 1, "MAX_SIDE", "size out of range", note)


def border(name: str, note: str) -> Field:
    """Elements before the first output of a plane."""
    return number(name, 0, "MAX_SIDE", "size out of range", note)


def stride(name: str, note: str) -> Field:
    """A stride, a side of a kernel, or another small number: 1 or more."""
    return number(name, 1, "MAX_STEP", "stride or kernel out of range", note)


def pad(name: str, note: str) -> Field:
    """A padding: 0 or more."""
    return number(name, 0, "MAX_PAD", "padding out of range", note)


def flag(name: str, note: str) -> Field:
    """0 or 1."""
    return number(name, 0, 1, "neither 0 nor 1", note)


def kernel_rows(name: str, note: str) -> Field:
    """T of a micro-kernel."""
    return number(name, 1, "MAX_ROWS", "no such micro-kernel", note)


def kernel_vectors(name: str, note: str) -> Field:
    """V of a micro-kernel."""
    return number(name, 1, "MAX_VECTORS", "no such micro-kernel", note)


def choice(name: str, enum: str, note: str) -> Field:
    """One of the numbers of the C enumeration CLN_<enum>_..."""
    return number(name, 0, f"{enum}_COUNT - 1", "no such choice", note)


def arithmetic(name: str) -> Field:
    """What a step's micro-kernels compute with."""
    return choice(name, "ARITHMETIC", "what its micro-kernels compute with: a row of kernels/arithmetic.py")


def count(name: str, note: str, low: Bound = 0) -> Field:
    """A number of bytes, elements or entries, i64."""
    return Field(name, "i64", 1, Interval(low, "MAX_COUNT", "count out of range"), note)


def counts(name: str, n: int, note: str) -> Field:
    """`n` of them."""
    return Field(name, "i64", n, Interval(0, "MAX_COUNT", "count out of range"), note)


def place(name: str, section: str, note: str) -> Field:
    """Where a table begins in INTS, or constants in DATA: these at a cache line."""
    return Field(name, "i64", 1, Place(section), note)


def string(name: str, note: str) -> Field:
    """Where a zero-terminated name begins in STRINGS."""
    return Field(name, "i32", 1, Index("strings"), note)


def real(name: str, note: str) -> Field:
    """A float. Any bit pattern: what is computed with it may be nonsense, but no place depends on it."""
    return Field(name, "f32", 1, Free("any float"), note)


def view(
    name: str, note: str, *, elements: tuple[Element, ...] = (DEFAULT,), optional: bool = False, written: bool = False
) -> tuple[Field, ...]:
    """A view names a buffer and the byte inside it at which the data starts. How far the data reach is checked beside
    the step. elements: the types that the step computes with; a step that knows others than the default says so."""
    return (
        Field(f"{name}_at", "i64", 1, ViewAt(name), f"where `{name}` begins in its buffer"),
        Field(f"{name}_buffer", "i32", 1, ViewBuffer(name, elements, optional, written), note),
    )
