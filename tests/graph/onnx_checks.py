"""Small ONNX models, and the check that the importer, the oracle and the passes agree with ONNX Runtime."""

from __future__ import annotations

import functools
import importlib
import pkgutil
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnx.backend.test.case.node
import onnxruntime
from hypothesis import settings
from onnx import helper, numpy_helper

from colonnade.graph.ir import Graph
from colonnade.graph.onnx_import import import_model
from colonnade.graph.passes import optimize
from colonnade.graph.reference import run_reference

NEWEST_OPSET = onnx.defs.onnx_opset_version()
OPSETS = (11, 13, 17, NEWEST_OPSET)

quick = settings(max_examples=40, deadline=None)


@functools.cache
def node_cases() -> tuple[Any, ...]:
    """The ONNX project's cases for single operators."""
    package = onnx.backend.test.case.node
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # some cases are about infinity
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{package.__name__}.{module.name}")
    return tuple(package._NodeTestCases)


def make_model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, Sequence[int | str | None]],
    outputs: Sequence[str] = ("y",),
    constants: Mapping[str, np.ndarray] | None = None,
    opset: int = 17,
) -> onnx.ModelProto:
    """A model with float32 inputs of the given shapes; the shapes of its outputs are left open."""
    graph = helper.make_graph(
        list(nodes),
        "model",
        [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, list(shape)) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in (constants or {}).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def one_node(
    op_type: str,
    shape: Sequence[int],
    *constants: np.ndarray | None,
    opset: int = 17,
    **attributes: Any,
) -> onnx.ModelProto:
    """A model of one operator on an input `x` and constants, of which None leaves an operand out."""
    names = ["" if array is None else f"c{i}" for i, array in enumerate(constants)]
    given = {name: array for name, array in zip(names, constants, strict=True) if array is not None}
    node = helper.make_node(op_type, ["x", *names], ["y"], name="the_node", **attributes)
    return make_model([node], {"x": shape}, constants=given, opset=opset)


def random_array(shape: Sequence[int], seed: int = 0, dtype: type = np.float32) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(tuple(shape)).astype(dtype)


def random_feeds(graph: Graph, seed: int = 0) -> dict[str, np.ndarray]:
    return {name: random_array(graph.shapes[name], seed + i) for i, name in enumerate(graph.inputs)}


def run_onnxruntime(model: onnx.ModelProto, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(feeds)), strict=True))


def assert_close(actual: np.ndarray, expected: np.ndarray, tolerance: float = 1e-5) -> None:
    """Equal shapes, and values within `tolerance` of the largest magnitude."""
    assert actual.shape == expected.shape
    assert actual.dtype == expected.dtype == np.float32
    scale = np.abs(expected).max(initial=1e-30, where=np.isfinite(expected))
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance * max(float(scale), 1e-3))


def check_same(before: Graph, after: Graph) -> None:
    """Both graphs give equal outputs under equal names."""
    check_promises(after)
    assert (after.inputs, after.outputs) == (before.inputs, before.outputs)
    feeds = random_feeds(before)
    expected, actual = run_reference(before, feeds), run_reference(after, feeds)
    for name in before.outputs:
        assert_close(actual[name], expected[name], tolerance=1e-4)


def check_against_onnxruntime(model: onnx.ModelProto, tolerance: float = 1e-5, **sizes: Any) -> Graph:
    """Import the model, compare the oracle with ONNX Runtime before and after all passes; the optimized graph."""
    graph = import_model(model, **sizes)
    feeds = random_feeds(graph)
    expected = run_onnxruntime(model, feeds)
    optimized = optimize(graph)
    for candidate in (graph, optimized):
        check_promises(candidate)
        actual = run_reference(candidate, feeds)
        for name, array in expected.items():
            assert_close(actual[name], array, tolerance)
    return optimized


def check_promises(graph: Graph) -> None:
    """What the docstring of Graph promises: running order, one producer for each value, a shape for every name."""
    known = {*graph.inputs, *graph.constants}
    for node in graph.nodes:
        assert set(node.inputs) <= known, f"{node} runs before its inputs are ready"
        assert node.output not in known, f"{node} makes a value that exists"
        known.add(node.output)
        assert node.output in graph.shapes
    assert set(graph.outputs) <= known
    assert all(array.dtype == np.float32 and array.flags.c_contiguous for array in graph.constants.values())
    assert len({node.name for node in graph.nodes}) == len(graph.nodes)
