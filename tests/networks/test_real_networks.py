"""Networks that people trained, against ONNX Runtime and the numpy oracle."""

from __future__ import annotations

import warnings

import numpy as np
import onnx
import onnxruntime
import pytest
from packages import NETWORKS, Network

import colonnade
from colonnade.api import Model
from colonnade.errors import ColonnadeWarning
from colonnade.graph.onnx_import import import_model
from colonnade.graph.reference import run_reference


def _image(shape: tuple[int, ...], scale: float) -> np.ndarray:
    """Patches of light and dark with some noise, in images of either order of axes; else noise."""
    noise = np.random.default_rng(0).random(shape)
    if len(shape) != 4:
        return noise.astype(np.float32)
    planes = np.indices(shape)[1:].sum(axis=0) // 24 % 2
    return (scale * (0.8 * planes + 0.2 * noise)).astype(np.float32)


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: str(network.name))
def test_a_real_network(network: Network) -> None:
    """Within 1e-4 of the largest magnitude of each output, of what ONNX Runtime says or of the oracle, which sums in
    double precision: ONNX Runtime's own sigmoid is right to 1e-4 only where it is not near 0."""
    proto = onnx.load(network.path)
    graph = import_model(proto, shapes=network.shapes)
    feeds = {name: _image(graph.shapes[name], network.scale) for name in graph.inputs}
    compiled = colonnade.compile(Model(proto, network.name), plan="default", shapes=network.shapes)
    found = colonnade.Session(compiled).run(None, feeds)
    expected = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"]).run(
        None, feeds
    )
    if not all(_close(y, other) for y, other in zip(found, expected, strict=True)):
        oracle = run_reference(graph, feeds)
        assert all(_close(y, oracle[name]) for y, name in zip(found, graph.outputs, strict=True))


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: str(network.name))
def test_check_names_the_layers_that_prune_prunes(network: Network) -> None:
    model = Model(onnx.load(network.path), network.name)
    outlook = colonnade.check(model, sparsities=(), shapes=network.shapes)
    assert outlook.imports
    with warnings.catch_warnings(category=ColonnadeWarning, action="ignore"):  # of shapes that prune isn't told
        report = colonnade.prune(model, 0.5).report
    assert report is not None
    assert [(layer.name, layer.reason) for layer in outlook.layers] == [
        (layer.name, layer.reason) for layer in report.layers
    ]
    assert all(layer.macs for layer in outlook.layers)


def _close(y: np.ndarray, expected: np.ndarray) -> bool:
    return y.shape == expected.shape and bool(np.abs(y - expected).max() <= 1e-4 * np.abs(expected).max())
