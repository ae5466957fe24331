"""Constants are computed at import by graph/folding/, in every element type, as the ONNX project's cases say."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from onnx_checks import node_cases

from colonnade.graph.folding.fold import fold
from colonnade.graph.folding.node import Budget, Operation, foldable_operators
from colonnade.graph.tensors import read_attribute, read_tensor

# Casts to a type of powers of two, whose smallest one is wrong in ml_dtypes.
LEFT_OUT = {"test_cast_e8m0_FLOAT_to_FLOAT8E8M0", "test_cast_e8m0_FLOAT16_to_FLOAT8E8M0"}
FEWEST_CASES = 772


def _cases() -> list[Any]:
    """The cases of one node, whose operator the table has."""
    known = set(foldable_operators())
    return [
        case
        for case in node_cases()
        if len(case.model.graph.node) == 1
        and case.model.graph.node[0].op_type in known
        and not case.model.graph.node[0].domain
        and case.name not in LEFT_OUT
    ]


CASES = _cases()


def _array(value: Any) -> np.ndarray:
    return read_tensor(value) if isinstance(value, TensorProto) else np.asarray(value)


def _folded(node: onnx.NodeProto, opset: int, feeds: dict[str, Any]) -> list[np.ndarray]:
    """Those outputs of a node that have names."""
    operands = tuple(_array(feeds[name]) if name else None for name in node.input)
    attributes = {attribute.name: read_attribute(attribute) for attribute in node.attribute}
    made = fold(Operation(node.op_type, opset, operands, attributes, len(node.output), Budget(2**24)))
    return [array for array, name in zip(made, node.output, strict=False) if name]


def _assert_same(actual: np.ndarray, expected: np.ndarray) -> None:
    assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape)
    if "float" not in expected.dtype.name:
        np.testing.assert_array_equal(actual, expected)
        return
    tolerance = 1e-3 if expected.dtype.itemsize < 4 else 1e-5
    wide = (array.astype(np.float64) for array in (actual, expected))
    np.testing.assert_allclose(*wide, rtol=tolerance, atol=1e-7)


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.name))
def test_case_of_the_onnx_project(case: Any) -> None:
    [node] = case.model.graph.node
    [opset] = [entry.version for entry in case.model.opset_import if not entry.domain]
    for inputs, outputs in case.data_sets:
        feeds = dict(zip((entry.name for entry in case.model.graph.input), inputs, strict=True))
        for actual, expected in zip(_folded(node, opset, feeds), outputs, strict=True):
            _assert_same(actual, _array(expected))


def test_every_function_has_a_case() -> None:
    counts = Counter(case.model.graph.node[0].op_type for case in CASES)
    assert sorted(counts) == foldable_operators()
    assert counts.total() >= FEWEST_CASES
