"""Tile operations: what an instruction set has to say for itself, one file a family. All loops are in `cnm.py`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Protocol, cast

from colonnade.kernels.shapes import Shape
from colonnade.target.isa import Isa


class VectorOps(Protocol):
    """C expressions and statements over one vector of f32 lanes. Arguments are C expressions.

    `scalar(s)` is a float in the form that multiply-adds and bounds take it: broadcast over a vector, or as it is where
    instructions have a scalar operand. `clamp` is statements that bound every accumulator by a->lo and a->hi and keep
    a NaN, as ONNX Runtime does. `split` is statements that declare as many vectors as there are names, m: lane p of the
    j-th is address[m * p + j]. `merge` stores them so to y: elements before `left`, each plus that of r, unless r is
    NULL, and bounded; `ends`, for the same m, comes before it once.

    `add_gathered` and `scatter` are statements over lanes that lie apart in memory, each at its place, in bytes, from a
    base; `places` comes before them once. first: the lane that the register's first one is; those from a->count on are
    left out.
    """

    header: str  # includes, and the definition of the vector type
    vector: str  # the vector type's name
    register: str  # the constraint of its registers in GCC's asm statements; empty where none is known
    scalar_type: str  # of `scalar`
    parts: int  # registers of one row of a strip
    strip_begin: tuple[str, ...]  # opens the loop (or block) over the strip
    strip_end: tuple[str, ...]
    at: str  # appended to a base address: how far into the strip the loop is

    def part(self, v: int) -> VectorOps: ...  # the operations of register v: the last one may be used by half
    def load(self, address: str) -> str: ...
    def store(self, address: str, value: str) -> str: ...
    def broadcast(self, scalar: str) -> str: ...  # a vector of equal lanes
    def scalar(self, scalar: str) -> str: ...
    def fma(self, scalar: str, x: str, c: str) -> str: ...  # scalar * x + c
    def multiply(self, scalar: str, x: str) -> str: ...
    def add(self, a: str, b: str) -> str: ...
    def add_scalar(self, scalar: str, c: str) -> str: ...
    def clamp(self, accumulators: Sequence[str]) -> Iterable[str]: ...
    def clamp_above(self, accumulators: Sequence[str]) -> Iterable[str]: ...  # only if a->lo is zero or more
    def split(self, address: str, names: Sequence[str]) -> Iterable[str]: ...
    def ends(self, count: int, left: str) -> Iterable[str]: ...
    def merge(self, names: Sequence[str]) -> Iterable[str]: ...  # y, r: C variables
    def follow(self, x: str, scalar: str) -> str: ...  # all lanes of x but the first, then the scalar
    def places(self, address: str) -> Iterable[str]: ...  # address: of uint32_t
    def add_gathered(self, base: str, first: int, c: str) -> Iterable[str]: ...
    def scatter(self, base: str, first: int, value: str) -> Iterable[str]: ...
    def prefetch(self, address: str) -> str | None: ...  # None: no such instruction


class MaskedOps(VectorOps, Protocol):
    """Those of an instruction set whose loads and stores leave lanes out; `lanes` as an argument: bits of those that
    count."""

    lanes: int  # of this register

    def load_within(self, address: str, lanes: str) -> str: ...  # the others are zero, and nothing is read there
    def load_few(self, address: str, lanes: str) -> str: ...  # the same of four floats
    def spread(self, few: str) -> str: ...  # the first of those, in all lanes
    def store_within(self, address: str, lanes: str, value: str) -> str: ...
    def every(
        self, a: str, b: str, stride: int, first: int
    ) -> str: ...  # lanes first, first + stride, ... of a, then b

    # Of a register that holds vectors of half its length:
    def twice(self, half: str) -> str: ...  # the vector, twice
    def lanes_of(self, half: str, lanes: Sequence[int]) -> str: ...  # two of its lanes, each over one half


def vector_ops(isa: Isa, shape: Shape) -> VectorOps:
    """The tile operations of `isa` for micro-kernels of `shape`."""
    module = import_module(f"colonnade.kernels.vector.{isa.vector_ops}")
    return cast(VectorOps, module.vector_ops(isa, shape))
