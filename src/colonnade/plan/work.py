"""How much work the steps of a model file are: multiply-adds and bytes, from the file alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from colonnade.kernels.arithmetic import ARITHMETICS
from colonnade.modelfile.reader import StepRecord, intact, read_steps
from colonnade.modelfile.steps import WORK, Fields, Work
from colonnade.plan.ways import WAY_OF_STEP


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
    dims = {key: math.prod(value) for key, value in step.fields.items() if isinstance(value, tuple)}
    if op == "reduce":
        work = Work(dims["kept"] * (dims["reduced"] + 1))
    elif op == "matmul":
        one = WORK[op](f)
        work = Work(dims["dims"] * one.moved, dims["dims"] * one.macs, dims["dims"] * one.dense_macs)
    elif "dims" in dims:
        work = Work((f.get("inputs", 1) + 1) * dims["dims"])
    else:
        work = WAY_OF_STEP[op].work(f, ints) if op in WAY_OF_STEP else WORK[op](f)
    n, arithmetic = step.repeats, ARITHMETICS[f.get("arithmetic", 0)]
    weight_bytes, data_bytes = arithmetic.weights.bytes * work.weights, n * arithmetic.data.bytes * work.moved
    return Layer(step.name, op, n * work.macs, n * work.dense_macs, weight_bytes, data_bytes, f)
