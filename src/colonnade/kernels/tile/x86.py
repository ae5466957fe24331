"""x86-64-v3 (AVX2 + FMA, 8 lanes) and x86-64-v4 (AVX-512, 16 lanes): the same intrinsics at two widths.

VMAXPS and VMINPS return the second operand when either is NaN (Intel SDM, volume 2).
"""

from __future__ import annotations

from dataclasses import dataclass

from colonnade.kernels.shapes import Shape
from colonnade.kernels.tile.fixed import FixedLength
from colonnade.target.isa import Isa


@dataclass(frozen=True)
class X86(FixedLength):
    bits: int = 256
    header: str = "#include <immintrin.h>"

    @property
    def vector(self) -> str:
        return f"__m{self.bits}"

    def load(self, address: str) -> str:
        return f"_mm{self.bits}_loadu_ps({address})"

    def store(self, address: str, value: str) -> str:
        return f"_mm{self.bits}_storeu_ps({address}, {value})"

    def broadcast(self, scalar: str) -> str:
        return f"_mm{self.bits}_set1_ps({scalar})"

    def fma(self, scalar: str, x: str, c: str) -> str:
        return f"_mm{self.bits}_fmadd_ps({scalar}, {x}, {c})"

    def multiply(self, scalar: str, x: str) -> str:
        return f"_mm{self.bits}_mul_ps({scalar}, {x})"

    def add(self, a: str, b: str) -> str:
        return f"_mm{self.bits}_add_ps({a}, {b})"

    def maximum(self, lo: str, c: str) -> str:
        return f"_mm{self.bits}_max_ps({lo}, {c})"

    def minimum(self, hi: str, c: str) -> str:
        return f"_mm{self.bits}_min_ps({hi}, {c})"

    def prefetch(self, address: str) -> str:
        return f"_mm_prefetch((const char *)({address}), _MM_HINT_T0)"


def tile_ops(isa: Isa, shape: Shape) -> X86:
    return X86(parts=shape.vectors, bits=32 * isa.lanes)
