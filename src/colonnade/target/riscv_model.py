"""Modelled cycles of RISC-V code: executed instructions priced one by one, and cache misses. Standard library only.

cycles = sum over executed instructions of their cost + a * (first-level data misses) + b * (second-level read misses)

Costs, their sources and the limits of the model: docs/riscv-model.md. Nothing overlaps in this model: it is no clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from colonnade.target.elf import Function, Image
from colonnade.target.riscv_code import Kind, Operation, operations

Group = tuple[float, float, float, float]  # at 1, 2, 4 and 8 registers


@dataclass(frozen=True)
class CoreModel:
    """Cycles of one core by kind of instruction and registers per group, in its stream of them; they do not depend on
    vl. Caches as spike writes them: sets, ways, bytes of a line."""

    name: str
    hertz: float
    costs: Mapping[Kind, Group]
    scalar: float
    masked: Group  # arithmetic under v0.t
    l1: tuple[int, int, int]
    l2: tuple[int, int, int]
    lanes: int  # f32 multiply-adds per cycle at the peak


_PLAIN: Group = (1, 2, 4, 8)
_TWICE: Group = (2, 4, 8, 16)

SPACEMIT_X60 = CoreModel(
    name="SpacemiT X60",
    hertz=1.6e9,
    costs={
        "set": (1, 1, 1, 1),
        "load": (2.66, 4.21, 8.56, 16.26),
        "store": (3.05, 4.53, 8.90, 19.56),
        "strided": (8, 16, 32, 64),
        "move": _TWICE,
        "compare": (2, 4, 8, 18),
        "permute": _TWICE,
        "reduce": _TWICE,
        "element": (1, 1, 1, 1),
        "arith": _PLAIN,
    },
    scalar=0.5,
    masked=_TWICE,
    l1=(64, 8, 64),
    l2=(512, 16, 64),
    lanes=8,
)


_CORES = {"spacemit-x60": SPACEMIT_X60, "riscv64-v": SPACEMIT_X60}


def core_of(target: str) -> CoreModel | None:
    """The modelled core of a target; riscv64-v, which stands for any core, is modelled as the best known one."""
    return _CORES.get(target)


@dataclass(frozen=True)
class Reading:
    """How much of a miss the core waits for: cycles per first-level miss and per second-level read miss."""

    name: str
    l1_miss: float
    l2_miss: float


INSTR = Reading("instr", 0, 0)  # all data in the first-level cache
STREAM = Reading("stream", 4, 25)  # fitted to published memcpy and memset curves: the one to quote
BLOCK = Reading("block", 20, 120)  # nothing overlaps: an upper bound
READINGS = (INSTR, STREAM, BLOCK)


@dataclass(frozen=True)
class Misses:
    """Cache statistics of a stretch of a run."""

    l1: int  # reads and writes
    l2_reads: int

    def __sub__(self, other: Misses) -> Misses:
        return Misses(self.l1 - other.l1, self.l2_reads - other.l2_reads)


@dataclass(frozen=True)
class FunctionCost:
    """Part of a cost that one function's own instructions make: without misses and without those it calls."""

    instructions: int = 0
    cycles: float = 0.0
    mac_cycles: float = 0.0  # of multiply-adds alone: what they would take at the peak

    def __add__(self, other: FunctionCost) -> FunctionCost:
        return FunctionCost(
            self.instructions + other.instructions, self.cycles + other.cycles, self.mac_cycles + other.mac_cycles
        )


@dataclass(frozen=True)
class ModelledCost:
    """What a stretch of a run costs on a core. All cycles are modelled."""

    core: CoreModel
    by_function: Mapping[str, FunctionCost]
    misses: Misses
    by_operation: Mapping[Operation, int] = field(default_factory=dict, repr=False)  # executed, of each

    @cached_property
    def instructions(self) -> int:
        """Executed instructions, exactly."""
        return sum(cost.instructions for cost in self.by_function.values())

    def cycles(self, reading: Reading = STREAM) -> float:
        """Modelled cycles."""
        own = sum(cost.cycles for cost in self.by_function.values())
        return own + reading.l1_miss * self.misses.l1 + reading.l2_miss * self.misses.l2_reads

    def milliseconds(self, reading: Reading = STREAM) -> float:
        """Modelled milliseconds at the core's usual clock."""
        return self.cycles(reading) / self.core.hertz * 1e3


class CodePrices:
    """Prices of every instruction of an image on one core. A function is read when one of its instructions was
    executed, and kept."""

    def __init__(self, image: Image, core: CoreModel) -> None:
        self._image, self._core = image, core
        self._read: dict[int, dict[int, Operation]] = {}

    def cost(self, histogram: Mapping[int, int], misses: Misses, leave_out: str) -> ModelledCost:
        """Price a histogram of program counters. Functions whose names start with `leave_out` do not count, nor does
        code outside any function."""
        functions: dict[str, FunctionCost] = {}
        executed: Counter[Operation] = Counter()
        for address, count in histogram.items():
            function = self._image.function_at(address)
            if not count or function is None or function.name.startswith(leave_out):
                continue
            operation = self._operations(function)[address]
            cycles = count * price(operation, self._core)
            part = FunctionCost(count, cycles, cycles if operation.mac else 0.0)
            functions[function.name] = functions.get(function.name, FunctionCost()) + part
            executed[operation] += count
        return ModelledCost(self._core, functions, misses, executed)

    def _operations(self, function: Function) -> dict[int, Operation]:
        if function.address not in self._read:
            self._read[function.address] = operations(self._image.code(function), function.address)
        return self._read[function.address]


def price(operation: Operation, core: CoreModel) -> float:
    """Cycles of one instruction. ValueError for a vector instruction whose vtype is not known."""
    if operation.kind == "scalar":
        return core.scalar
    if operation.kind == "unknown":
        raise ValueError("a vector instruction was executed whose vtype is not known from its function")
    costs = core.masked if operation.kind == "arith" and operation.masked else core.costs[operation.kind]
    group = max(operation.group, 1)
    return costs[group.bit_length() - 1] if group & (group - 1) == 0 else costs[0] * group
