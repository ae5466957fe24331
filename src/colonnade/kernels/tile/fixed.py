"""What instruction sets with vectors of a fixed length have in common: a row of a strip is some of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class FixedLength:
    """`parts` vectors in straight-line code; scalars are broadcast before use."""

    parts: int
    strip_begin: tuple[str, ...] = ("{",)
    strip_end: tuple[str, ...] = ("}",)
    at: str = ""

    def part(self, v: int) -> Self:
        return self

    @property
    def vector(self) -> str:
        raise NotImplementedError

    @property
    def scalar_type(self) -> str:
        return self.vector

    def broadcast(self, scalar: str) -> str:
        raise NotImplementedError

    def scalar(self, scalar: str) -> str:
        return self.broadcast(scalar)

    def add(self, a: str, b: str) -> str:
        raise NotImplementedError

    def add_scalar(self, scalar: str, c: str) -> str:
        return self.add(scalar, c)

    def maximum(self, lo: str, c: str) -> str:
        """The larger; c where that is NaN."""
        raise NotImplementedError

    def minimum(self, hi: str, c: str) -> str:
        """The smaller; c where that is NaN."""
        raise NotImplementedError

    def clamp(self, accumulators: Sequence[str]) -> Iterator[str]:
        yield f"const {self.vector} lo = {self.broadcast('a->lo')}, hi = {self.broadcast('a->hi')};"
        for c in accumulators:
            yield f"{c} = {self.maximum('lo', c)};"
            yield f"{c} = {self.minimum('hi', c)};"
