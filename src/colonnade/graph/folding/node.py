"""What the function that folds an ONNX operator sees: the node with its constant operands, and how much memory is left.

The functions themselves are in the other files of this folder, one per ONNX operator, in a table that `folds` fills at
import.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from colonnade.errors import ColonnadeError
from colonnade.graph.onnx_node import MAX_ELEMENTS
from colonnade.graph.refusals import DamagedModelError
from colonnade.graph.tensors import MAX_DIMENSIONS, shape_text

SPARE_BYTES = 64 * 2**20  # that folding may use whatever the file is
WORK_PER_BYTE = 256  # of the file and its values
SPARE_WORK = 2**33  # a few seconds


@dataclass
class Budget:
    """How much folding may allocate and do. Both follow from what the file itself holds: a file of two kilobytes cannot
    ask for gigabytes.

    `stored`: bytes of the file, or of its constants if those are more. `live`: the largest sum of bytes of values that
    the model needs at once, as far as it has been read. `held`: bytes of the constants that folding has made and that
    are still needed. `work`: bytes that folding has read and written, and multiply-adds.
    """

    stored: int
    live: int = 0
    held: int = 0
    work: int = 0

    def reserve(self, shape: Sequence[int], itemsize: int) -> None:
        """An error if an array of this shape would be more than is left. To be asked before it is allocated. Going on
        after that would ask for as much again."""
        if len(shape) > MAX_DIMENSIONS or min(shape, default=0) < 0:
            raise ColonnadeError(f"shape {shape_text(shape)} is not possible")
        wanted, limit = math.prod(shape) * itemsize, 4 * (self.stored + self.live) + SPARE_BYTES
        if self.held + wanted > limit:
            raise DamagedModelError(
                f"its constant result of shape {shape_text(shape)} is too large; "
                f"constants computed from this file may have {limit // 2**20} MiB in all"
            )
        self.charge(wanted)

    def charge(self, work: int) -> None:
        """Count work. ColonnadeError if it is far more than a file of this size is worth."""
        self.work += work
        if self.work > WORK_PER_BYTE * (self.stored + self.live) + SPARE_WORK:
            raise DamagedModelError("computing the constants of this file would take too long")


@dataclass(frozen=True)
class Operation:
    """One ONNX node whose operands are all constants. `outputs`: how many it lists, with or without names."""

    op_type: str
    opset: int
    operands: tuple[np.ndarray | None, ...]
    attributes: Mapping[str, Any]
    outputs: int
    budget: Budget

    def operand(self, index: int) -> np.ndarray | None:
        """The operand, or None when the node leaves it out."""
        return self.operands[index] if index < len(self.operands) else None

    def array(self, index: int = 0) -> np.ndarray:
        """The operand, which must be given."""
        operand = self.operand(index)
        if operand is None:
            raise ColonnadeError(f"input {index} is missing")
        return operand

    def arrays(self) -> list[np.ndarray]:
        """All operands, of one element type; at least one."""
        found = [self.array(i) for i in range(len(self.operands))]
        if not found:
            raise ColonnadeError("it has no inputs")
        same_type(*found)
        return found

    def scalar(self, index: int) -> Any:
        """The operand as a number of Python; it must have one element."""
        array = self.array(index)
        if array.size != 1:
            raise ColonnadeError(f"input {index} has shape {shape_text(array.shape)}; it must be a scalar")
        return array.reshape(-1)[0].item()

    def integer(self, name: str, default: int) -> int:
        """An attribute that is one integer."""
        return int(self.attributes.get(name, default))

    def integers(self, name: str, index: int, since: int) -> list[int] | None:
        """Integers that are attribute `name` before opset `since`, operand `index` from then on; None if left out."""
        if self.opset < since:
            values = self.attributes.get(name)
            return None if values is None else [int(v) for v in values]
        operand = self.operand(index)
        return None if operand is None else integer_list(operand)

    def reserve(self, shape: Sequence[int], dtype: np.dtype) -> None:
        """ColonnadeError if an array of this shape would be more than is left. To be asked before it is allocated."""
        self.budget.reserve(shape, dtype.itemsize)


def same_type(*arrays: np.ndarray) -> None:
    """ColonnadeError unless all have one element type."""
    types = sorted({str(array.dtype) for array in arrays})
    if len(types) > 1:
        raise ColonnadeError(f"its inputs are {' and '.join(types)}; they must be of one type")


def integer_list(array: np.ndarray) -> list[int]:
    """The elements of an array of integers, as numbers of Python."""
    if array.dtype.kind not in "iu":
        raise ColonnadeError(f"a list of integers is {array.dtype}")
    return [int(v) for v in array.reshape(-1)]


def memory_of(array: np.ndarray) -> int:
    """Bytes that an array takes. One that repeats its elements along an axis takes no more for that."""
    return int(math.prod(d for d, step in zip(array.shape, array.strides, strict=True) if step) * array.itemsize)


def is_spread(array: np.ndarray) -> bool:
    """Whether the array repeats its elements without storing them again."""
    return memory_of(array) < array.nbytes


def spread(array: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """The array repeated to a shape that it broadcasts to, without storing anything again."""
    if len(shape) > MAX_DIMENSIONS or min(shape, default=0) < 0:
        raise ColonnadeError(f"shape {shape_text(shape)} is not possible")
    if math.prod(shape) > MAX_ELEMENTS:
        raise ColonnadeError(f"its constant result of shape {shape_text(shape)} is too large")
    return np.broadcast_to(array.copy(), tuple(shape))


Fold = Callable[[Operation], "np.ndarray | Sequence[np.ndarray]"]
_TABLE: dict[str, Fold] = {}


def folds(*op_types: str) -> Callable[[Fold], Fold]:
    """Register the function that folds nodes of these ONNX operators of the default domain."""

    def register(fold: Fold) -> Fold:
        for op_type in op_types:
            if op_type in _TABLE:
                raise ValueError(f"operator {op_type} is registered twice")
            _TABLE[op_type] = fold
        return fold

    return register


def fold_of(op_type: str) -> Fold | None:
    """The function that folds nodes of an operator, or None when there is none."""
    return _TABLE.get(op_type)


def foldable_operators() -> list[str]:
    """The ONNX operators in the table, sorted by name."""
    return sorted(_TABLE)
