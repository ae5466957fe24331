"""The ONNX project's own cases for single operators: those in float32 that use only supported operators.

The cases feed weights, bounds and shapes as inputs of the model; here all inputs but the first become constants, as
exporters write them. Inputs of element-wise operators stay inputs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnx_checks import assert_close, check_promises, node_cases

from colonnade.bench.conformance import NOT_AS_ONNX_RUNTIME
from colonnade.errors import ColonnadeError
from colonnade.graph.ir import Graph
from colonnade.graph.onnx_import import import_model
from colonnade.graph.onnx_node import supported_operators
from colonnade.graph.passes import optimize
from colonnade.graph.reference import run_reference

# What is refused, as the message says it, and how many cases each refusal covers.
REFUSALS: dict[str, int] = {
    "is INT64; only float32": 45,  # outputs, indices of max pool among them
    "is BOOL; only float32": 21,  # masks of dropout among them
    "has no fixed size": 15,  # of an axis without elements
    "evaluation mode": 5,  # batch normalisation and dropout in training mode
    "tf_crop_and_resize": 4,
    "must have rank 3 or 4": 1,  # a transposed convolution of volumes
    "it must be float32": 4,  # exponents of other types
    "cannot become": 1,  # a shape with no elements
    "nothing is left": 1,
}


def _cases() -> list[Any]:
    return [case for case in node_cases() if _is_in_scope(case)]


def _is_in_scope(case: Any) -> bool:
    first = case.data_sets[0][0][0] if case.data_sets[0][0] else None
    operators = {node.op_type for node in case.model.graph.node}
    supported = set(supported_operators()) - {"Cast"}  # its cases are about other types
    known = operators <= supported and case.name not in NOT_AS_ONNX_RUNTIME
    return known and isinstance(first, np.ndarray) and first.dtype == np.float32


def _freeze(model: onnx.ModelProto, arrays: Sequence[Any]) -> tuple[onnx.ModelProto, dict[str, np.ndarray]]:
    """The model with its further inputs stored in it, and the feeds that are left."""
    frozen = onnx.ModelProto()
    frozen.CopyFrom(model)
    feeds = dict(zip((entry.name for entry in model.graph.input), arrays, strict=True))
    if {node.op_type for node in model.graph.node} <= {
        "Add",
        "Sub",
        "Mul",
        "Div",
        "Sum",
        "Concat",
        "Max",
        "Min",
        "Mean",
        "MatMul",
    }:
        return frozen, feeds
    for entry in list(frozen.graph.input)[1:]:
        frozen.graph.initializer.append(numpy_helper.from_array(np.asarray(feeds.pop(entry.name)), entry.name))
        frozen.graph.input.remove(entry)
    return frozen, feeds


def _import(case: Any, arrays: Sequence[Any]) -> tuple[Graph, dict[str, np.ndarray]] | str:
    """The graph and its feeds, or why it is refused."""
    model, feeds = _freeze(case.model, arrays)
    try:
        return import_model(model), feeds
    except ColonnadeError as error:
        return next((reason for reason in REFUSALS if reason in str(error)), f"unexpected: {error}")


CASES = _cases()


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.name))
def test_case(case: Any) -> None:
    for arrays, expected in case.data_sets:
        imported = _import(case, arrays)
        if isinstance(imported, str):
            assert imported in REFUSALS
            continue
        graph, feeds = imported
        for candidate in (graph, optimize(graph)):
            check_promises(candidate)
            outputs = run_reference(candidate, feeds)
            for entry, array in zip(case.model.graph.output, expected, strict=True):
                assert_close(outputs[entry.name], np.asarray(array), tolerance=case.rtol)


def test_refusals_are_as_listed() -> None:
    """The cases above must not pass because everything is refused."""
    imported = [_import(case, case.data_sets[0][0]) for case in CASES]
    refusals = Counter(reason for reason in imported if isinstance(reason, str))
    assert dict(refusals) == REFUSALS
    assert len(CASES) - refusals.total() >= 480
