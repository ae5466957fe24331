"""Lowering: each operator of a graph becomes steps, by one function. Importing this package fills their table."""

from colonnade.plan.lowering import activation, arithmetic, convolution, matrix, normalization, pool, reduce, shape

__all__ = ["activation", "arithmetic", "convolution", "matrix", "normalization", "pool", "reduce", "shape"]
