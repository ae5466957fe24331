"""What instruction sets with vectors of a fixed length have in common: a row of a strip is V of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FixedLength:
    """V vectors in straight-line code; scalars are broadcast before use."""

    parts: int
    strip_begin: tuple[str, ...] = ("{",)
    strip_end: tuple[str, ...] = ("}",)
    at: str = ""

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
