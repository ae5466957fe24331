"""How much work the steps of a model file are: multiply-adds and bytes, from the file alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from colonnade.modelfile.reader import StepRecord, intact, read_steps
from colonnade.plan.ways import WAY_OF_STEP, Fields, Work
from colonnade.plan.ways.way import FLOAT_BYTES


@dataclass(frozen=True)
class Layer:
    """One step. macs: multiply-adds it does, with Winograd's algorithm those between its transforms; dense_macs:
    those of the convolution as it is defined, with no column dropped; weight_bytes, data_bytes: constants, and inputs
    and outputs, each counted once, for all images of a batch. fields: of its record, whole numbers only."""

    name: str
    op: str
    macs: int
    dense_macs: int
    weight_bytes: int
    data_bytes: int
    fields: Fields

    @property
    def sparse(self) -> bool:
        """A convolution that leaves columns out."""
        return self.op == "cnm" and self.macs < self.dense_macs


def layers(data: bytes, label: str = "compiled model") -> tuple[Layer, ...]:
    """The steps of the model file `data` in running order. ColonnadeError about `label` if it is not a model file."""
    with intact(label):
        steps, tables = read_steps(data, label)
        ints = np.frombuffer(tables, np.dtype("<i4"))
        return tuple(_layer(step, ints) for step in steps)


def _layer(step: StepRecord, ints: np.ndarray) -> Layer:
    op, f = step.op, {key: value for key, value in step.fields.items() if isinstance(value, int)}
    work = WAY_OF_STEP[op].work(op, f, ints) if op in WAY_OF_STEP else _WORK.get(op, _no_work)(f)
    dims = step.fields.get("dims")
    moved = 2 * int(np.prod(dims, dtype=np.int64)) if isinstance(dims, tuple) else _DATA[op](f)
    n = step.repeats
    macs, dense_macs, weight_bytes = n * work.macs, n * work.dense_macs, FLOAT_BYTES * work.weights
    return Layer(step.name, op, macs, dense_macs, weight_bytes, n * FLOAT_BYTES * moved, f)


def _no_work(f: Fields) -> Work:
    return Work(0, 0, 0)


def _fully_connected(f: Fields) -> Work:
    macs = f["batch"] * f["outputs"] * f["columns"]
    return Work(macs, macs, f["outputs"] * (f["columns"] + 1))


# Of steps other than convolutions.
_WORK: dict[str, Callable[[Fields], Work]] = {
    "dense": _fully_connected,
    "affine": lambda f: Work(0, 0, 2 * f["channels"]),
}


def _conv_floats(f: Fields) -> int:
    out = f["rows"] * f["batch"] * f["out_h"] * f["out_w"]
    return f["channels"] * f["batch"] * f["in_h"] * f["in_w"] + (2 * out if f["r_buffer"] >= 0 else out)


# Floats that a step reads and writes, by kind.
_DATA: dict[str, Callable[[Fields], int]] = {
    "cnm": _conv_floats,
    "winograd": _conv_floats,
    "vertical": _conv_floats,
    "depthwise": lambda f: f["channels"] * f["batch"] * (f["in_h"] * f["in_w"] + f["out_h"] * f["out_w"]),
    "dense": lambda f: f["batch"] * (f["columns"] + f["outputs"]),
    "pool": lambda f: f["planes"] * (f["in_h"] * f["in_w"] + f["out_h"] * f["out_w"]),
    "global_pool": lambda f: f["planes"] * (f["height"] * f["width"] + 1),
    "affine": lambda f: 2 * f["channels"] * f["inner"],
    "unary": lambda f: 2 * f["count"],
    "binary": lambda f: f["outer"] * (2 * f["inner"] + (1 if f["broadcast"] else f["inner"])),
    "fill": lambda f: f["count"],
    "softmax": lambda f: 2 * f["outer"] * f["count"] * f["inner"],
    "lrn": lambda f: 2 * f["channels"] * f["inner"],
}
