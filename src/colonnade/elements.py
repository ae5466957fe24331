"""The element types that values may have, one row each: in numpy, in ONNX, in C, and in files.

Everything that asks for the type of a value finds it here: the importer, the planner, the model file (which stores a
row's number), `colonnade.h` and `Session`. What is computed with a type is said by `kernels/arithmetic.py`. Standard
library only, as the build hook reads it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Element:
    """One element type."""

    name: str  # in names of kernels, in model files (by number), and in capitals in C
    bytes: int
    c: str  # its type in C
    dtype: str  # numpy's name
    npy: str  # what a .npy file says of it
    onnx: int  # onnx.TensorProto.DataType
    onnxruntime: str  # as onnxruntime spells the type of a tensor


F32 = Element("f32", 4, "float", "float32", "<f4", 1, "tensor(float)")

ELEMENTS: tuple[Element, ...] = (F32,)
DEFAULT = F32  # of a value that nothing else is said of


def element_of_dtype(dtype: object) -> Element:
    """The row of a numpy dtype; KeyError if there is none."""
    return {row.dtype: row for row in ELEMENTS}[str(dtype)]
