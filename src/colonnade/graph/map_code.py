"""The code of the map step: a formula (graph/formula.py) as a list of operations on registers.

Registers are numbered: first the step's inputs, then its constants, then those that operations write. An instruction is
five numbers: the operation, the register that it writes, and those of its operands; operands that an operation does
not have are that of its first. The last instruction writes the step's output. Standard library only, as the build hook
reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from colonnade.graph import formula as spoken

MAX_INPUTS = 4
MAX_REGISTERS = 32  # of a step, inputs and constants included
MAX_INSTRUCTIONS = 256
INSTRUCTION = 5  # numbers


@dataclass(frozen=True)
class Operation:
    """One operation: its formula of operands a, b and c."""

    name: str
    operands: int
    formula: str


def _call(function: str, arguments: int) -> Operation:
    return Operation(function, arguments, f"{function}({', '.join('abc'[:arguments])})")


OPERATIONS: tuple[Operation, ...] = (
    Operation("copy", 1, "a"),
    Operation("negative", 1, "-a"),
    *(Operation(sign, 2, f"a {sign} b") for sign in (*spoken.OPERATIONS, *spoken.COMPARISONS)),
    Operation("choose", 3, "b if a != 0 else c"),
    *(_call(function, arguments) for function, arguments in spoken.FUNCTIONS.items()),
)

_NUMBER = {operation.name: number for number, operation in enumerate(OPERATIONS)}


@dataclass(frozen=True)
class MapCode:
    """instructions: INSTRUCTION numbers each; constants: those of the registers after the inputs; registers: how many
    there are in all."""

    instructions: tuple[tuple[int, ...], ...]
    constants: tuple[float, ...]
    registers: int

    @property
    def fits(self) -> bool:
        """Whether one step can run it."""
        return self.registers <= MAX_REGISTERS and len(self.instructions) <= MAX_INSTRUCTIONS


def assemble(formula: str, inputs: int) -> MapCode:
    """The code of a formula of x0, x1 ... x<inputs - 1>."""
    assembler = _Assembler(inputs)
    result = spoken.speak(formula, {f"x{i}": i for i in range(inputs)}, assembler)
    return assembler.finish(result)


class _Assembler:
    """A formula's values as numbers: inputs, then whatever is made, each once. Registers are given at the end."""

    def __init__(self, inputs: int) -> None:
        self._inputs = inputs
        self._constants: dict[float, int] = {}
        self._made: dict[tuple[int, ...], int] = {}  # (operation, operands) by the value that it makes
        self._count = inputs

    def _value(self) -> int:
        self._count += 1
        return self._count - 1

    def _operation(self, name: str, *operands: int) -> int:
        key = (_NUMBER[name], *operands)
        if key not in self._made:
            self._made[key] = self._value()
        return self._made[key]

    def number(self, value: float) -> int:
        if value not in self._constants:
            self._constants[value] = self._value()
        return self._constants[value]

    def negative(self, a: int) -> int:
        for value, number in self._constants.items():
            if number == a:
                return self.number(-value)
        return self._operation("negative", a)

    def operation(self, sign: str, a: int, b: int) -> int:
        return self._operation(sign, a, b)

    def comparison(self, sign: str, a: int, b: int) -> int:
        return self._operation(sign, a, b)

    def choice(self, sign: str, a: int, b: int, then: int, otherwise: int) -> int:
        return self._operation("choose", self._operation(sign, a, b), then, otherwise)

    def call(self, function: str, arguments: Sequence[int]) -> int:
        return self._operation(function, *arguments)

    def finish(self, result: int) -> MapCode:
        """Values that nothing reads are left out; a register is used again when its value has been read for the last
        time, but not by the operation that reads it then, so that no operation writes what it reads."""
        if result not in self._made.values():
            result = self._operation("copy", result)
        needed = {result}
        for (_, *operands), value in reversed(self._made.items()):
            if value in needed:
                needed.update(operands)
        code = [(key, value) for key, value in self._made.items() if value in needed]
        constants = [(value, number) for value, number in self._constants.items() if number in needed]
        place = {i: i for i in range(self._inputs)}
        place |= {number: self._inputs + i for i, (_, number) in enumerate(constants)}
        last_read = {operand: at for at, ((_, *operands), _) in enumerate(code) for operand in operands}
        free: list[int] = []
        registers = self._inputs + len(constants)
        instructions: list[tuple[int, ...]] = []
        for at, ((operation, *operands), value) in enumerate(code):
            if not free:
                free.append(registers)
                registers += 1
            place[value] = free.pop()
            read = [place[operand] for operand in operands]
            instructions.append((operation, place[value], *read, *[read[0]] * (3 - len(read))))
            own = self._inputs + len(constants)
            free += [place[o] for o in dict.fromkeys(operands) if last_read[o] == at and place[o] >= own]
        return MapCode(tuple(instructions), tuple(value for value, _ in constants), registers)
