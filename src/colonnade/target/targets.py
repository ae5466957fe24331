"""The targets a model is planned for: an instruction set, the vector length to lay data out for, caches and costs.

A model planned for one target of an instruction set runs on every CPU that has it; on others of the family it is only
less well fitted.
"""

from __future__ import annotations

from dataclasses import dataclass

from colonnade.target.isa import Isa, isa_named


@dataclass(frozen=True)
class Target:
    """One row of the table. Costs are in cycles of one core, for the cost rule (plan/ways/costs.py): one vector
    multiply-add, one vector load, one scalar brought to the multiply-add, one instruction's place in the front end."""

    name: str  # as in --target
    arch: str  # of the library and runner; "any": whatever runs it
    isa: Isa
    vector_bytes: int  # of one vector
    fma_cycles: float = 1.0
    load_cycles: float = 1.0
    broadcast_cycles: float = 1.0
    issue_cycles: float = 0.25
    l1_bytes: int = 32 << 10
    l2_bytes: int = 512 << 10
    near_cycles: float = 0.04  # per byte that comes from the second-level cache
    near_piece: int = 4  # bytes that come from there together: a cache line, where the rule is to count whole ones
    far_cycles: float = 0.0  # per byte that comes from beyond it
    move_cycles: float = 2.0  # per vector moved by packing or preparing
    line_cycles: float = 0.0  # per line of a prepared copy, beside its vectors
    in_order: bool = False  # costs of one column add up; else its slowest resource counts
    accumulators: int | None = None  # most that are worth using; None: as many as registers hold

    @property
    def vlen(self) -> int | None:
        """Bits of a vector register, where a CPU may choose them."""
        return None if self.isa.vector_bytes else 8 * self.vector_bytes


_GENERIC, _AVX2, _AVX512, _RVV = (isa_named(name) for name in ("generic", "x86-64-v3", "x86-64-v4", "riscv64-v"))


def _rvv(name: str, vlen: int, l2_bytes: int) -> Target:
    """An in-order core: costs per register of a group, from measurements of a SpacemiT X60 (camel-cdr,
    rvv-bench-results); scalar instructions issue two at a time."""
    return Target(
        name,
        "riscv64",
        _RVV,
        vlen // 8,
        load_cycles=2.2,
        broadcast_cycles=0.5,
        issue_cycles=0.0,
        l2_bytes=l2_bytes,
        move_cycles=18.0,
        line_cycles=30.0,  # fitted to simulated copies of 7 to 28 lines with stride 2
        near_cycles=4 / 64,
        near_piece=64,
        far_cycles=25 / 64,
        in_order=True,
    )


TARGETS: tuple[Target, ...] = (
    Target("generic", "any", _GENERIC, vector_bytes=16),
    Target(
        "x86-64-v3",
        "x86_64",
        _AVX2,
        vector_bytes=32,
        fma_cycles=0.5,
        load_cycles=0.5,
        broadcast_cycles=0.5,
        issue_cycles=0.2,
    ),
    Target(
        "x86-64-v4",
        "x86_64",
        _AVX512,
        vector_bytes=32,
        fma_cycles=0.5,
        load_cycles=0.5,
        broadcast_cycles=0.5,
        issue_cycles=0.1,
        l2_bytes=1 << 20,
    ),
    # Without vectors 4 floats are 4 scalar registers of 32.
    Target("riscv64", "riscv64", _GENERIC, vector_bytes=16, fma_cycles=4.0, load_cycles=4.0, accumulators=6),
    _rvv("riscv64-v", vlen=256, l2_bytes=512 << 10),
    _rvv("spacemit-x60", vlen=256, l2_bytes=512 << 10),
    _rvv("sifive-x280", vlen=512, l2_bytes=512 << 10),
)

TARGET_NAMES: tuple[str, ...] = tuple(target.name for target in TARGETS)


def target_named(name: str) -> Target:
    """The row called `name`; KeyError if there is none."""
    return {target.name: target for target in TARGETS}[name]
