"""RISC-V Vector 1.0 at any VLEN: V is LMUL, a row of a strip is one register group whose length vsetvl gives.

A strip longer than VLMAX takes several turns of the loop, so one binary is right at every VLEN; its last turn is cut by
vl, not finished by scalar code. Multiply-adds take the weight from a scalar register (vfmacc.vf).

vfmax and vfmin return the operand that is a number (RVV 1.0, 13.11), and a NaN has to stay. Arithmetic makes only the
canonical NaN (F extension, 11.3), which as an integer is larger than every number, and floats that are not negative
compare like integers: so a lower bound of zero or more, as ReLU's, is an integer maximum, and an upper one beside it an
integer minimum of what lies above the NaN. Other bounds are merged under comparisons, which NaN fails.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from colonnade.kernels.shapes import Shape
from colonnade.target.isa import Isa

NAN = "0x7fc00000u"  # the canonical one


@dataclass(frozen=True)
class Rvv:
    lmul: int
    header: str = "#include <riscv_vector.h>"
    parts: int = 1
    scalar_type: str = "float"
    strip_end: tuple[str, ...] = ("  p += vl;", "}")
    at: str = " + p"
    register: str = "vr"

    def part(self, v: int) -> Rvv:
        return self

    @property
    def strip_begin(self) -> tuple[str, ...]:
        return (
            "for (size_t p = 0; p < a->count;) {",
            f"  const size_t vl = __riscv_vsetvl_e32m{self.lmul}(a->count - p);",
        )

    @property
    def vector(self) -> str:
        return f"vfloat32m{self.lmul}_t"

    def load(self, address: str) -> str:
        return f"__riscv_vle32_v_f32m{self.lmul}({address}, vl)"

    def store(self, address: str, value: str) -> str:
        return f"__riscv_vse32_v_f32m{self.lmul}({address}, {value}, vl)"

    def broadcast(self, scalar: str) -> str:
        return f"__riscv_vfmv_v_f_f32m{self.lmul}({scalar}, vl)"

    def scalar(self, scalar: str) -> str:
        return scalar

    def fma(self, scalar: str, x: str, c: str) -> str:
        return f"__riscv_vfmacc_vf_f32m{self.lmul}({c}, {scalar}, {x}, vl)"

    def add(self, a: str, b: str) -> str:
        return f"__riscv_vfadd_vv_f32m{self.lmul}({a}, {b}, vl)"

    def multiply(self, scalar: str, x: str) -> str:
        return f"__riscv_vfmul_vf_f32m{self.lmul}({x}, {scalar}, vl)"

    def add_scalar(self, scalar: str, c: str) -> str:
        return f"__riscv_vfadd_vf_f32m{self.lmul}({c}, {scalar}, vl)"

    def clamp(self, accumulators: Sequence[str]) -> Iterator[str]:
        yield from self.clamp_above(accumulators)
        yield "else if (a->lo != -__builtin_inff() || a->hi != __builtin_inff()) {"
        yield "  const float lo = a->lo, hi = a->hi;"
        for c in accumulators:
            yield f"  {c} = {self._merge(c, 'lo', 'lt')};"
            yield f"  {c} = {self._merge(c, 'hi', 'gt')};"
        yield "}"

    def clamp_above(self, accumulators: Sequence[str]) -> Iterator[str]:
        yield "if (a->lo >= 0.0f) {"
        yield "  const float lo = a->lo + 0.0f, hi = a->hi;  /* -0 becomes 0 */"
        yield "  int32_t least, most;"
        yield "  __builtin_memcpy(&least, &lo, sizeof least);"
        yield "  __builtin_memcpy(&most, &hi, sizeof most);"
        yield from (f"  {c} = {self._as_float(self._maximum(c))};" for c in accumulators)
        yield "  if (hi != __builtin_inff()) {"
        yield f"    const uint32_t nan = {NAN}, bound = (uint32_t)most - nan;"
        for c in accumulators:
            yield f"    {c} = {self._as_float(self._minimum(c))};"
        yield "  }"
        yield "}"

    def _as_float(self, bits: str) -> str:
        return f"__riscv_vreinterpret_v_i32m{self.lmul}_f32m{self.lmul}({bits})"

    def _maximum(self, c: str) -> str:
        m = self.lmul
        return f"__riscv_vmax_vx_i32m{m}(__riscv_vreinterpret_v_f32m{m}_i32m{m}({c}), least, vl)"

    def _minimum(self, c: str) -> str:
        """Counted from NaN on, without a sign, NaN is the smallest of all."""
        m = self.lmul
        signed = f"__riscv_vreinterpret_v_f32m{m}_i32m{m}({c})"
        counted = f"__riscv_vsub_vx_u32m{m}(__riscv_vreinterpret_v_i32m{m}_u32m{m}({signed}), nan, vl)"
        bounded = f"__riscv_vadd_vx_u32m{m}(__riscv_vminu_vx_u32m{m}({counted}, bound, vl), nan, vl)"
        return f"__riscv_vreinterpret_v_u32m{m}_i32m{m}({bounded})"

    def _merge(self, c: str, bound: str, test: str) -> str:
        m, bits = self.lmul, 32 // self.lmul
        mask = f"__riscv_vmf{test}_vf_f32m{m}_b{bits}({c}, {bound}, vl)"
        return f"__riscv_vfmerge_vfm_f32m{m}({c}, {bound}, {mask}, vl)"

    def split(self, address: str, names: Sequence[str]) -> Iterator[str]:
        m, lmul = len(names), self.lmul
        together = f"v_f32m{lmul}x{m}"
        yield f"const vfloat32m{lmul}x{m}_t {names[0]}_all = __riscv_vlseg{m}e32_{together}({address}, vl);"
        for j, name in enumerate(names):
            yield f"const {self.vector} {name} = __riscv_vget_{together}_f32m{lmul}({names[0]}_all, {j});"

    def ends(self, count: int, left: str) -> Iterator[str]:
        yield f"const int64_t left = {left};"
        for j in range(count):
            yield f"const size_t n{j} = left > {j} ? (size_t)(left + {count - 1 - j}) / {count} : 0;"
            yield f"const size_t vl{j} = n{j} < vl ? n{j} : vl;"

    def merge(self, names: Sequence[str]) -> Iterator[str]:
        yield "if (r) {"
        for j, name in enumerate(names):
            yield f"  {name} = __riscv_vfadd_vv_f32m{self.lmul}({name}, {self._every(j, len(names))}, vl{j});"
        yield "}"
        yield from self.clamp(names)
        yield from (f"{self._to_every(j, len(names), name)};" for j, name in enumerate(names))

    def _every(self, j: int, count: int) -> str:
        """Elements j, j + count, ... of r."""
        if count == 1:
            return f"__riscv_vle32_v_f32m{self.lmul}(r, vl{j})"
        return f"__riscv_vlse32_v_f32m{self.lmul}(r + {j}, {count} * sizeof(float), vl{j})"

    def _to_every(self, j: int, count: int, value: str) -> str:
        """Those of y."""
        if count == 1:
            return f"__riscv_vse32_v_f32m{self.lmul}(y, {value}, vl{j})"
        return f"__riscv_vsse32_v_f32m{self.lmul}(y + {j}, {count} * sizeof(float), {value}, vl{j})"

    def places(self, address: str) -> Iterator[str]:
        m = self.lmul
        yield f"const vuint32m{m}_t places = __riscv_vle32_v_u32m{m}({address}, vl);"

    def add_gathered(self, base: str, first: int, c: str) -> Iterator[str]:
        yield f"{c} = {self.add(c, f'__riscv_vluxei32_v_f32m{self.lmul}({base}, places, vl)')};"

    def scatter(self, base: str, first: int, value: str) -> Iterator[str]:
        yield f"__riscv_vsuxei32_v_f32m{self.lmul}({base}, places, {value}, vl);"

    def follow(self, x: str, scalar: str) -> str:
        return f"__riscv_vfslide1down_vf_f32m{self.lmul}({x}, {scalar}, vl)"

    def prefetch(self, address: str) -> None:
        return None


def vector_ops(isa: Isa, shape: Shape) -> Rvv:
    return Rvv(shape.vectors)
