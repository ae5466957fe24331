"""Every zoo network at every vector length, and without vectors, against ONNX Runtime on the same ONNX file."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from emulated import SCALAR, TOLERANCE, VECTOR, cpu_without_vectors, cpus
from layers import random_array

from colonnade.api import Model
from colonnade.api import compile as compile_model
from colonnade.remote.program import ProgramRunner
from colonnade.sparse import prune_model
from colonnade.target.targets import Target
from colonnade.zoo import CLASSIFIERS, build


def _check(model: onnx.ModelProto, threads: int, runners: list[ProgramRunner], target: Target = VECTOR) -> None:
    """The same model file on all runners, within 1e-4 of the largest magnitude."""
    peer = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (arg,) = peer.get_inputs()
    x = random_array((1, *arg.shape[1:]), 11)
    (expected,) = peer.run(None, {arg.name: x})
    assert np.ptp(expected) > 1e-3 * np.abs(expected).max()  # else the comparison would say little
    compiled = compile_model(Model(model, "m"), batch=1, threads=threads, target=target.name, plan="default")
    for cpu in runners:
        (actual,) = cpu.run(compiled.data, {arg.name: x}, threads)
        assert actual.shape == expected.shape
        assert np.abs(actual - expected).max() <= TOLERANCE * np.abs(expected).max(), cpu.name


@pytest.mark.parametrize(("sparsity", "threads"), [(0.0, 2), (0.75, 1), (0.75, 2)])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_network(name: str, sparsity: float, threads: int) -> None:
    _check(_network(name, sparsity), threads, list(cpus()))


@pytest.mark.parametrize("threads", [1, 2])
def test_full_size(threads: int) -> None:
    _check(prune_model(build("resnet18"), sparsity=0.75)[0], threads, list(cpus()))


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "densenet121"])
def test_without_vectors(name: str) -> None:
    _check(_network(name, 0.75), 2, [cpu_without_vectors()], SCALAR)


def _network(name: str, sparsity: float) -> onnx.ModelProto:
    model = build(name, input_size=32, classes=10, seed=3)
    return prune_model(model, sparsity=sparsity)[0] if sparsity else model
