"""What a machine can do at most, measured: the roofs of a roofline (Williams, Waterman and Patterson, CACM 2009)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from colonnade.runtime.session import Session

CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
L2_BYTES = 512 << 10  # where the system does not say
LEAST_MEMORY = 64 << 20
BEYOND_CACHE = 1.25  # times the largest cache: nothing of it is left there when its reading starts anew
FMA_ROUNDS = 50_000  # a millisecond: short enough to pass between the neighbours of a busy machine
FMA_TRIES = 4
L2_BYTES_READ = 1 << 26


@dataclass(frozen=True)
class Roofs:
    """By all threads together. gflops: multiply-adds with operands in registers, counted as two; in GB/s, reading: l2,
    each thread from half of its second-level cache; weights, from memory as large as the model's file, which is read
    from its begin to its end again and again as weights are; memory, from more than the largest cache holds."""

    gflops: float
    l2_gbs: float
    weights_gbs: float
    memory_gbs: float

    def best(self, other: Roofs) -> Roofs:
        """The higher of each: on a busy machine noise only lowers them."""
        pairs = zip(self.values(), other.values(), strict=True)
        return Roofs(*(max(pair) for pair in pairs))

    def values(self) -> tuple[float, float, float, float]:
        return self.gflops, self.l2_gbs, self.weights_gbs, self.memory_gbs


class Prober:
    """Measures the roofs again and again, with the threads and the instruction set of a session."""

    def __init__(self, session: Session, threads: int, model_bytes: int, caches: Path = CACHES) -> None:
        sizes = cache_bytes(caches)
        self.l2_bytes = sizes.get(2, L2_BYTES)
        self._session = session
        memory = max(LEAST_MEMORY, int(BEYOND_CACHE * max(sizes.values(), default=0)), model_bytes)
        self._memory = np.ones(memory, np.uint8)
        self._weights = self._memory[:model_bytes]
        self._near = self._memory[: threads * self.l2_bytes // 2]

    def measure(self) -> Roofs:
        """In some tens of milliseconds."""
        read = self._session.read_rate
        near_rounds = max(1, L2_BYTES_READ // self._near.nbytes)
        return Roofs(
            gflops=2 * max(self._session.fma_rate(FMA_ROUNDS) for _ in range(FMA_TRIES)),
            l2_gbs=read(self._near, near_rounds),
            weights_gbs=read(self._weights, 2),
            memory_gbs=read(self._memory),
        )


def cache_bytes(caches: Path = CACHES) -> dict[int, int]:
    """Size of the first CPU's data or unified cache of each level, as far as Linux says."""
    return {level: size for level, size, kind in _read_caches(caches) if kind != "Instruction"}


def _read_caches(caches: Path) -> Iterator[tuple[int, int, str]]:
    units = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
    for folder in sorted(caches.glob("index*")):
        try:
            level, size, kind = ((folder / name).read_text().strip() for name in ("level", "size", "type"))
            yield int(level), int(size[:-1]) * units[size[-1]], kind
        except (OSError, ValueError, KeyError, IndexError):
            continue
