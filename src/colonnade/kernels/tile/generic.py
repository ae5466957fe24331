"""Any CPU: C with GCC's and Clang's vector extension, 4 lanes, which the compiler lowers to what the CPU has."""

from __future__ import annotations


class Generic:
    header = """\
typedef float vec __attribute__((vector_size(16), aligned(4), may_alias));
#define VEC_SET1(s) ((vec){(s), (s), (s), (s)})
static inline vec vec_max(vec a, vec b) {
  vec y;
  for (int i = 0; i < 4; ++i) y[i] = a[i] > b[i] ? a[i] : b[i];
  return y;
}
static inline vec vec_min(vec a, vec b) {
  vec y;
  for (int i = 0; i < 4; ++i) y[i] = a[i] < b[i] ? a[i] : b[i];
  return y;
}"""
    vector = "vec"

    def load(self, address: str) -> str:
        return f"(*(const vec *)({address}))"

    def store(self, address: str, value: str) -> str:
        return f"*(vec *)({address}) = {value}"

    def broadcast(self, scalar: str) -> str:
        return f"VEC_SET1({scalar})"

    def fma(self, a: str, b: str, c: str) -> str:
        return f"{a} * {b} + {c}"

    def add(self, a: str, b: str) -> str:
        return f"{a} + {b}"

    def maximum(self, a: str, b: str) -> str:
        return f"vec_max({a}, {b})"

    def minimum(self, a: str, b: str) -> str:
        return f"vec_min({a}, {b})"

    def prefetch(self, address: str) -> str:
        return f"__builtin_prefetch({address})"


OPS = {"generic": Generic()}
