"""Draws whole models, and the nodes that compute element by element, reduce or multiply matrices."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable

import numpy as np
import random_moves as moves
import random_windows as images
from random_models import OPSETS, Drawing, RandomModel, UnfitError, product
from random_moves import axis_of
from random_windows import fitting

NODES = (2, 25)
TRIES = 12  # to find nodes, for each that is wanted
SIDES = (*range(1, 18), *range(20, 98, 3))
ELEMENTS = (512, 2048, 8192, 1 << 15, 1 << 17)  # most of one value

# Where each is smooth and tame; outside of it the value is brought there.
UNARY: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("Neg", "Abs", "Erf", "Sin", "Cos", "Atan", "Asinh", "Softsign", "Identity"), (-1e3, 1e3)),
    **dict.fromkeys(("Relu", "Sigmoid", "Tanh", "HardSigmoid", "LeakyRelu", "Elu", "Selu", "Celu"), (-1e3, 1e3)),
    **dict.fromkeys(("Softplus", "Mish", "HardSwish", "Swish", "Gelu"), (-1e3, 1e3)),
    **dict.fromkeys(("Floor", "Ceil", "Round", "Sign", "ThresholdedRelu", "Shrink", "Dropout"), (-1e3, 1e3)),
    **dict.fromkeys(("Exp", "Sinh", "Cosh"), (-4, 4)),
    **dict.fromkeys(("Log", "Sqrt", "Reciprocal"), (0.2, 50)),
    **dict.fromkeys(("Asin", "Acos", "Atanh"), (-0.8, 0.8)),
    "Acosh": (1.2, 20),
    "Tan": (-1.2, 1.2),
}
ALPHAS = {"HardSigmoid", "LeakyRelu", "Elu", "Selu", "Celu", "ThresholdedRelu", "Swish"}
REDUCTIONS = ("Mean", "Mean", "Sum", "Max", "Min", "Prod", "L1", "L2", "LogSum", "LogSumExp", "SumSquare")


def within(d: Drawing, x: str, low: float, high: float) -> str:
    """The value, brought between the two if it is not there."""
    if d.values[x].min() >= low and d.values[x].max() <= high:
        return x
    span = np.float32(min(high - low, 8))
    scaled = d.add("Mul", d.add("Sigmoid", x), np.array(span))
    return d.add("Add", scaled, np.array(np.float32(low if low > -100 else -span / 2)))


def unary(d: Drawing, x: str) -> str:
    op = d.pick([*UNARY])
    fitting(d.knows(op))
    settings: dict[str, object] = {}
    if op in ALPHAS and d.chance(0.5):
        settings["alpha"] = d.pick((0.2, 0.5, 1.0, 1.7))
    if op == "Shrink":
        settings = {"lambd": d.pick((0.5, 0.2)), "bias": d.pick((0.0, 0.5))}
    if op == "Gelu":
        settings["approximate"] = d.pick((None, "tanh"))
    return d.add(op, within(d, x, *UNARY[op]), **settings)


def clip(d: Drawing, x: str) -> str:
    low, high = d.pick((None, 0.0, -0.5, -1.0)), d.pick((None, 6.0, 0.5, 1.0))
    if d.opset < 11:
        return d.add("Clip", x, min=low, max=high)
    bounds = [None if bound is None else np.array(bound, np.float32) for bound in (low, high)]
    return d.add("Clip", x, *bounds)


def partner(d: Drawing, x: str) -> str | np.ndarray:
    """Another value that broadcasts with it, or a constant."""
    if d.chance(0.5):
        others = [n for n in d.reals() if _broadcast(d.shape(n), d.shape(x), d.limit)]
        return d.pick(others)
    return other_constant(d, x)


def other_constant(d: Drawing, x: str) -> np.ndarray:
    """Of a shape that broadcasts with the value's, sometimes beyond it."""
    shape = [n if d.chance(0.6) else 1 for n in d.shape(x)]
    style = d.pick(("any", "any", "scalar", "channel", "short", "long"))
    if style == "scalar":
        shape = []
    elif style == "channel" and len(shape) > 1:
        shape = [d.shape(x)[1], *(1,) * (len(shape) - 2)]
    elif style == "short":
        shape = shape[d.between(0, len(shape)) :]
    elif style == "long" and len(shape) < 5:
        shape = [d.between(1, 2), *shape]
    return d.array(*shape)


