"""Reads RISC-V machine code as far as its cost depends on it: which instructions are vector ones, of what kind, on how
large a register group. Standard library only.

Encodings: RISC-V Unprivileged ISA (RV64GC) and "V" Standard Extension 1.0, chapters 6 (vtype), 7 (loads and stores)
and 10 to 16 (arithmetic). A vector instruction's register group depends on the vtype that the last vset* left, so each
function is walked along its control flow. Where two ways meet with different settings the type is unknown; compilers
set it anew there before they use it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

Kind = Literal[
    "scalar", "set", "load", "store", "strided", "move", "compare", "permute", "reduce", "element", "arith", "unknown"
]
_LOADS, _STORES, _VECTOR = 0x07, 0x27, 0x57
_WIDTHS = {0: 8, 5: 16, 6: 32, 7: 64}  # of vector loads and stores; other widths are scalar floating point
_WHOLE_REGISTERS, _MASK = 0b01000, 0b01011
_ZERO, _LINK = 0, 1


@dataclass(frozen=True)
class VType:
    """Setting of vtype: element bits and registers per group (1/8 to 8)."""

    sew: int
    lmul: Fraction


@dataclass(frozen=True)
class Operation:
    """What is known of one instruction. group: registers its data takes, at least 1; 0 for scalar ones. masked: a
    vector one under v0.t. mac: a multiply-add of floats, or a multiplication, which is one that adds to nothing. Kind
    "unknown": a vector instruction that is not reached with a vtype known."""

    kind: Kind
    group: int = 0
    masked: bool = False
    mac: bool = False


SCALAR = Operation("scalar")
UNKNOWN = Operation("unknown")


def operations(code: bytes, address: int) -> dict[int, Operation]:
    """Every instruction of one function, by its address."""
    words = dict(_instructions(code, address))
    types: dict[int, VType | None] = {}
    waiting: list[tuple[int, VType | None]] = [(address, None)]
    while waiting:
        at, vtype = waiting.pop()
        if at not in words or (at in types and types[at] in (vtype, None)):
            continue
        types[at] = vtype if at not in types else None
        word, length = words[at]
        after = _vtype_after(word, types[at])
        waiting += [(target, after) for target in _successors(word, length, at)]
    return {at: _operation(word, types.get(at)) for at, (word, _) in words.items()}


def _instructions(code: bytes, address: int) -> Iterator[tuple[int, tuple[int, int]]]:
    at = 0
    while at + 2 <= len(code):
        length = 4 if code[at] & 3 == 3 else 2
        yield address + at, (int.from_bytes(code[at : at + length], "little"), length)
        at += length


def _bits(word: int, high: int, low: int) -> int:
    return word >> low & ((1 << (high - low + 1)) - 1)


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value


def _successors(word: int, length: int, at: int) -> list[int]:
    """Where control may go next inside the function. A call comes back."""
    follows = at + length
    if length == 2:
        return _compressed_successors(word, at)
    opcode = word & 0x7F
    if opcode == 0x63:  # branch
        imm = _bits(word, 31, 31) << 12 | _bits(word, 7, 7) << 11 | _bits(word, 30, 25) << 5 | _bits(word, 11, 8) << 1
        return [follows, at + _signed(imm, 13)]
    if opcode == 0x6F:  # jal
        imm = (
            _bits(word, 31, 31) << 20 | _bits(word, 19, 12) << 12 | _bits(word, 20, 20) << 11 | _bits(word, 30, 21) << 1
        )
        return [follows] if _bits(word, 11, 7) != _ZERO else [at + _signed(imm, 21)]
    if opcode == 0x67:  # jalr: return or tail call, unless it links
        return [follows] if _bits(word, 11, 7) != _ZERO else []
    return [follows]


def _compressed_successors(word: int, at: int) -> list[int]:
    follows, quadrant, function = at + 2, word & 3, word >> 13
    if quadrant == 1 and function == 5:  # c.j: imm[11|4|9:8|10|6|7|3:1|5]
        imm = _scattered(
            word, (12, 11), (11, 4), (10, 9), (9, 8), (8, 10), (7, 6), (6, 7), (5, 3), (4, 2), (3, 1), (2, 5)
        )
        return [at + _signed(imm, 12)]
    if quadrant == 1 and function in (6, 7):  # c.beqz, c.bnez: imm[8|4:3], imm[7:6|2:1|5]
        imm = _scattered(word, (12, 8), (11, 4), (10, 3), (6, 7), (5, 6), (4, 2), (3, 1), (2, 5))
        return [follows, at + _signed(imm, 9)]
    if quadrant == 2 and function == 4 and not _bits(word, 6, 2) and _bits(word, 11, 7):  # c.jr, c.jalr
        return [follows] if _bits(word, 12, 12) else []
    return [follows]


def _scattered(word: int, *places: tuple[int, int]) -> int:
    """An immediate whose bits lie apart: (bit of the word, bit of the value)."""
    return sum((word >> source & 1) << target for source, target in places)


def _is_call(word: int) -> bool:
    if word & 3 == 3:
        return word & 0x7F in (0x6F, 0x67) and _bits(word, 11, 7) == _LINK
    return word & 3 == 2 and word >> 12 == 9 and not _bits(word, 6, 2) and bool(_bits(word, 11, 7))


def _vtype_after(word: int, before: VType | None) -> VType | None:
    if _is_call(word):
        return None
    if word & 0x7F != _VECTOR or _bits(word, 14, 12) != 7:
        return before
    if _bits(word, 31, 31) == 0:
        return _vtype(_bits(word, 30, 20))
    return _vtype(_bits(word, 29, 20)) if _bits(word, 30, 30) else None  # vsetivli; vsetvl takes it from a register


def _vtype(value: int) -> VType:
    return VType(8 << _bits(value, 5, 3), Fraction(2) ** _signed(value & 7, 3))


def _operation(word: int, vtype: VType | None) -> Operation:
    opcode, width = word & 0x7F, _bits(word, 14, 12)
    if opcode == _VECTOR:
        return Operation("set") if width == 7 else _arithmetic(word, vtype)
    if opcode in (_LOADS, _STORES) and width in _WIDTHS:
        return _memory(word, _WIDTHS[width], vtype)
    return SCALAR


def _memory(word: int, width: int, vtype: VType | None) -> Operation:
    fields, mode, masked = _bits(word, 31, 29) + 1, _bits(word, 27, 26), not _bits(word, 25, 25)
    plain: Kind = "load" if word & 0x7F == _LOADS else "store"
    if mode == 0 and _bits(word, 24, 20) == _WHOLE_REGISTERS:
        return Operation(plain, fields)
    if mode == 0 and _bits(word, 24, 20) == _MASK:
        return Operation(plain, 1)
    if vtype is None:
        return UNKNOWN
    registers = vtype.lmul if mode in (1, 3) else vtype.lmul * width / vtype.sew  # indexed: the width is the index's
    return Operation("strided" if mode or fields > 1 else plain, _group(registers * fields), masked)


_MACS = (*range(0b101000, 0b110000), 0b100100)  # vfmadd .. vfnmsac; vfmul
_VECTORS, _SCALARS = (0, 3, 4, 1, 5), (2, 6)  # funct3: vv, vi, vx, vv and vf of floats; vv and vx of the "M" class
_FLOATS = (1, 5)
_NARROWING, _INTEGERS = range(0b101100, 0b110000), (0, 3, 4)  # vnsrl .. vnclip: read twice the registers they write


def _arithmetic(word: int, vtype: VType | None) -> Operation:
    function, operands, masked = _bits(word, 31, 26), _bits(word, 14, 12), not _bits(word, 25, 25)
    if function == 0b100111 and operands == 3:
        return Operation("move", _bits(word, 19, 15) + 1)  # vmv<n>r.v
    if function == 0b010000 and operands in (*_FLOATS, *_SCALARS):
        return Operation("element", 1)  # between a scalar register and element 0; vcpop, vfirst
    if vtype is None:
        return UNKNOWN
    registers = 2 * vtype.lmul if function in _NARROWING and operands in _INTEGERS else vtype.lmul
    return Operation(
        _arithmetic_kind(function, operands), _group(registers), masked, operands in _FLOATS and function in _MACS
    )


def _arithmetic_kind(function: int, operands: int) -> Kind:
    if (operands == 2 and function < 8) or (operands == 1 and function in (1, 3, 5, 7)):
        return "reduce"
    if function == 0b010111 and operands in _VECTORS:
        return "move"  # and merge
    if function >> 3 == 0b011 and operands in _VECTORS:
        return "compare"
    if (function in (0b001110, 0b001111) and operands != 1) or (function == 0b001100 and operands in (0, 3, 4)):
        return "permute"  # slides; vrgather
    return "arith"


def _group(registers: Fraction) -> int:
    return max(1, int(registers))
