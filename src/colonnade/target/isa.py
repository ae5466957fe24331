"""The instruction sets Colonnade has kernels for: one row each, and the targets a model is compiled for.

Standard library only: the build hook reads this table before anything is installed.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Isa:
    """One instruction set. A model compiled for a target holds data laid out for its `lanes`."""

    name: str  # the target's name, as in --target and in a model file
    symbol: str  # C identifier: suffix of the kernel table
    arch: str  # the architecture whose library carries these kernels; "any": every library does
    flags: tuple[str, ...]  # compiler options beyond the architecture's baseline (GCC and Clang agree on them)
    lanes: int  # f32 elements of one vector register; of the VLEN planned for, when any_length
    registers: int  # vector registers a micro-kernel may use
    max_rows: int = 16  # largest T
    vectors: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7, 8)  # V, or LMUL
    any_length: bool = False  # kernels ask the CPU for its vector length; models run whatever it is
    scalar_operands: bool = False  # a multiply-add takes the weight from a scalar register
    cpu_check: str = "cln_cpu_any"  # C function of csrc/cpu.c: does the CPU that runs have it?
    tile_ops: str = ""  # module in kernels/tile with the tile operations
    # For the cost rule (plan/cost.py), in cycles of a typical core: one vector multiply-add, one vector load, one
    # scalar broadcast, and one instruction's place in the front end.
    fma_cycles: float = 1.0
    load_cycles: float = 1.0
    broadcast_cycles: float = 1.0
    issue_cycles: float = 0.25
    l1_bytes: int = 32 << 10
    l2_bytes: int = 512 << 10


_AVX2 = ("-mavx", "-mavx2", "-mfma", "-mf16c", "-mbmi", "-mbmi2")
_AVX512 = ("-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl", "-mprefer-vector-width=512")

# Best last: "native" is the last one the CPU supports.
ISAS: tuple[Isa, ...] = (
    Isa("generic", "generic", "any", (), lanes=4, registers=16, tile_ops="generic"),
    Isa(
        "x86-64-v3",
        "avx2",
        "x86_64",
        _AVX2,
        lanes=8,
        registers=16,
        cpu_check="cln_cpu_x86_64_v3",
        tile_ops="x86",
        fma_cycles=0.5,
        load_cycles=0.5,
        broadcast_cycles=0.5,
        issue_cycles=0.2,
    ),
    Isa(
        "x86-64-v4",
        "avx512",
        "x86_64",
        _AVX2 + _AVX512,
        lanes=16,
        registers=32,
        cpu_check="cln_cpu_x86_64_v4",
        tile_ops="x86",
        broadcast_cycles=0.5,
        issue_cycles=0.2,
        l2_bytes=1 << 20,
    ),
    Isa(
        "riscv64-v",
        "rvv",
        "riscv64",
        ("-mcpu=generic_rv64+m+a+f+d+c+v",),
        lanes=8,
        registers=32,
        max_rows=31,
        vectors=(1, 2, 4, 8),
        any_length=True,
        scalar_operands=True,
        cpu_check="cln_cpu_riscv_v",
        tile_ops="rvv",
        load_cycles=2.2,
        broadcast_cycles=0.5,
        issue_cycles=0.0,
    ),
)

TARGETS: tuple[str, ...] = tuple(isa.name for isa in ISAS)


def isas_of(arch: str) -> tuple[Isa, ...]:
    """Instruction sets whose kernels the library of `arch` (x86_64, aarch64, riscv64) carries, best last."""
    return tuple(isa for isa in ISAS if isa.arch in ("any", arch))


def isa_named(name: str) -> Isa:
    """The row called `name`; KeyError if there is none."""
    return {isa.name: isa for isa in ISAS}[name]