def _broadcast(one: tuple[int, ...], other: tuple[int, ...], limit: int) -> bool:
    try:
        return product(np.broadcast_shapes(one, other)) <= limit
    except ValueError:
        return False


def _either_order(d: Drawing, x: str, other: str | np.ndarray) -> list[str | np.ndarray]:
    return [x, other] if d.chance(0.6) else [other, x]


def binary(d: Drawing, x: str) -> str:
    op = d.pick(("Add", "Add", "Add", "Mul", "Mul", "Sub", "Sub", "Div", "Pow", "PRelu", "Mod"))
    match op:
        case "Div":
            other = partner(d, x)
            if isinstance(other, np.ndarray):
                return d.add(op, x, np.copysign(np.abs(other) + np.float32(0.5), other))
            return d.add(op, x, within(d, other, 0.3, 50))
        case "Pow":
            if d.chance(0.5):
                return d.add(op, x, np.float32(d.pick((2, 2, 3, 1))))
            return d.add(op, within(d, x, 0.2, 8), np.float32(d.pick((0.5, -0.5, -1, 1.7, 0, 2))))
        case "PRelu":
            shape = [n if d.chance(0.5) else 1 for n in d.shape(x)]
            return d.add(op, x, d.array(*shape[d.between(0, len(shape)) :]))
        case "Mod":
            return d.add(op, x, np.abs(other_constant(d, x)) + np.float32(0.5), fmod=1)
    return d.add(op, *_either_order(d, x, partner(d, x)))


def several(d: Drawing, x: str) -> str:
    """One to four operands."""
    operands = [x, *(partner(d, x) for _ in range(d.between(0, 3)))]
    d.rng.shuffle(operands)
    return d.add(d.pick(("Max", "Min", "Sum", "Mean")), *operands)


def constants(d: Drawing, x: str) -> str:
    """Both operands are constants; the result meets the value."""
    first = other_constant(d, x)
    made = d.add(d.pick(("Add", "Mul", "Sub")), first, d.array(*first.shape))
    return d.add(d.pick(("Add", "Mul", "Max")), x, made)


def truth(d: Drawing, x: str) -> str:
    """A value of truths, of a shape that broadcasts with that of x."""
    known = [n for n in d.truths() if _broadcast(d.shape(n), d.shape(x), d.limit)]
    if known and d.chance(0.3):
        made = d.pick(known)
    else:
        ops = ["Less", "Greater", *(["LessOrEqual", "GreaterOrEqual"] if d.opset >= 12 else [])]
        fitting(d.opset >= 9)
        op = d.pick((*ops, *ops, "Equal", "IsNaN", *["IsInf"] * (d.opset >= 10)))
        if op == "Equal":
            fitting(d.opset >= 11)
            made = d.add(op, d.add("Floor", x), d.add("Floor", partner(d, x)))
        elif op in ("IsNaN", "IsInf"):
            made = d.add(op, x)
        else:
            made = d.add(op, *_either_order(d, x, partner(d, x)))
    if d.chance(0.2):
        return d.add("Not", made)
    if known and d.chance(0.3):
        return d.add(d.pick(("And", "Or", "Xor")), made, d.pick(known))
    return made


def compare(d: Drawing, x: str) -> str:
    made = truth(d, x)
    if d.chance(0.4):
        return d.add("Cast", made, to=1)
    pair = [x, partner(d, x)]
    d.rng.shuffle(pair)
    return d.add("Where", made, *pair)


def where_constant(d: Drawing, x: str) -> str:
    pattern = other_constant(d, x) > 0
    return d.add("Where", pattern, *_either_order(d, x, partner(d, x)))


