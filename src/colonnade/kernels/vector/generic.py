"""Any CPU: C with GCC's and Clang's vector extension, 4 lanes, which the compiler lowers to what the CPU has."""

from __future__ import annotations

from dataclasses import dataclass

from colonnade.kernels.shapes import Shape
from colonnade.kernels.vector.fixed import FixedLength
from colonnade.target.isa import Isa

_HEADER = """\
typedef float vec __attribute__((vector_size(16), aligned(4), may_alias));
#define VEC_SET1(s) ((vec){(s), (s), (s), (s)})
static inline vec vec_max(vec lo, vec c) {
  for (int i = 0; i < 4; ++i) c[i] = lo[i] > c[i] ? lo[i] : c[i];
  return c;
}
static inline vec vec_min(vec hi, vec c) {
  for (int i = 0; i < 4; ++i) c[i] = hi[i] < c[i] ? hi[i] : c[i];
  return c;
}"""


@dataclass(frozen=True)
class Generic(FixedLength):
    header: str = _HEADER

    @property
    def vector(self) -> str:
        return "vec"

    @property
    def lanes(self) -> int:
        return 4

    def load(self, address: str) -> str:
        return f"(*(const vec *)({address}))"

    def store(self, address: str, value: str) -> str:
        return f"*(vec *)({address}) = {value}"

    def broadcast(self, scalar: str) -> str:
        return f"VEC_SET1({scalar})"

    def fma(self, scalar: str, x: str, c: str) -> str:
        return f"{scalar} * {x} + {c}"

    def multiply(self, scalar: str, x: str) -> str:
        return f"{scalar} * {x}"

    def add(self, a: str, b: str) -> str:
        return f"{a} + {b}"

    def maximum(self, lo: str, c: str) -> str:
        return f"vec_max({lo}, {c})"

    def minimum(self, hi: str, c: str) -> str:
        return f"vec_min({hi}, {c})"

    def prefetch(self, address: str) -> str:
        return f"__builtin_prefetch({address})"


def vector_ops(isa: Isa, shape: Shape) -> Generic:
    return Generic(parts=shape.vectors)
