"""Places storages in one arena so that those alive at the same time do not overlap, each with slack after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from colonnade.kernels.shapes import SLACK
from colonnade.modelfile.program import Program, Storage
from colonnade.modelfile.records import ALIGNMENT


@dataclass(frozen=True)
class Lifetime:
    """First and last step that touch a storage."""

    first: int
    last: int

    def overlaps(self, other: Lifetime) -> bool:
        return self.first <= other.last and other.first <= self.last


def lifetimes(program: Program) -> dict[Storage, Lifetime]:
    """Of every arena storage some step touches, but for parts. What repeated steps fill part by part is alive from the
    first step on; what a chained step or the next one touches, as long as both run."""
    alive: dict[Storage, Lifetime] = {}
    for index, step in enumerate(program.steps):
        begin = index - (index > 0 and program.steps[index - 1].chained)
        for view in step.views.values():
            if view is not None and view.storage.kind == "arena":
                storage = view.storage.part_of or view.storage
                known = alive.get(storage)
                first = 0 if view.storage.part_of else known.first if known else begin
                last = max(index + step.chained, known.last if known else 0)
                alive[storage] = Lifetime(first, last)
    return alive


def place(alive: Mapping[Storage, Lifetime]) -> tuple[dict[Storage, int], int]:
    """Offset of each storage, and the arena's size, in bytes. SLACK bytes after each storage are its own: steps may
    read them, though they mean nothing. Largest first, each at the lowest offset that is free for all its life (greedy
    by size: Pisarchyk and Lee, "Efficient memory management for deep neural net inference", arXiv 2001.03288)."""
    offsets: dict[Storage, int] = {}
    order = sorted(alive.items(), key=lambda item: (-item[0].bytes, item[1].first))
    for storage, life in order:
        taken = sorted((at, at + _room(other)) for other, at in offsets.items() if alive[other].overlaps(life))
        free = 0
        for begin, end in taken:
            if begin - free >= _room(storage):
                break
            free = max(free, end)
        offsets[storage] = free
    size = max((at + _room(storage) for storage, at in offsets.items()), default=0)
    return offsets, size


def _room(storage: Storage) -> int:
    """Bytes that a storage takes, with its slack."""
    return -(-(storage.bytes + SLACK) // ALIGNMENT) * ALIGNMENT
