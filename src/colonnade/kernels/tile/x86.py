"""x86-64-v3 (AVX2 + FMA, 8 lanes) and x86-64-v4 (AVX-512, 16 lanes): the same intrinsics at two widths.

VMAXPS and VMINPS return the second operand when either is NaN (Intel SDM, volume 2).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class X86:
    prefix: str
    vector: str
    header: str = "#include <immintrin.h>"

    def load(self, address: str) -> str:
        return f"{self.prefix}_loadu_ps({address})"

    def store(self, address: str, value: str) -> str:
        return f"{self.prefix}_storeu_ps({address}, {value})"

    def broadcast(self, scalar: str) -> str:
        return f"{self.prefix}_set1_ps({scalar})"

    def fma(self, a: str, b: str, c: str) -> str:
        return f"{self.prefix}_fmadd_ps({a}, {b}, {c})"

    def add(self, a: str, b: str) -> str:
        return f"{self.prefix}_add_ps({a}, {b})"

    def maximum(self, a: str, b: str) -> str:
        return f"{self.prefix}_max_ps({a}, {b})"

    def minimum(self, a: str, b: str) -> str:
        return f"{self.prefix}_min_ps({a}, {b})"

    def prefetch(self, address: str) -> str:
        return f"_mm_prefetch((const char *)({address}), _MM_HINT_T0)"


OPS = {"avx2": X86("_mm256", "__m256"), "avx512": X86("_mm512", "__m512")}
