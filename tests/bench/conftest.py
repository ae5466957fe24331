"""A small network and a report, shared by the benchmark's tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from colonnade.bench.report import Absence, Report, Result
from colonnade.bench.subject import with_static_shapes
from colonnade.graph.onnx_import import import_model
from colonnade.zoo import build

INPUT_SIZE = 64


@pytest.fixture(scope="session")
def resnet18_by_batch(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """ResNet-18 at 64 x 64 with 10 classes, as files of fixed batch."""
    folder = tmp_path_factory.mktemp("resnet18")
    proto = build("resnet18", input_size=INPUT_SIZE, classes=10)
    files = {}
    for batch in (1, 2):
        files[batch] = folder / f"{batch}.onnx"
        onnx.save(with_static_shapes(proto, import_model(proto, batch=batch)), files[batch])
    return files


@pytest.fixture
def images() -> dict[int, np.ndarray]:
    """Random inputs for `resnet18_by_batch`, by batch."""
    random = np.random.default_rng(7)
    return {n: random.standard_normal((n, 3, INPUT_SIZE, INPUT_SIZE), dtype=np.float32) for n in (1, 2)}


def _result(runtime: str, sparsity: float, median_ms: float) -> Result:
    return Result("resnet18", runtime, sparsity, 1, 1, median_ms, median_ms - 1, 1e-6, 1e-7)


@pytest.fixture
def report() -> Report:
    """Two peers with times, Colonnade dense and at 75 %, and a peer that is absent."""
    results = (
        _result("mnn", 0, 40),
        _result("ncnn", 0, 30),
        _result("colonnade", 0, 24),
        _result("colonnade", 0.75, 8),
    )
    absent = (Absence("resnet18", "openvino", 0, 1, 1, "absent", "openvino is not installed"),)
    return Report({"cpu": "A CPU", "cpus": 2}, "onnxruntime", results, absent)
