"""Work of the steps of a model file, against what the planner knows and what can be counted by hand."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layers import CONVOLUTIONS, GraphBuilder, model_of, random_array, small_network

from colonnade import api, zoo
from colonnade.errors import ColonnadeError
from colonnade.graph.ir import Conv
from colonnade.modelfile.reader import describe
from colonnade.plan.ways import Columns, Vertical, Winograd
from colonnade.plan.work import layers
from colonnade.target.targets import target_named

GENERIC = target_named("generic")
MODEL = model_of(small_network(2), GENERIC).data


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2"])
def test_same_as_the_planner_knows(name: str) -> None:
    """Strided, grouped, pruned and dense convolutions."""
    model = api.prune(api.Model(zoo.build(name, input_size=64, classes=10, batch=1), name), 0.75)
    compiled = api.compile(model, plan="default")
    planned = {layer.name: (layer.macs, layer.kept_macs) for layer in compiled.layers}
    convolutions = {layer.name: layer for layer in layers(compiled.data) if layer.op in CONVOLUTIONS}
    assert convolutions.keys() == planned.keys()
    for layer in convolutions.values():
        full, kept = planned[layer.name]
        assert layer.dense_macs == full
        assert layer.op in ("winograd", "vertical") or layer.macs == kept
    assert sum(kept < full for full, kept in planned.values()) > 10


def test_work_counted_by_hand() -> None:
    """4 rows keep 2 of 3 channels, 4 keep 1; at batch 2, 5 x 6 positions, with a residual."""
    weights = random_array((8, 3, 1, 1))
    weights[:4, 0] = 0
    weights[4:, 1:] = 0
    b = GraphBuilder()
    image, residual = b.input(2, 3, 5, 6), b.input(2, 8, 5, 6)
    graph = b.graph(b.conv(Conv(residual=True), image, weights, residual))
    (layer,) = (found for found in layers(model_of(graph, GENERIC, Columns(4, 1)).data) if found.op == "cnm")
    assert layer.macs == (4 * 2 + 4 * 1) * 60
    assert layer.dense_macs == 8 * 3 * 60
    assert layer.sparse
    assert layer.weight_bytes == 4 * (12 + 8)
    assert layer.data_bytes == 4 * (3 * 60 + 2 * 8 * 60)
    (dense,) = (
        found for found in layers(model_of(graph, GENERIC, Columns(4, 1, dense=True)).data) if found.op == "cnm"
    )
    assert (dense.macs, dense.sparse) == (dense.dense_macs, False)


def test_winograd_does_fewer_products() -> None:
    """F(2x2, 3x3): 16 of them for 4 outputs, and 5 x 6 outputs are 3 x 3 tiles."""
    b = GraphBuilder()
    graph = b.graph(b.conv(Conv(pads=(1, 1, 1, 1)), b.input(2, 3, 5, 6), random_array((8, 3, 3, 3))))
    candidate = Winograd(4, 1, m=2, panel=1)
    (layer,) = (found for found in layers(model_of(graph, GENERIC, candidate).data) if found.op == "winograd")
    assert layer.macs == 16 * 8 * 3 * 2 * 9
    assert layer.dense_macs == 9 * 8 * 3 * 2 * 30
    assert not layer.sparse
    assert layer.weight_bytes == 4 * (16 * 24 + 8)
    assert layer.data_bytes == 4 * (3 + 8) * 60


def test_filtering_down_the_rows_does_fewer_products() -> None:
    """F(4, 3): 6 of them for 4 rows of outputs, and 5 rows are 2 tiles."""
    b = GraphBuilder()
    graph = b.graph(b.conv(Conv(pads=(1, 1, 1, 1)), b.input(2, 3, 5, 6), random_array((8, 3, 3, 3))))
    candidate = Vertical(4, 1, m=4, panel=1)
    (layer,) = (found for found in layers(model_of(graph, GENERIC, candidate).data) if found.op == "vertical")
    assert layer.macs == 6 * 8 * 3 * 3 * 2 * 2 * 6
    assert layer.dense_macs == 9 * 8 * 3 * 2 * 30
    assert not layer.sparse
    assert layer.weight_bytes == 4 * (6 * 72 + 8)
    assert layer.data_bytes == 4 * (3 + 8) * 60


def test_every_kind_of_step_moves_data() -> None:
    found = layers(MODEL)
    assert tuple((layer.name, layer.op) for layer in found) == describe(MODEL).steps
    assert all(layer.data_bytes > 0 for layer in found)
    assert {layer.op for layer in found if layer.macs} <= {*CONVOLUTIONS, "dense", "matmul"}


def test_not_a_model() -> None:
    with pytest.raises(ColonnadeError, match=r"^photo\.jpg: not a Colonnade model file$"):
        layers(b"\xff\xd8\xff\xe0", "photo.jpg")


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(MODEL) - 1), st.binary(min_size=1, max_size=8))
def test_damage_is_never_a_crash(at: int, noise: bytes) -> None:
    damaged = (MODEL[:at] + noise + MODEL[at + len(noise) :])[: len(MODEL)]
    with suppress(ColonnadeError):
        layers(damaged)
