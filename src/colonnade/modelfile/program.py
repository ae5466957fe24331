"""A lowered network: steps over storages. What the planner builds and the writer turns into a model file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from colonnade.elements import Element
from colonnade.errors import ColonnadeError
from colonnade.modelfile.records import ALIGNMENT
from colonnade.target.targets import Target


@dataclass(eq=False)
class Storage:
    """Elements that live somewhere: in the arena (while some step needs them), in the caller's input or output `index`,
    or among the constants at byte `index`. advance: how many bytes later it begins with each repeat of the program's
    repeated steps. part_of: the storage in the arena that it is the beginning of."""

    element: Element
    bytes: int
    kind: Literal["arena", "input", "output", "constant"] = "arena"
    index: int = 0
    advance: int = 0
    part_of: Storage | None = None

    @property
    def elements(self) -> int:
        return self.bytes // self.element.bytes


@dataclass(frozen=True)
class View:
    """Data that starts `at` bytes into a storage."""

    storage: Storage
    at: int = 0

    @property
    def element(self) -> Element:
        return self.storage.element

    def shifted(self, elements: int) -> View:
        """The view that begins so many elements later."""
        return View(self.storage, self.at + elements * self.element.bytes)


def room_for(elements: int, element: Element) -> Storage:
    """A storage in the arena."""
    return Storage(element, elements * element.bytes)


@dataclass(frozen=True)
class Step:
    """One record: its kind (modelfile/records.py), the node it came from, the views it reads and writes by field
    name (None: absent), and its other fields."""

    op: str
    name: str
    views: dict[str, View | None]
    fields: dict[str, object]

    @property
    def chained(self) -> bool:
        """Whether the next step is computed with this one."""
        return bool(self.fields.get("chained"))


@dataclass(frozen=True)
class Value:
    """An input or output of the network: name, ONNX shape, and the storage the caller binds."""

    name: str
    shape: tuple[int, ...]
    storage: Storage


def bound_value(
    name: str, shape: tuple[int, ...], element: Element, kind: Literal["input", "output"], index: int
) -> Value:
    """Input or output number `index` of a network."""
    return Value(name, shape, Storage(element, elements_of(shape) * element.bytes, kind, index))


def elements_of(shape: tuple[int, ...]) -> int:
    """Elements of a shape."""
    return int(np.prod(shape, dtype=np.int64))


class Constants:
    """Two pools that records point into: data of any element type, and tables of i32. Equal ones are stored once, for
    all programs of a file."""

    def __init__(self) -> None:
        self._data: list[bytes] = []
        self._ints: list[np.ndarray] = []
        self._data_bytes = 0
        self._int_count = 0
        self._known_data: dict[bytes, int] = {}  # by digest
        self._known_ints: dict[bytes, int] = {}

    @property
    def total_bytes(self) -> int:
        """Of both pools so far."""
        return self._data_bytes + 4 * self._int_count

    def add(self, values: np.ndarray, element: Element) -> int:
        """The byte at which `values` begin, as elements of that type: at a cache line."""
        data = values.astype(element.dtype, casting="same_kind", copy=False).tobytes()
        key = hashlib.blake2b(data).digest()
        if key not in self._known_data:
            self._known_data[key] = self._data_bytes
            self._data += [data, b"\0" * (-len(data) % ALIGNMENT)]
            self._data_bytes += len(data) + len(self._data[-1])
        return self._known_data[key]

    def add_ints(self, values: np.ndarray) -> int:
        """Index of the first of `values`. ColonnadeError when one does not fit 32 bits."""
        flat = np.asarray(values).reshape(-1)
        if flat.size and (flat.min() < -(2**31) or flat.max() >= 2**31):
            raise ColonnadeError("a layer's data is larger than 2 GiB; use a smaller batch or image")
        table = np.ascontiguousarray(flat, np.int32)
        key = table.tobytes()
        if key not in self._known_ints:
            self._known_ints[key] = self._int_count
            self._ints.append(table)
            self._int_count += table.size
        return self._known_ints[key]

    def add_bytes(self, values: np.ndarray) -> int:
        """Index of the first i32 of `values`, u8, which are filled up with zeros."""
        flat = np.ascontiguousarray(values, np.uint8).reshape(-1)
        return self.add_ints(np.pad(flat, (0, -flat.size % 4)).view("<i4"))

    def pools(self) -> tuple[bytes, bytes]:
        """All data, and all tables."""
        return b"".join(self._data), np.concatenate([np.zeros(0, np.int32), *self._ints]).tobytes()


@dataclass
class Program:
    """Steps in running order for one shape of the inputs, with the values and constants they use. The first
    `repeat_steps` run `repeats` times, once for each image of a batch, before the others run. images: how many images
    the first axis of every input and output counts, if none depends on another; else 0."""

    target: Target
    inputs: list[Value] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    constants: Constants = field(default_factory=Constants)
    repeats: int = 1
    repeat_steps: int = 0
    images: int = 0
