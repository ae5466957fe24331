"""How much work the steps of a model file are: multiply-adds and bytes, from the file alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from colonnade.modelfile.reader import StepRecord, intact, read_steps
from colonnade.modelfile.records import WORK

FLOAT_BYTES = 4
Fields = Mapping[str, int]


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
    macs = dense = weights = 0
    if op == "cnm":
        kept, positions = _kept_weights(ints, f), f["batch"] * f["out_h"] * f["out_w"]
        macs, dense = kept * positions, f["rows"] * f["columns"] * positions
        weights = kept + f["rows"]
    elif op == "winograd":
        n, pairs = f["m"] - (-f["kernel"] // f["stride"]) - 1, f["rows"] * f["channels"]
        products = n * n * pairs * f["stride"] ** 2
        macs = products * f["batch"] * -(-f["out_h"] // f["m"]) * -(-f["out_w"] // f["m"])
        dense = f["kernel"] ** 2 * pairs * f["batch"] * f["out_h"] * f["out_w"]
        weights = products + f["rows"]
    elif op == "vertical":
        n, pairs = f["m"] - (-f["kernel_h"] // f["stride_h"]) - 1, f["rows"] * f["channels"] * f["kernel_w"]
        products = n * pairs * f["stride_h"]
        macs = products * f["batch"] * -(-f["out_h"] // f["m"]) * f["out_w"]
        dense = f["kernel_h"] * pairs * f["batch"] * f["out_h"] * f["out_w"]
        weights = products + f["rows"]
    elif op == "depthwise":
        weights = f["channels"] * (f["kernel"] ** 2 + 1)
        macs = dense = f["channels"] * f["kernel"] ** 2 * f["batch"] * f["out_h"] * f["out_w"]
    elif op in WORK:
        macs = dense = WORK[op].macs(f)
        weights = WORK[op].weights(f)
    dims = step.fields.get("dims")
    if isinstance(dims, tuple):
        moved = 2 * int(np.prod(dims, dtype=np.int64))
    else:
        moved = WORK[op].moved(f) if op in WORK else _CONVOLUTION_DATA[op](f)
    n = step.repeats
    return Layer(step.name, op, n * macs, n * dense, FLOAT_BYTES * weights, n * FLOAT_BYTES * moved, f)


def _kept_weights(ints: np.ndarray, f: Fields) -> int:
    """Rows times columns of every tile."""
    tiles = ints[f["tile_table"] :][: 4 * f["tiles"]].reshape(-1, 4).astype(np.int64)
    columns = ints[f["block_table"] + tiles[:, 3] + f["blocks"]]
    return int(np.sum(tiles[:, 0] * columns))


def _conv_floats(f: Fields) -> int:
    out = f["rows"] * f["batch"] * f["out_h"] * f["out_w"]
    return f["channels"] * f["batch"] * f["in_h"] * f["in_w"] + (2 * out if f["r_buffer"] >= 0 else out)


# Floats that a convolution reads and writes, by the kind of its step.
_CONVOLUTION_DATA: dict[str, Callable[[Fields], int]] = {
    "cnm": _conv_floats,
    "winograd": _conv_floats,
    "vertical": _conv_floats,
    "depthwise": lambda f: f["channels"] * f["batch"] * (f["in_h"] * f["in_w"] + f["out_h"] * f["out_w"]),
}
