"""Instructions as an assembler writes them, read back: kind, register group, and the vtype they run under."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from colonnade.runtime.bare import BARE
from colonnade.target.elf import Image
from colonnade.target.riscv_code import SCALAR, UNKNOWN, Operation, VType, operations
from colonnade.target.riscv_model import SPACEMIT_X60, price
from colonnade.target.toolchain import find_compiler

# Under e32, LMUL 2. Masked forms end in v0.t.
UNDER_E32_M2: dict[str, Operation] = {
    "flw fa0, 4(a0)": SCALAR,
    "fsd fa0, 8(a0)": SCALAR,
    "c.addi a0, 1": SCALAR,
    "mul a0, a1, a2": SCALAR,
    "vle32.v v2, (a0)": Operation("load", 2),
    "vle8.v v2, (a0)": Operation("load", 1),
    "vle64.v v4, (a0)": Operation("load", 4),
    "vle32.v v2, (a0), v0.t": Operation("load", 2, masked=True),
    "vl2re32.v v2, (a0)": Operation("load", 2),
    "vl8re8.v v8, (a0)": Operation("load", 8),
    "vlm.v v2, (a0)": Operation("load", 1),
    "vlse32.v v2, (a0), a1": Operation("strided", 2),
    "vlseg2e32.v v2, (a0)": Operation("strided", 4),
    "vlseg4e32.v v8, (a0)": Operation("strided", 8),
    "vluxei32.v v2, (a0), v4": Operation("strided", 2),
    "vse32.v v2, (a0)": Operation("store", 2),
    "vs1r.v v2, (a0)": Operation("store", 1),
    "vsse32.v v2, (a0), a1": Operation("strided", 2),
    "vsoxei64.v v2, (a0), v4": Operation("strided", 2),
    "vfmacc.vf v2, fa0, v4": Operation("arith", 2, mac=True),
    "vfmacc.vv v2, v6, v4, v0.t": Operation("arith", 2, masked=True, mac=True),
    "vfmadd.vf v2, fa0, v4": Operation("arith", 2, mac=True),
    "vfnmsac.vf v2, fa0, v4": Operation("arith", 2, mac=True),
    "vmacc.vv v2, v6, v4": Operation("arith", 2),
    "vfadd.vv v2, v4, v6": Operation("arith", 2),
    "vfmul.vf v2, v4, fa0": Operation("arith", 2, mac=True),
    "vmul.vx v2, v4, a0": Operation("arith", 2),
    "vfmax.vf v2, v4, fa0": Operation("arith", 2),
    "vmax.vx v2, v4, a0": Operation("arith", 2),
    "vadd.vi v2, v4, 3, v0.t": Operation("arith", 2, masked=True),
    "vnsrl.wi v2, v4, 8": Operation("arith", 4),
    "vnsrl.wx v2, v4, a0": Operation("arith", 4),
    "vnclipu.wv v2, v4, v8, v0.t": Operation("arith", 4, masked=True),
    "vfmv.v.f v2, fa0": Operation("move", 2),
    "vmv.v.i v2, 0": Operation("move", 2),
    "vmv.v.v v2, v4": Operation("move", 2),
    "vmv4r.v v4, v8": Operation("move", 4),
    "vfmerge.vfm v2, v4, fa0, v0": Operation("move", 2, masked=True),
    "vmerge.vvm v2, v4, v6, v0": Operation("move", 2, masked=True),
    "vmflt.vf v0, v4, fa0": Operation("compare", 2),
    "vmseq.vi v0, v4, 1": Operation("compare", 2),
    "vslidedown.vi v2, v4, 1": Operation("permute", 2),
    "vslide1up.vx v2, v4, a0": Operation("permute", 2),
    "vfslide1down.vf v2, v4, fa0": Operation("permute", 2),
    "vrgather.vv v2, v4, v6": Operation("permute", 2),
    "vredsum.vs v2, v4, v6": Operation("reduce", 2),
    "vfredusum.vs v2, v4, v6": Operation("reduce", 2),
    "vfredmax.vs v2, v4, v6": Operation("reduce", 2),
    "vfmin.vv v2, v4, v6": Operation("arith", 2),
    "vfmv.f.s fa0, v4": Operation("element", 1),
    "vmv.s.x v4, a0": Operation("element", 1),
    "vcpop.m a0, v4": Operation("element", 1),
    "vsetvli a0, a1, e32, m2, ta, ma": Operation("set"),
    "vsetivli a0, 4, e32, m2, ta, ma": Operation("set"),
}


def _assemble(folder: Path, text: str) -> dict[str, list[Operation]]:
    """The operations of each function of an assembler text, in order."""
    source, linked = folder / "code.s", folder / "code.elf"
    source.write_text(f".option arch, rv64gcv\n.text\n{text}\n")
    compiler = find_compiler("riscv64", static=True)
    with_names = replace(compiler, options=tuple(option for option in compiler.options if option != "-s"))
    script = f"-Wl,-T,{BARE / 'image.ld'}"
    with_names.run(["-nostdlib", "-nostartfiles", script, str(source), "-o", str(linked)])
    image = Image(linked.read_bytes())
    return {f.name: list(operations(image.code(f), f.address).values()) for f in image.functions}


def _function(name: str, *lines: str) -> str:
    body = "\n".join(f"  {line}" for line in lines)
    return f".globl {name}\n.type {name}, @function\n{name}:\n{body}\n.size {name}, . - {name}"


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Operation]]:
    listed = [
        _function(f"one_{i}", "vsetvli t0, a5, e32, m2, ta, ma", line, "ret") for i, line in enumerate(UNDER_E32_M2)
    ]
    ways = [
        _function("fraction", "vsetvli t0, a0, e32, mf2, ta, ma", "vfadd.vv v1, v2, v3", "ret"),
        _function("wide", "vsetvli t0, a0, e8, m8, ta, ma", "vle8.v v8, (a1)", "vse8.v v8, (a2)", "ret"),
        # The loop sets m4 at its head; after it m1 is set on one way and kept from the loop on the other.
        _function(
            "branches",
            "beqz a0, 2f",
            "1: vsetvli t0, a0, e32, m4, ta, ma",
            "vfadd.vv v4, v8, v12",
            "sub a0, a0, t0",
            "bnez a0, 1b",
            "j 3f",
            "2: vsetvli t0, a0, e32, m1, ta, ma",
            "3: vfadd.vv v4, v8, v12",
            "vsetvli t0, a0, e32, m8, ta, ma",
            "vfadd.vv v8, v16, v24",
            "ret",
        ),
        _function(
            "agree",
            "vsetvli t0, a0, e32, m4, ta, ma",
            "beqz a0, 1f",
            "vsetvli t0, a1, e32, m4, ta, ma",
            "1: vfadd.vv v4, v8, v12",
            "ret",
        ),
        _function("after_call", "vsetvli t0, a0, e32, m4, ta, ma", "jalr ra, 0(a1)", "vfadd.vv v4, v8, v12", "ret"),
        _function("by_register", "vsetvl t0, a0, a1", "vfadd.vv v4, v8, v12", "vl4re32.v v4, (a0)", "ret"),
    ]
    return _assemble(tmp_path_factory.mktemp("code"), "\n".join(listed + ways))


@pytest.mark.parametrize("index", range(len(UNDER_E32_M2)), ids=list(UNDER_E32_M2))
def test_instructions(read: dict[str, list[Operation]], index: int) -> None:
    _, found, _ = read[f"one_{index}"]
    assert found == list(UNDER_E32_M2.values())[index]


def test_groups_below_one_register_cost_one(read: dict[str, list[Operation]]) -> None:
    assert read["fraction"][1] == Operation("arith", 1)
    assert price(read["fraction"][1], SPACEMIT_X60) == 1.0


def test_loads_of_bytes_cost_by_registers(read: dict[str, list[Operation]]) -> None:
    assert [price(o, SPACEMIT_X60) for o in read["wide"]] == [1.0, 16.26, 19.56, 0.5]


def test_vtype_follows_the_control_flow(read: dict[str, list[Operation]]) -> None:
    groups = [(o.kind, o.group) for o in read["branches"] if o.kind not in ("scalar", "set")]
    assert groups == [("arith", 4), ("unknown", 0), ("arith", 8)]
    assert read["agree"][3] == Operation("arith", 4)


def test_a_call_leaves_the_vtype_unknown(read: dict[str, list[Operation]]) -> None:
    assert read["after_call"][2] == UNKNOWN


def test_a_vtype_from_a_register_is_unknown(read: dict[str, list[Operation]]) -> None:
    assert read["by_register"][1:3] == [UNKNOWN, Operation("load", 4)]
    with pytest.raises(ValueError, match="vtype"):
        price(UNKNOWN, SPACEMIT_X60)


def test_vtype_is_compared_by_value() -> None:
    assert VType(32, Fraction(2)) == VType(32, Fraction(4, 2))