def cast(d: Drawing, x: str) -> str:
    if d.chance(0.4):
        wide = d.add("Cast", x, to=11)  # double
        if d.chance(0.5):
            wide = d.add(d.pick(("Add", "Mul")), wide, other_constant(d, wide).astype(np.float64))
        return d.add("Cast", wide, to=1)
    return d.add("Cast", d.add("Cast", x, to=d.pick((6, 7))), to=1)  # towards zero


def reduction(d: Drawing, x: str) -> str:
    shape, kind = d.shape(x), d.pick(REDUCTIONS)
    fitting(len(shape) > 0)
    axes = sorted(d.rng.sample(range(len(shape)), d.between(1, len(shape))))
    if kind == "Prod":
        fitting(product([shape[a] for a in axes]) <= 6)
    if kind in ("LogSum", "LogSumExp"):
        x = within(d, x, 0.2, 4)
    if d.opset >= 11 and d.chance(0.4):
        axes = [axis - len(shape) for axis in axes]
    return d.add(f"Reduce{kind}", x, axes=axes if d.chance(0.9) else None, keepdims=d.pick((None, 0, 1)))


def argument(d: Drawing, x: str) -> str:
    settings = {"select_last_index": d.pick((None, 1))} if d.opset >= 12 else {}
    y = d.add(d.pick(("ArgMax", "ArgMin")), x, axis=axis_of(d, x), keepdims=d.pick((None, 0, 1)), **settings)
    return d.add("Cast", y, to=1)


def softmax(d: Drawing, x: str) -> str:
    return d.add(d.pick(("Softmax", "Softmax", "LogSoftmax")), within(d, x, -30, 30), axis=axis_of(d, x))


def running_sum(d: Drawing, x: str) -> str:
    axis = np.array(axis_of(d, x), d.pick((np.int64, np.int32)))
    return d.add("CumSum", x, axis, exclusive=d.pick((None, 1)), reverse=d.pick((None, 1)))


def matmul(d: Drawing, x: str) -> str:
    """By a constant on either side, or by another value."""
    shape = d.shape(x)
    fitting(len(shape) >= 1 and product(shape) <= 1 << 14)
    size = d.between(1, 20)
    right = [n for n in d.reals() if len(d.shape(n)) > 1 and d.shape(n)[-2] == shape[-1] and product(d.shape(n)) < 5000]
    if right and d.chance(0.3):
        return d.add("MatMul", x, d.pick(right))
    scale = np.float32(1 / np.sqrt(shape[-1]))
    if len(shape) > 1 and d.chance(0.3):
        return d.add("MatMul", images.weights(d, size, shape[-2]), x)
    if len(shape) > 2 and d.chance(0.3):
        return d.add("MatMul", x, d.array(*shape[:-2], shape[-1], size) * scale)
    if d.chance(0.1):
        return d.add("MatMul", x, d.array(shape[-1]) * scale)
    return d.add("MatMul", x, images.weights(d, size, shape[-1]).T.copy())


def gemm(d: Drawing, x: str) -> str:
    if len(d.shape(x)) != 2:
        x = d.add("Flatten", x)
    rows, columns = d.shape(x)
    fitting(rows * columns <= 1 << 13)
    turned, other_turned, size = d.chance(0.2), d.chance(0.7), d.between(1, 20)
    if turned:
        rows, columns = columns, rows
    w = images.weights(d, size, columns)
    c = d.pick((None, [size], [1, size], [rows, 1], [rows, size], [1], []))
    return d.add(
        "Gemm",
        *(x, w if other_turned else w.T.copy(), *([] if c is None and d.opset >= 11 else [d.array(*(c or []))])),
        transA=1 if turned else None,
        transB=1 if other_turned else None,
        alpha=d.pick((None, 0.5)),
        beta=d.pick((None, 2.0)),
    )


def attention(d: Drawing, x: str) -> str:
    """Of the positions of an image, or of the rows of a matrix."""
    shape = d.shape(x)
    fitting(len(shape) >= 3 and product(shape[2:]) <= 200 and shape[1] <= 40)
    y = d.add("Reshape", x, np.array([shape[0], shape[1], -1], np.int64))
    rows = d.add("Transpose", y, perm=[0, 2, 1])
    query = d.add("MatMul", rows, images.weights(d, 8, shape[1]).T.copy())
    key = d.add("MatMul", rows, images.weights(d, 8, shape[1]).T.copy())
    scores = d.add("MatMul", query, d.add("Transpose", key, perm=[0, 2, 1]))
    scores = d.add("Softmax", d.add("Mul", scores, np.float32(8**-0.5)), axis=2)
    return d.add("MatMul", scores, rows)


