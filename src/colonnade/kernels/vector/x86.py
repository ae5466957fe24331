"""x86-64-v3 (AVX2 and FMA, registers of 8 lanes) and x86-64-v4 (AVX-512, of 16): the same intrinsics at two widths.

An odd number of AVX-512's vectors ends in half a register, whose operations take half the time where a CPU does a whole
one in two (Zen 4), and no more elsewhere.

VMAXPS and VMINPS return the second operand when either is NaN (Intel SDM, volume 2).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

from colonnade.kernels.shapes import Shape
from colonnade.kernels.vector.fixed import FixedLength, shuffle
from colonnade.target.isa import Isa


@dataclass(frozen=True)
class X86(FixedLength):
    bits: int = 256
    half: bool = False  # the last register of a row is used by half
    narrow: bool = False  # this is that half: scalars come broadcast over the whole
    register: str = "v"
    masked: bool = False  # loads and stores may leave lanes out
    header: str = "#include <immintrin.h>"

    def part(self, v: int) -> Self:
        if not self.half or v + 1 < self.parts:
            return self
        return replace(self, bits=self.bits // 2, half=False, narrow=True)

    def _cut(self, scalar: str) -> str:
        return f"_mm512_castps512_ps256({scalar})" if self.narrow else scalar

    @property
    def vector(self) -> str:
        return f"__m{self.bits}"

    def load(self, address: str) -> str:
        return f"_mm{self.bits}_loadu_ps({address})"

    def store(self, address: str, value: str) -> str:
        return f"_mm{self.bits}_storeu_ps({address}, {value})"

    @property
    def lanes(self) -> int:
        return self.bits // 32

    def load_within(self, address: str, lanes: str) -> str:
        return f"_mm{self.bits}_maskz_loadu_ps((__mmask{max(8, self.lanes)}){lanes}, {address})"

    def load_few(self, address: str, lanes: str) -> str:
        return f"_mm_maskz_loadu_ps((__mmask8){lanes}, {address})"

    def spread(self, few: str) -> str:
        return f"_mm{self.bits}_broadcastss_ps({few})"

    def store_within(self, address: str, lanes: str, value: str) -> str:
        return f"_mm{self.bits}_mask_storeu_ps({address}, (__mmask{max(8, self.lanes)}){lanes}, {value})"

    def ends(self, count: int, left: str) -> Iterator[str]:
        yield from super().ends(count, left)
        for k in range(count if self.masked else 0):
            yield f"const uint32_t in{k} = cln_within(0, left - {k * self.lanes}, {self.lanes});"

    def merge(self, names: Sequence[str]) -> Iterator[str]:
        if not self.masked:
            yield from super().merge(names)
            return
        whole: list[str] = []
        yield from self._together(names, whole)
        yield from self._finish(
            whole,
            lambda k: self.load_within(f"r + {k * self.lanes}", f"in{k}"),
            lambda k, value: self.store_within(f"y + {k * self.lanes}", f"in{k}", value),
        )

    def broadcast(self, scalar: str) -> str:
        return f"_mm{self.bits}_set1_ps({scalar})"

    def fma(self, scalar: str, x: str, c: str) -> str:
        return f"_mm{self.bits}_fmadd_ps({self._cut(scalar)}, {x}, {c})"

    def multiply(self, scalar: str, x: str) -> str:
        return f"_mm{self.bits}_mul_ps({self._cut(scalar)}, {x})"

    def add(self, a: str, b: str) -> str:
        return f"_mm{self.bits}_add_ps({a}, {b})"

    def add_scalar(self, scalar: str, c: str) -> str:
        return self.add(self._cut(scalar), c)

    def twice(self, half: str) -> str:
        return f"_mm512_broadcast_f32x8({half})"

    def lanes_of(self, half: str, lanes: Sequence[int]) -> str:
        return shuffle(half, half, [lane for lane in lanes for _ in range(self.lanes // len(lanes))])

    def maximum(self, lo: str, c: str) -> str:
        return f"_mm{self.bits}_max_ps({lo}, {c})"

    def minimum(self, hi: str, c: str) -> str:
        return f"_mm{self.bits}_min_ps({hi}, {c})"

    def prefetch(self, address: str) -> str:
        return f"_mm_prefetch((const char *)({address}), _MM_HINT_T0)"


def vector_ops(isa: Isa, shape: Shape) -> X86:
    if shape.vectors < isa.wide:
        return X86(parts=1, bits=8 * isa.vector_bytes, masked=isa.masks_lanes)
    bits, half = 8 * isa.vector_bytes * isa.wide, shape.vectors % isa.wide > 0
    return X86(shape.row_registers(isa), bits=bits, half=half, masked=isa.masks_lanes)
