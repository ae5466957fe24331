"""The instruction sets Colonnade has micro-kernels for: one row each.

Standard library only: the build hook reads this table before anything is installed.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Isa:
    """One instruction set: how its kernels are generated, compiled and chosen at run time."""

    name: str  # as in a model file
    symbol: str  # C identifier: suffix of the kernel table
    arch: str  # the architecture whose library carries these kernels; "any": every library does
    flags: tuple[str, ...]  # compiler options beyond the architecture's baseline
    vector_bytes: int  # of one vector; 0: of any length, the kernels ask the CPU
    registers: int  # vector registers a micro-kernel may use
    wide: int = 1  # vectors that share a register, the last of a row if need be in half of one
    max_rows: int = 16  # largest T
    vectors: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7, 8)  # V, or LMUL
    columns: int = 2  # of X in one round of a micro-kernel's loop
    channel_positions: int = 2  # most positions of a kernel by channels
    scalar_operands: bool = False  # a multiply-add takes the weight from a scalar register
    fuses_tails: bool = False  # micro-kernels have registers left for the last positions of a strip
    masks_lanes: bool = False  # loads and stores leave lanes out at no cost
    cpu_check: str = "cln_cpu_any"  # C function of csrc/cpu.c: does the CPU that runs have it?
    vector_ops: str = ""  # module in kernels/vector with the vector operations


_AVX2 = ("-mavx", "-mavx2", "-mfma", "-mf16c", "-mbmi", "-mbmi2")
_AVX512 = ("-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl", "-mprefer-vector-width=512")

# Best last: "native" is the last one the CPU supports.
ISAS: tuple[Isa, ...] = (
    Isa("generic", "generic", "any", (), vector_bytes=16, registers=16, vector_ops="generic"),
    Isa(
        name="x86-64-v3",
        symbol="avx2",
        arch="x86_64",
        flags=_AVX2,
        vector_bytes=32,
        registers=16,
        channel_positions=6,
        cpu_check="cln_cpu_x86_64_v3",
        vector_ops="x86",
    ),
    Isa(
        name="x86-64-v4",
        symbol="avx512",
        arch="x86_64",
        flags=_AVX2 + _AVX512,
        # A row of 49 or 196 positions ends in half a register, which costs half as much.
        vector_bytes=32,
        registers=32,
        wide=2,
        vectors=(1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16),
        channel_positions=14,
        fuses_tails=True,
        masks_lanes=True,
        cpu_check="cln_cpu_x86_64_v4",
        vector_ops="x86",
    ),
    Isa(
        name="riscv64-v",
        symbol="rvv",
        arch="riscv64",
        # Clang's scheduler would load columns ahead into registers that the accumulators need. Without jump tables
        # every branch says where it goes, so the vector type of each instruction is known (target/riscv_code.py).
        flags=("-mcpu=generic_rv64+m+a+f+d+c+v", "-mllvm", "-enable-misched=false", "-fno-jump-tables"),
        vector_bytes=0,
        registers=32,
        max_rows=31,
        vectors=(1, 2, 4, 8),
        columns=4,
        channel_positions=14,  # half of 28, a quarter of 56; two more registers for weights, two for where outputs go
        scalar_operands=True,
        cpu_check="cln_cpu_riscv_v",
        vector_ops="rvv",
    ),
)


def isas_of(arch: str) -> tuple[Isa, ...]:
    """Instruction sets whose kernels the library of `arch` (x86_64, aarch64, riscv64) carries, best last."""
    return tuple(isa for isa in ISAS if isa.arch in ("any", arch))


def isa_named(name: str) -> Isa:
    """The row called `name`; KeyError if there is none."""
    return {isa.name: isa for isa in ISAS}[name]