def layer_norm(d: Drawing, x: str) -> str:
    """As exporters wrote it before there was an operator."""
    shape = d.shape(x)
    fitting(len(shape) >= 2 and shape[-1] > 1 and d.opset < 18)
    centred = d.add("Sub", x, d.add("ReduceMean", x, axes=[-1] if d.opset >= 11 else [len(shape) - 1]))
    power = d.add("ReduceMean", d.add("Pow", centred, np.float32(2)), axes=[len(shape) - 1])
    root = d.add("Sqrt", d.add("Add", power, np.float32(1e-3)))
    y = d.add("Mul", d.add("Div", centred, root), d.array(shape[-1]))
    return d.add("Add", y, d.array(shape[-1]))


DRAWERS: dict[Callable[[Drawing, str], str], int] = {
    images.conv: 6,
    images.conv_block: 9,
    images.residual_block: 6,
    images.squeeze_excite: 2,
    images.beside_one_another: 3,
    images.activation: 5,
    images.conv_transpose: 4,
    images.pool: 6,
    images.global_pool: 1,
    images.batch_normalization: 3,
    images.normalization: 5,
    images.resize: 5,
    **dict.fromkeys((moves.concat, moves.slice_, moves.pad, moves.transpose), 4),
    **dict.fromkeys((moves.split, moves.reshape, moves.split_and_join, moves.blocks), 3),
    **dict.fromkeys((moves.reshape_by_shape, moves.flatten, moves.squeeze, moves.unsqueeze, moves.expand), 2),
    **dict.fromkeys((moves.tile, moves.gather, moves.shuffle, moves.nhwc_part), 2),
    unary: 12,
    clip: 2,
    binary: 10,
    several: 3,
    **dict.fromkeys((constants, compare, where_constant, cast, argument, running_sum, layer_norm, attention), 2),
    reduction: 5,
    softmax: 3,
    matmul: 5,
    gemm: 3,
}


def random_model(seed: int) -> RandomModel:
    """The model of this number. What ONNX Runtime takes node by node it may refuse as a whole, since it infers shapes
    of Resize, Min and Pad that they do not have; then another is drawn."""
    for attempt in itertools.count():
        rng = random.Random(seed + attempt / 1000)
        d = Drawing(rng, rng.choice(OPSETS), rng.choice(ELEMENTS))
        try:
            return _drawn(d, seed)
        except UnfitError:
            continue
    raise AssertionError


def _drawn(d: Drawing, seed: int) -> RandomModel:
    for _ in range(d.pick((1, 1, 1, 2))):
        d.input(_input_shape(d))
    wanted, drawers, weights = d.between(*NODES), [*DRAWERS], [*DRAWERS.values()]
    for _ in range(TRIES * wanted):
        drawer = d.rng.choices(drawers, weights)[0]
        try:
            drawer(d, d.some_value())
        except UnfitError:
            continue
        if len(d.nodes) >= wanted:
            break
    if not d.nodes:
        d.add("Relu", d.inputs[0])
    return d.finish(seed)


def _input_shape(d: Drawing) -> tuple[int, ...]:
    """Mostly an image, of at most so many elements as a value may have."""
    rank = d.pick((4, 4, 4, 4, 4, 4, 3, 5, 2))
    while True:
        side = d.pick(SIDES)
        plane = [side, side] if d.chance(0.4) else [side, d.pick(SIDES)]
        sizes = [d.pick((1, 1, 1, 2, 3, 5)), d.between(1, 40), *plane, d.between(1, 4)][:rank]
        if rank == 5:
            sizes[2:] = [d.between(1, 5), d.between(1, 12), d.between(1, 12)]
        if product(sizes) <= d.limit:
            return tuple(sizes)
        if d.limit < 2048:
            d.limit += 64
