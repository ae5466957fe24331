"""Element-wise operators on constants of any element type."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from colonnade.errors import ColonnadeError
from colonnade.graph.folding.node import Operation, folds, same_type
from colonnade.graph.tensors import dtype_of

Function = Callable[..., np.ndarray]
STRINGS = np.dtype(object)


def _broadcast(operation: Operation, arrays: list[np.ndarray], dtype: np.dtype) -> None:
    """Reserve the result of arrays that broadcast to one shape."""
    operation.reserve(np.broadcast_shapes(*(array.shape for array in arrays)), dtype)


def _binary(op_type: str, function: Function, result: type | None = None) -> None:
    @folds(op_type)
    def fold(operation: Operation) -> np.ndarray:
        a, b = operation.arrays()
        dtype = a.dtype if result is None else np.dtype(result)
        _broadcast(operation, [a, b], dtype)
        return np.asarray(function(a, b)).astype(dtype, copy=False)


def _unary(op_type: str, function: Function, result: type | None = None) -> None:
    @folds(op_type)
    def fold(operation: Operation) -> np.ndarray:
        x = operation.array()
        dtype = x.dtype if result is None else np.dtype(result)
        operation.reserve(x.shape, dtype)
        return np.asarray(function(x)).astype(dtype, copy=False)


def _variadic(op_type: str, function: Function) -> None:
    @folds(op_type)
    def fold(operation: Operation) -> np.ndarray:
        total, *rest = operation.arrays()
        for array in rest:
            _broadcast(operation, [total, array], total.dtype)
            total = np.asarray(function(total, array))
        return total


def divide(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a / b. Integers are truncated toward zero."""
    if a.dtype.kind not in "iu":
        return np.asarray(a / b)
    _refuse_zero(b)
    quotient = np.asarray(a // b)
    return np.asarray(quotient + ((quotient < 0) & (quotient * b != a)).astype(a.dtype))


def _refuse_zero(b: np.ndarray) -> None:
    if b.dtype.kind in "iu" and not b.all():
        raise ColonnadeError("an integer is divided by zero")


_binary("Add", np.add)
_binary("Sub", np.subtract)
_binary("Mul", np.multiply)
_binary("Div", divide)
_binary("And", np.logical_and, bool)
_binary("Or", np.logical_or, bool)
_binary("Xor", np.logical_xor, bool)
_binary("Equal", np.equal, bool)
_binary("Less", np.less, bool)
_binary("LessOrEqual", np.less_equal, bool)
_binary("Greater", np.greater, bool)
_binary("GreaterOrEqual", np.greater_equal, bool)
_binary("BitwiseAnd", np.bitwise_and)
_binary("BitwiseOr", np.bitwise_or)
_binary("BitwiseXor", np.bitwise_xor)
_variadic("Sum", np.add)
_variadic("Max", np.maximum)
_variadic("Min", np.minimum)
_unary("Not", np.logical_not, bool)
_unary("BitwiseNot", np.invert)
_unary("IsNaN", np.isnan, bool)
_unary("Neg", np.negative)
_unary("Abs", np.abs)
_unary("Sign", np.sign)
_unary("Floor", np.floor)
_unary("Ceil", np.ceil)
_unary("Round", np.rint)
_unary("Sqrt", np.sqrt)
_unary("Exp", np.exp)
_unary("Log", np.log)
_unary("Reciprocal", np.reciprocal)


@folds("Mean")
def mean(operation: Operation) -> np.ndarray:
    arrays = operation.arrays()
    _broadcast(operation, arrays, np.dtype(np.float64))
    total = sum(array.astype(np.float64) for array in arrays)
    return np.asarray(total / len(arrays)).astype(arrays[0].dtype)


@folds("Mod")
def mod(operation: Operation) -> np.ndarray:
    """The sign is the divisor's; with fmod it is the dividend's, as in C."""
    a, b = operation.arrays()
    _refuse_zero(b)
    _broadcast(operation, [a, b], a.dtype)
    return np.asarray(np.fmod(a, b) if operation.integer("fmod", 0) else np.mod(a, b))


@folds("Pow")
def power(operation: Operation) -> np.ndarray:
    """The result has the type of the base."""
    base, exponent = operation.array(0), operation.array(1)
    _broadcast(operation, [base, exponent], base.dtype)
    whole = base.dtype.kind in "iu" and exponent.dtype.kind in "iu" and (exponent >= 0).all()
    if whole or base.dtype == exponent.dtype == np.float32:
        return np.asarray(np.power(base, exponent.astype(base.dtype)))
    return np.asarray(np.power(base.astype(np.float64), exponent.astype(np.float64))).astype(base.dtype)


@folds("BitShift")
def bit_shift(operation: Operation) -> np.ndarray:
    a, b = operation.arrays()
    _broadcast(operation, [a, b], a.dtype)
    left = operation.attributes.get("direction") == "LEFT"
    return np.asarray(np.left_shift(a, b) if left else np.right_shift(a, b))


@folds("IsInf")
def is_infinite(operation: Operation) -> np.ndarray:
    x = operation.array()
    operation.reserve(x.shape, np.dtype(bool))
    below = np.isneginf(x) & bool(operation.integer("detect_negative", 1))
    return np.asarray(below | np.isposinf(x) & bool(operation.integer("detect_positive", 1)))


@folds("Clip")
def clip(operation: Operation) -> np.ndarray:
    """Bounds are attributes before opset 11, then optional scalars. Where they cross, the upper one holds."""
    x = operation.array()
    operation.reserve(x.shape, x.dtype)
    low, high = (_bound(operation, name, index) for name, index in (("min", 1), ("max", 2)))
    result = x if low is None else np.maximum(x, low)
    return np.asarray(result if high is None else np.minimum(result, high))


def _bound(operation: Operation, name: str, index: int) -> np.ndarray | None:
    if operation.opset >= 11:
        if operation.operand(index) is None:
            return None
        operation.scalar(index)
        return operation.array(index).reshape(()).astype(operation.array().dtype)
    value = operation.attributes.get(name)
    return None if value is None else np.asarray(value, operation.array().dtype)


@folds("Where")
def where(operation: Operation) -> np.ndarray:
    condition, x, y = (operation.array(i) for i in range(3))
    same_type(x, y)
    _broadcast(operation, [condition, x, y], x.dtype)
    return np.where(condition.astype(bool), x, y)


@folds("Cast")
def cast(operation: Operation) -> np.ndarray:
    return _converted(operation, dtype_of(operation.integer("to", 0)))


@folds("CastLike")
def cast_like(operation: Operation) -> np.ndarray:
    return _converted(operation, operation.array(1).dtype)


def _converted(operation: Operation, dtype: np.dtype) -> np.ndarray:
    x = operation.array()
    if STRINGS in (dtype, x.dtype):
        raise ColonnadeError("a cast from or to texts is not supported")
    operation.reserve(x.shape, dtype)
    return saturated(x, dtype) if operation.integer("saturate", 1) else x.astype(dtype)


def saturated(x: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """x in another type; numbers beyond the range of a float of eight bits become the nearest that it has."""
    if not dtype.name.startswith("float8") or dtype.name == "float8_e8m0fnu":
        return x.astype(dtype)
    import ml_dtypes

    largest = float(ml_dtypes.finfo(dtype).max)  # type: ignore[no-untyped-call]
    return np.clip(x.astype(np.float32), -largest, largest).astype(dtype)
