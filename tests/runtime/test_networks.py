"""Whole networks, compiled with the default plan, against ONNX Runtime on the same ONNX file."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from layers import RUNNABLE, GraphBuilder, program_of, random_array
from onnx import numpy_helper

from colonnade.api import Model
from colonnade.api import compile as compile_model
from colonnade.graph.ir import RELU, Affine, Concat, Conv
from colonnade.graph.onnx_import import import_model
from colonnade.graph.passes import optimize
from colonnade.runtime.session import Session
from colonnade.sparse import prune_model
from colonnade.target.targets import Target
from colonnade.zoo import CLASSIFIERS, build

BEST = RUNNABLE[-1]
SPARSITIES = (0.0, 0.5, 0.75)
WAYS = [(threads, batch) for threads in (1, 2) for batch in (1, 3)]
LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
LIGHT_NAMES = sorted(path.stem.removeprefix("light_") for path in LIGHT.glob("light_*.onnx"))


@cache
def _pruned(name: str, sparsity: float, tile: int = 8) -> onnx.ModelProto:
    model = build(name, input_size=64, classes=10, seed=3)
    return prune_model(model, sparsity=sparsity, tile=tile)[0] if sparsity else model


def _inputs(shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    """Noise, two plain colours with an edge between them, and large values of both signs."""
    yield random_array(shape, 11)
    flat = np.full(shape, 0.5, np.float32)
    flat[..., shape[-1] // 3 :] = -1
    yield flat
    yield np.random.default_rng(12).uniform(-20, 20, shape).astype(np.float32)


def _check(model: onnx.ModelProto, batch: int, threads: int, target: str) -> None:
    """All outputs within 1e-4 of the largest magnitude of that output."""
    session = Session(
        compile_model(Model(model, "m"), batch=batch, threads=threads, target=target, plan="default"), threads=threads
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    peer = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    assert [arg.name for arg in session.get_inputs()] == [arg.name for arg in peer.get_inputs()]
    assert [arg.name for arg in session.get_outputs()] == [arg.name for arg in peer.get_outputs()]
    (arg,) = session.get_inputs()
    for x in _inputs(arg.shape):
        for ours, theirs in zip(session.run(None, {arg.name: x}), peer.run(None, {arg.name: x}), strict=True):
            assert ours.shape == theirs.shape
            assert np.abs(ours - theirs).max() <= 1e-4 * np.abs(theirs).max()
            assert np.ptp(theirs) > 1e-3 * np.abs(theirs).max()  # else the comparison would say little


@pytest.mark.parametrize("sparsity", SPARSITIES)
@pytest.mark.parametrize(("threads", "batch"), WAYS)
def test_resnet18_in_every_way(sparsity: float, threads: int, batch: int) -> None:
    _check(_pruned("resnet18", sparsity), batch, threads, BEST.name)


def _spread() -> Iterator[tuple[str, float, int, int, Target]]:
    """Every other network at every sparsity; threads, batches and targets take turns."""
    for index, name in enumerate(name for name in CLASSIFIERS if name != "resnet18"):
        for turn, sparsity in enumerate(SPARSITIES):
            threads, batch = WAYS[(index + turn) % len(WAYS)]
            yield name, sparsity, threads, batch, RUNNABLE[-1 - (index + 2 * turn) % len(RUNNABLE)]


@pytest.mark.parametrize(("name", "sparsity", "threads", "batch", "target"), list(_spread()))
def test_network(name: str, sparsity: float, threads: int, batch: int, target: Target) -> None:
    _check(_pruned(name, sparsity), batch, threads, target.name)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "densenet121"])
def test_every_target(target: Target, name: str) -> None:
    _check(_pruned(name, 0.75), 1, 2, target.name)


@pytest.mark.parametrize("tile", [1, 4, 6, 16])
def test_other_tiles(tile: int) -> None:
    _check(_pruned("mobilenet_v2", 0.5, tile), 1, 1, BEST.name)


def test_full_size() -> None:
    model, _ = prune_model(build("resnet50", classes=100), sparsity=0.75)
    _check(model, 1, 2, BEST.name)


@pytest.mark.parametrize("name", LIGHT_NAMES)
def test_networks_of_the_onnx_wheel(name: str) -> None:
    _check(_with_random_weights(onnx.load(LIGHT / f"light_{name}.onnx")), 1, 2, BEST.name)


def test_the_onnx_wheel_has_its_networks() -> None:
    assert {"resnet50", "densenet121", "squeezenet", "inception_v1", "vgg19", "bvlc_alexnet"} <= set(LIGHT_NAMES)


def _with_random_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """The wheel makes each weight by a ConstantOfShape, which hides most errors: random numbers of a scale that keeps
    activations near 1 replace them; vectors (biases, batch normalisation) lie around 1."""
    stored = {entry.name: numpy_helper.to_array(entry) for entry in model.graph.initializer}
    rng = np.random.default_rng(7)
    for node in [node for node in model.graph.node if node.op_type == "ConstantOfShape"]:
        shape = tuple(stored[node.input[0]])
        array = rng.random(shape, dtype=np.float32) + np.float32(0.5)
        if len(shape) >= 2:
            array = (array - 1) * np.float32(1.4 * (12 / np.prod(shape[1:])) ** 0.5)
        model.graph.initializer.append(numpy_helper.from_array(array, node.output[0]))
        model.graph.node.remove(node)
    return model


# What must cost nothing


def _copies(name: str, batch: int, threads: int = 1) -> list[str]:
    graph = optimize(import_model(_pruned(name, 0.0), batch=batch))
    return [step.name for step in program_of(graph, BEST, threads=threads).steps if step.op == "copy"]


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_nothing_is_copied_at_batch_1(name: str) -> None:
    assert _copies(name, 1) == []


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_only_the_input_changes_its_order_at_batch_3(name: str) -> None:
    assert _copies(name, 3) == ["layout:input"]


@pytest.mark.parametrize("batch", [1, 2])
def test_a_dense_block_makes_no_copy(batch: int) -> None:
    """Each layer reads all that came before and appends its own channels: all in one buffer, from the first on."""
    b = GraphBuilder()
    whole = b.conv(Conv(pads=(1, 1, 1, 1)), b.input(batch, 3, 6, 6), random_array((8, 3, 3, 3)))
    for _ in range(4):
        channels = b.shape(whole)[1]
        normal = b.add(Affine(RELU), b.shape(whole), whole, b.random(channels), b.random(channels))
        new = b.conv(Conv(pads=(1, 1, 1, 1)), normal, random_array((4, channels, 3, 3)))
        whole = b.add(Concat(1), (batch, channels + 4, 6, 6), whole, new)
    end = b.conv(Conv(), whole, random_array((2, 24, 1, 1)))
    steps = program_of(b.graph(end), BEST).steps
    edges = {"layout:x0", f"layout:{end}", end}  # of a batch, the input and the output change their order
    assert {step.name for step in steps if step.op == "copy"} <= (edges if batch > 1 else set())


def test_residual_networks_are_convolutions_pools_and_a_classifier() -> None:
    graph = optimize(import_model(_pruned("resnet50", 0.0), batch=1))
    kinds = [step.op for step in program_of(graph, BEST).steps]
    # A fill makes the borders of a pool's output, if it has any.
    assert sorted({*kinds} - {"fill"}) == ["cnm", "dense", "global_pool", "pool", "vertical", "winograd"]
    assert kinds.count("fill") <= kinds.count("pool")
    assert sum(kinds.count(kind) for kind in ("cnm", "vertical", "winograd")) == 53
