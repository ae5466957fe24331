"""RISC-V CPUs of every vector length and without vectors, under qemu, all running one and the same `colonnade-run`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from colonnade.remote.process import ProcessHost, qemu_command
from colonnade.remote.program import ProgramRunner
from colonnade.runtime.native import products
from colonnade.target.targets import Target, target_named

VLENS = (128, 256, 512, 1024)
VECTOR, SCALAR = target_named("riscv64-v"), target_named("riscv64")
TOLERANCE = 1e-4  # of the largest magnitude


def laid_out_for(vlen: int) -> Target:
    """The target of models whose data is laid out for this vector length."""
    return replace(VECTOR, vector_bytes=vlen // 8)


def cpus() -> Iterator[ProgramRunner]:
    """A CPU of every vector length."""
    for vlen in VLENS:
        yield _cpu(f"VLEN {vlen}", laid_out_for(vlen))


def cpu_without_vectors() -> ProgramRunner:
    return _cpu("no vectors", SCALAR)


def _cpu(name: str, target: Target) -> ProgramRunner:
    return ProgramRunner(name, "none", ProcessHost(products("riscv64").runner, qemu_command(target), "qemu"))
