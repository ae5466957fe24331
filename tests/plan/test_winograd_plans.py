"""Where Winograd is offered, chosen and reported."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from layers import GraphBuilder, random_array

from colonnade.graph.ir import RELU, Conv, Graph
from colonnade.kernels.arithmetic import F32
from colonnade.plan.choose import tuner
from colonnade.plan.choose.space import default_candidate, default_column_candidate, shape_candidates
from colonnade.plan.compiler import compile_graph
from colonnade.plan.problem import ConvProblem, conv_problems
from colonnade.plan.ways import Columns, Vertical, Winograd
from colonnade.plan.ways.costs import candidate_cycles
from colonnade.plan.ways.winograd import Patches, transformed_weights
from colonnade.target.targets import TARGETS, Target

SAME = (1, 1, 1, 1)


def _graph(channels: int = 64, side: int = 28, kernel: int = 3, sparsity: float = 0.0, **op: object) -> Graph:
    """One convolution; `sparsity` of its columns are zero in every row."""
    builder = GraphBuilder()
    settings = Conv(**{"pads": SAME, "act": RELU, **op})  # type: ignore[arg-type]
    weights = random_array((channels, channels // settings.groups, kernel, kernel))
    columns = weights.reshape(channels, -1)
    columns[:, : round(sparsity * columns.shape[1])] = 0
    return builder.graph(builder.conv(settings, builder.input(1, channels, side, side), weights))


def _problem(channels: int = 64, side: int = 28, kernel: int = 3, sparsity: float = 0.0, **op: object) -> ConvProblem:
    (problem,) = conv_problems(_graph(channels, side, kernel, sparsity, **op)).values()
    return problem


def _stem() -> ConvProblem:
    builder = GraphBuilder()
    op = Conv(strides=(2, 2), pads=(3, 3, 3, 3), act=RELU)
    x, weights = builder.input(1, 3, 224, 224), random_array((64, 3, 7, 7))
    (problem,) = conv_problems(builder.graph(builder.conv(op, x, weights))).values()
    return problem


def _offered(problem: ConvProblem, target: Target) -> list[Winograd]:
    return [candidate for candidate in shape_candidates(problem, target) if isinstance(candidate, Winograd)]


@pytest.mark.parametrize("pads", [SAME, (0, 0, 0, 0), (0, 1, 1, 0)])
def test_offered_for_every_3x3_of_stride_1(target: Target, pads: tuple[int, int, int, int]) -> None:
    found = _offered(_problem(pads=pads), target)
    assert found
    assert all(candidate.dense and candidate.m in (2, 4) for candidate in found)


@pytest.mark.parametrize(
    "other",
    [
        {"kernel": 1},
        {"kernel": 5},
        {"strides": (2, 2)},
        {"strides": (1, 2)},
        {"kernel": 4},
        {"kernel": 7, "strides": (2, 2), "pads": (3, 3, 3, 3)},
        {"dilations": (2, 1)},
        {"groups": 2},
    ],
)
def test_not_offered_for_anything_else(target: Target, other: dict[str, object]) -> None:
    assert not _offered(_problem(**other), target)  # type: ignore[arg-type]


def test_other_panels_of_a_candidate(target: Target) -> None:
    """Of both kinds: nothing but the panel differs."""
    for candidate in (Winograd(4, 2, m=4, panel=2), Vertical(4, 2, m=4, panel=1)):
        found = candidate.loop_variants(_problem(), target)
        assert len(found) >= 2
        assert {replace(c, panel=candidate.panel) for c in found} == {candidate}
        assert candidate not in found


@pytest.mark.parametrize("planned", TARGETS, ids=lambda target: target.name)
def test_the_cost_rule_takes_it_for_dense_layers_only(planned: Target) -> None:
    """36 multiply-adds for 16 outputs of a column instead of 144, or 6 for 4 of a line instead of 12, so less than half
    of the columns kept ends it."""
    assert not isinstance(default_candidate(_problem(), planned), Columns)
    sparse = _problem(sparsity=0.9)
    assert isinstance(default_candidate(sparse, planned), Columns)
    assert not default_candidate(sparse, planned).dense


def test_few_channels_are_not_worth_two_dimensions(target: Target) -> None:
    assert not isinstance(default_candidate(_problem(channels=3), target), Winograd)


def test_stems_are_filtered_down_their_rows(target: Target) -> None:
    """Where few channels make each product short, one dimension costs less than two."""
    problem = _stem()
    found = default_candidate(problem, target)
    assert isinstance(found, Vertical)
    assert found.m == 5


@pytest.mark.parametrize(
    ("kernel", "strides", "m"),
    [((3, 3), (1, 1), {4, 6}), ((3, 1), (1, 1), {4, 6}), ((7, 7), (2, 2), {5}), ((5, 3), (2, 1), {4, 6})],
)
def test_offered_down_the_rows_by_the_height_of_a_phase(
    kernel: tuple[int, int], strides: tuple[int, int], m: set[int]
) -> None:
    geometry = replace(_problem().geometry, kernel=kernel, strides=strides)
    assert Vertical.filters(geometry).keys() == m


@pytest.mark.parametrize(
    "other", [{"kernel": (2, 3)}, {"kernel": (3, 1), "strides": (1, 2)}, {"strides": (3, 1)}, {"groups": 2}]
)
def test_not_offered_down_the_rows_for_anything_else(other: dict[str, object]) -> None:
    assert not Vertical.filters(replace(_problem().geometry, **other))  # type: ignore[arg-type]


def test_no_strip_is_wider_than_the_work(target: Target) -> None:
    problem = _problem(side=4)
    for candidate in _offered(problem, target):
        patches = Patches(problem.geometry, candidate, F32.lanes(target.vector_bytes))
        assert (candidate.vectors - 1) * F32.lanes(target.vector_bytes) < patches.positions
        assert patches.panel == patches.panels == 1


def test_the_tile_to_prune_with_ignores_it(target: Target) -> None:
    """T is chosen for the sparse kernels; that Winograd were faster says nothing about the best T."""
    problem = _problem(sparsity=0.4)
    best = default_column_candidate(problem, target)
    assert isinstance(best, Columns)
    assert candidate_cycles(problem, best, target) >= candidate_cycles(
        problem, default_candidate(problem, target), target
    )


@pytest.mark.parametrize("m", [2, 4])
def test_weights_of_one_centre_are_the_matrix_itself(m: int) -> None:
    problem = _problem(channels=2)
    problem.weights[:] = 0
    problem.weights[1, 4] = 1  # the middle of channel 0's kernel
    found = transformed_weights(problem, m)
    assert found.dtype == np.float64
    assert not found[0].any()
    assert not found[1, 1].any()
    middle = found[1, 0]
    assert np.linalg.matrix_rank(middle) == 1
    np.testing.assert_allclose(middle, middle.T)


def test_it_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the rule, and where it was measured to be the fastest."""
    times = {Columns(4, 1): 2.0, Winograd(4, 1, m=4, panel=1): 1.0}
    monkeypatch.setattr(tuner, "profile", lambda variants, *_: [times] * len(variants))
    for plan, expected in (("default", ("winograd F(", "vertical F(")), ("tuned", "winograd F(4x4) 4x1v, panel 1")):
        (layer,) = compile_graph(_graph(), plan=plan, cache_dir=tmp_path).layers  # type: ignore[arg-type]
        assert layer.algorithm.startswith(expected)
        assert layer.dense
        assert layer.kept_macs == layer.macs
