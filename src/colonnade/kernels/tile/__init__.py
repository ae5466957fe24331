"""Tile operations: what an instruction set has to say for itself, one file a family. All loops are in `cnm.py`."""

from __future__ import annotations

from importlib import import_module
from typing import Protocol, cast

from colonnade.target.isa import Isa


class TileOps(Protocol):
    """C expressions and statements over one vector of f32 lanes. Arguments are C expressions.

    `maximum(a, b)` and `minimum(a, b)` return b when either is NaN, so that a NaN in the data (always b here)
    reaches the output, as in ONNX Runtime.
    """

    header: str  # includes, and the definition of the vector type
    vector: str  # the vector type's name

    def load(self, address: str) -> str: ...
    def store(self, address: str, value: str) -> str: ...
    def broadcast(self, scalar: str) -> str: ...
    def fma(self, a: str, b: str, c: str) -> str: ...  # a * b + c
    def add(self, a: str, b: str) -> str: ...
    def maximum(self, a: str, b: str) -> str: ...
    def minimum(self, a: str, b: str) -> str: ...
    def prefetch(self, address: str) -> str: ...


def tile_ops(isa: Isa) -> TileOps:
    """The tile operations of `isa`."""
    return cast(TileOps, import_module(f"colonnade.kernels.tile.{isa.tile_ops}").OPS[isa.symbol])
