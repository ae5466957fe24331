"""ONNX operators, one small function each. Importing this package fills the table in `graph.onnx_node`."""

from colonnade.graph.onnx_ops import (
    activation,
    arithmetic,
    convolution,
    elementwise,
    matrix,
    normalization,
    pool,
    reduce,
    resize,
    shape,
)

__all__ = [
    "activation",
    "arithmetic",
    "convolution",
    "elementwise",
    "matrix",
    "normalization",
    "pool",
    "reduce",
    "resize",
    "shape",
]
