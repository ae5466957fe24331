"""A lowered network: steps over storages. What the planner builds and the writer turns into a model file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from colonnade.errors import ColonnadeError
from colonnade.target.targets import Target


@dataclass(eq=False)
class Storage:
    """Floats that live somewhere: in the arena (while some step needs them), in the caller's input or output `index`,
    or among the constants at `index`. advance: how many floats later it begins with each repeat of the program's
    repeated steps. part_of: the storage in the arena that it is the beginning of."""

    floats: int
    kind: Literal["arena", "input", "output", "constant"] = "arena"
    index: int = 0
    advance: int = 0
    part_of: Storage | None = None


@dataclass(frozen=True)
class View:
    """Data that starts `at` floats into a storage."""

    storage: Storage
    at: int = 0

    def shifted(self, floats: int) -> View:
        """The view that begins so many floats later."""
        return View(self.storage, self.at + floats)


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


class Constants:
    """Two pools, of f32 and of i32, that records point into. Equal tables are stored once."""

    def __init__(self) -> None:
        self._floats: list[np.ndarray] = []
        self._ints: list[np.ndarray] = []
        self._float_count = 0
        self._int_count = 0
        self._known_ints: dict[bytes, int] = {}

    def add_floats(self, values: np.ndarray) -> int:
        """Index of the first of `values`, which start at a cache line."""
        flat = np.ascontiguousarray(values, np.float32).reshape(-1)
        padding = -flat.size % 16
        at = self._float_count
        self._floats += [flat, np.zeros(padding, np.float32)]
        self._float_count += flat.size + padding
        return at

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

    def pools(self) -> tuple[np.ndarray, np.ndarray]:
        """All f32 and all i32 values."""
        return (
            np.concatenate([np.zeros(0, np.float32), *self._floats]),
            np.concatenate([np.zeros(0, np.int32), *self._ints]),
        )


@dataclass
class Program:
    """Steps in running order, with the values and constants they use. The first `repeat_steps` run `repeats` times,
    once for each image of a batch, before the others run."""

    target: Target
    inputs: list[Value] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    constants: Constants = field(default_factory=Constants)
    repeats: int = 1
    repeat_steps: int = 0
