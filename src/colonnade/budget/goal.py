"""What a user asks of a pruned network: a latency, a speedup, or a share of zeros."""

from __future__ import annotations

import math
from dataclasses import dataclass

from colonnade.errors import ColonnadeError


@dataclass(frozen=True)
class Goal:
    """Exactly one of: milliseconds of a run, how many times as fast as dense, share of the prunable weights that become
    zeros. ColonnadeError otherwise."""

    latency: float | None = None
    speedup: float | None = None
    sparsity: float | None = None

    def __post_init__(self) -> None:
        given = [value for value in (self.latency, self.speedup, self.sparsity) if value is not None]
        if len(given) != 1:
            raise ColonnadeError(f"give one of latency, speedup and sparsity; there are {len(given)}")
        if not 0 < given[0] < math.inf or (self.sparsity is not None and self.sparsity >= 1):
            raise ColonnadeError(f"{self}: out of range; a number above 0, a sparsity also below 1")

    def __str__(self) -> str:
        if self.latency is not None:
            return f"latency {self.latency:g} ms"
        return f"sparsity {self.sparsity:g}" if self.speedup is None else f"speedup {self.speedup:g}x"

    @property
    def timed(self) -> bool:
        """Whether it is about time."""
        return self.sparsity is None

    def limit(self, dense: float) -> float:
        """The most that a network may cost whose dense form costs `dense`: milliseconds, or shares of its weights."""
        if self.latency is not None:
            return self.latency
        return dense / self.speedup if self.speedup is not None else dense * (1 - (self.sparsity or 0))
