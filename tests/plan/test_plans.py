"""Problems, default plans and what the tuner keeps: all that decides which kernel a layer gets."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from layers import RUNNABLE, GraphBuilder, random_array, random_feeds, small_network

from colonnade.errors import ColonnadeError
from colonnade.graph.ir import RELU, Activation, Conv, Graph
from colonnade.plan.choose import measure
from colonnade.plan.choose.cache import PlanCache
from colonnade.plan.choose.measure import LayerBench, WrongResultError
from colonnade.plan.choose.space import default_candidate, shape_candidates
from colonnade.plan.choose.tuner import default_plan, profile
from colonnade.plan.compiler import compile_graph
from colonnade.plan.problem import ConvProblem, WeightMatrix, conv_problem
from colonnade.plan.ways import Candidate, Columns, Vertical, Windows, Winograd
from colonnade.remote.local import LocalRunner
from colonnade.runtime.session import Session
from colonnade.sparse import recover_tiles
from colonnade.target.targets import Target, target_named

BEST = RUNNABLE[-1]


def problem(seed: int = 0, rows: int = 16, sparsity: float = 0.5, name: str = "layer", **op: object) -> ConvProblem:
    """A 3x3 convolution of 8 channels on 7 x 7, pruned in tiles of 8 with random columns."""
    rng = np.random.default_rng(seed)
    weights = rng.standard_normal((rows, 8, 3, 3), dtype=np.float32)
    matrix = weights.reshape(rows, -1)
    for first in range(0, rows, 8):
        matrix[first : first + 8, rng.permutation(72)[: round(72 * sparsity)]] = 0
    x, y = (1, 8, 7, 7), (1, rows, 7, 7)
    settings = Conv(**{"pads": (1, 1, 1, 1), **op})  # type: ignore[arg-type]
    return conv_problem(name, settings, x, y, weights, rng.standard_normal(rows, dtype=np.float32))


def _network(layers: int = 3) -> Graph:
    """A chain of tiny convolutions that are all different problems."""
    b = GraphBuilder()
    x = b.input(1, 4, 6, 6)
    for index in range(layers):
        x = b.conv(Conv(), x, random_array((4 + index, b.shape(x)[1], 1, 1), index))
    return b.graph(x)


# Problems


def test_layers_that_keep_other_columns_are_one_problem() -> None:
    assert problem(1).digest == problem(2).digest
    assert problem(1, name="other").digest == problem(1).digest


@pytest.mark.parametrize(
    "other",
    [
        problem(sparsity=0.25),
        problem(sparsity=0.0),
        problem(rows=24),
        problem(act=Activation("sigmoid")),
        problem(residual=True),
        problem(pads=(1, 1, 1, 0)),
        problem(strides=(2, 1)),
        problem(dilations=(1, 2)),
    ],
)
def test_other_work_is_another_problem(other: ConvProblem) -> None:
    assert other.digest != problem().digest


def test_rows_that_do_not_share_their_columns_are_another_problem() -> None:
    scattered = problem()
    weights = scattered.weights.copy()
    for row in range(16):
        weights[row] = np.roll(weights[row], row)
    assert replace(scattered, matrix=WeightMatrix(weights, 1)).digest != problem().digest


def test_tiles_cover_every_nonzero_once() -> None:
    for rows in (1, 3, 8, 16):
        for dense in (False, True):
            tiles = problem().matrix.tiles(rows, dense)
            assert sorted(row for tile in tiles for row in tile.rows) == list(range(16))
            rebuilt = np.zeros_like(problem().weights)
            for tile in tiles:
                at = np.ix_(tile.rows, tile.columns)
                rebuilt[at] = problem().weights[at]
                assert len(tile.rows) <= rows
            np.testing.assert_array_equal(rebuilt, problem().weights)
    assert sum(len(tile.columns) for tile in recover_tiles(problem().weights, 8)) == 2 * 36


# The default plan


@pytest.mark.parametrize("threads", [1, 2])
def test_default_plan_is_the_same_every_time(target: Target, threads: int) -> None:
    first, second = (default_plan(small_network(), target) for _ in range(2))
    assert first.choices == second.choices
    models = [compile_graph(small_network(), target=target.name, threads=threads, plan="default") for _ in range(2)]
    assert models[0].data == models[1].data
    assert models[0].layers == models[1].layers


def test_default_plan_measures_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure.LayerBench, "time", None)
    model = compile_graph(small_network(), plan="default")
    assert all(layer.ms is None for layer in model.layers)


def test_layers_are_described(target: Target) -> None:
    model = compile_graph(small_network(), target=target.name, plan="default")
    assert model.target == target.name
    assert [layer.name for layer in model.layers] == ["n0", "n1", "n2", "n3", "n4", "n5", "n6", "n7"]
    stem = model.layers[0]
    assert stem.shape == "3->8 3x3 s2 @5x5"
    assert stem.macs == 8 * 27 * 25
    assert model.layers[1].shape == "8->8 3x3 @5x5, 8 groups"
    for layer in model.layers:
        assert 0 < layer.kept_macs <= layer.macs
        assert layer.dense == (layer.kept_macs == layer.macs)


@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.75, 1.0])
def test_a_pruned_layer_has_dense_candidates_too(target: Target, sparsity: float) -> None:
    pruned = problem(sparsity=sparsity)
    found = shape_candidates(pruned, target)
    assert any(candidate.dense for candidate in found)
    assert any(not candidate.dense for candidate in found) == (sparsity > 0)
    assert len(set(found)) == len(found)
    assert default_candidate(pruned, target) in found
    assert found[0] not in found[0].loop_variants(pruned, target)


@pytest.mark.parametrize(
    ("channels", "rows", "side", "stride", "expected"),
    [
        (512, 1024, 28, 2, "packed"),  # a copy of short lines costs more than its vectors
        (1024, 2048, 14, 2, "packed"),  # and the few positions of a channel's line bring a whole cache line each time
        (256, 64, 56, 1, "direct"),
        (512, 128, 28, 1, "direct"),
    ],
)
def test_default_plan_of_dense_1x1_layers_on_an_in_order_core(
    channels: int, rows: int, side: int, stride: int, expected: str
) -> None:
    """Simulated, what is expected took less than strips of a copy, and than lanes that are output channels."""
    op, out = Conv(strides=(stride, stride)), side // stride
    weights, bias = random_array((rows, channels, 1, 1)), np.zeros(rows, np.float32)
    layer = conv_problem("layer", op, (1, channels, side, side), (1, rows, out, out), weights, bias)
    chosen = default_candidate(layer, target_named("spacemit-x60"))
    assert isinstance(chosen, Columns)
    assert (chosen.access, chosen.lanes) == (expected, "positions")


def test_unknown_target_and_threads_are_refused() -> None:
    with pytest.raises(ColonnadeError, match="unknown target 'pdp-11'; known: native, generic, x86-64-v3"):
        compile_graph(small_network(), target="pdp-11", plan="default")
    with pytest.raises(ColonnadeError, match="threads must be at least 1, not 0"):
        compile_graph(small_network(), threads=0, plan="default")


# Measuring


def test_every_candidate_is_checked_before_it_is_timed(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = LayerBench(problem(), target, threads=1)
    bench.time([Columns(4, 1)], 1)
    honest = Columns.step

    def wrong(candidate: Columns, broken: ConvProblem, *arguments: object) -> object:
        weights = broken.weights.copy()
        weights[3, np.flatnonzero(weights[3])[5]] *= 1.01
        return honest(candidate, replace(broken, matrix=WeightMatrix(weights, 1)), *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Columns, "step", wrong)
    with pytest.raises(WrongResultError, match="layer: sparse direct 4x1v, panel 1 is wrong by"):
        bench.time([Columns(4, 1)], 1)


def test_nan_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = LayerBench(problem(), BEST, threads=1)
    honest = Columns.step
    nan = np.full(16, np.nan, np.float32)
    monkeypatch.setattr(Columns, "step", lambda candidate, p, *rest: honest(candidate, replace(p, bias=nan), *rest))
    with pytest.raises(WrongResultError):
        bench.time([Columns(4, 1)], 1)


@pytest.mark.parametrize("op", [{}, {"residual": True, "act": RELU}, {"groups": 1, "strides": (2, 2)}])
def test_times_are_of_the_candidates_asked_for(op: dict[str, object]) -> None:
    layer = problem() if "strides" not in op else _strided()
    layer = replace(layer, residual=bool(op.get("residual")), act=RELU)
    candidates = [Columns(4, 1), Columns(2, 2, access="packed"), Columns(4, 1, dense=True)]
    times = LayerBench(layer, BEST, threads=2).time(candidates, 3)
    assert list(times) == candidates
    assert all(ms > 0 for ms in times.values())


def _strided() -> ConvProblem:
    weights = random_array((16, 8, 3, 3))
    op = Conv((2, 2), (1, 1, 1, 1))
    return conv_problem("strided", op, (1, 8, 7, 7), (1, 16, 4, 4), weights, random_array((16,)))


def test_finalists_of_a_pruned_layer_include_dense() -> None:
    """So a pruned layer is never slower than the same layer dense: on a layer where sparse wins by far."""
    for sparsity in (0.1, 0.9):
        times = profile([problem(sparsity=sparsity, rows=32)], BEST, 1, LocalRunner())[0]
        assert any(candidate.dense for candidate in times)
    times = profile([problem(sparsity=0.0)], BEST, 1, LocalRunner())[0]
    assert {isinstance(candidate, Winograd) for candidate in times} == {False, True}
    assert all(candidate.dense for candidate in times)


# The cache


@pytest.fixture
def cache(tmp_path: Path) -> PlanCache:
    return PlanCache(tmp_path, "this machine")


def test_profiles_come_back_as_they_were(cache: PlanCache) -> None:
    times = {Columns(4, 2): 1.25, Columns(8, 1, access="packed", panel=3, blocks=2): 0.5}
    assert cache.load("a") is None
    cache.store("a", times, "a problem")
    assert cache.load("a") == times
    assert list(cache.load("a") or ()) == sorted(times, key=lambda candidate: times[candidate])
    assert cache.load("b") is None


def test_another_machine_has_other_profiles(cache: PlanCache, tmp_path: Path) -> None:
    cache.store("a", {Columns(4, 2): 1.0}, "a problem")
    assert PlanCache(tmp_path, "another machine").load("a") is None


def test_a_second_tuning_measures_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = compile_graph(_network(), cache_dir=tmp_path)
    assert len(list(tmp_path.iterdir())) == 3
    monkeypatch.setattr(measure.LayerBench, "time", None)
    second = compile_graph(_network(), cache_dir=tmp_path)
    assert first.data == second.data
    assert first.layers == second.layers
    assert all(layer.ms is not None for layer in first.layers)


def test_threads_and_targets_are_tuned_apart(tmp_path: Path) -> None:
    graph = _network(1)
    for count, (target, threads) in enumerate([("generic", 1), ("generic", 2), (RUNNABLE[-1].name, 1)], 1):
        compile_graph(graph, target=target, threads=threads, cache_dir=tmp_path)
        assert len(list(tmp_path.iterdir())) == count


def test_progress_counts_the_problems(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    compile_graph(_network(), cache_dir=tmp_path, progress=lambda *step: seen.append(step))
    assert seen == [("n0", 0, 3), ("n1", 1, 3), ("n2", 2, 3), ("", 3, 3)]


def _row(candidate: Candidate, **changes: object) -> dict[str, object]:
    """A row of a profile, right but for `changes` of the candidate's fields."""
    return {"way": type(candidate).__name__, "candidate": asdict(candidate) | changes, "ms": 1.0}


GOOD_ROW = _row(Columns(1, 1))
ROWS: dict[str, object] = {
    "none of them": [],
    "candidates of another kind": 5,
    "rows of another kind": [5],
    "a foreign field": [_row(Columns(1, 1), lmul=8)],
    "a field too few": [{**GOOD_ROW, "candidate": {"rows": 1, "vectors": 1}}],
    "no time": [{key: value for key, value in GOOD_ROW.items() if key != "ms"}],
    "a time that is none": [{**GOOD_ROW, "ms": "fast"}],
    "no way": [{key: value for key, value in GOOD_ROW.items() if key != "way"}],
    "no such way": [{**GOOD_ROW, "way": "Fourier"}],
    "a way of another kind": [{**GOOD_ROW, "way": ["Columns"]}],
    "the fields of another way": [{**GOOD_ROW, "way": "Winograd"}],
    "text for a number": [_row(Columns(1, 1), rows="4")],
    "a truth for a number": [_row(Columns(1, 1), rows=True)],
    "zero rows": [_row(Columns(0, 1))],
    "zero blocks": [_row(Columns(1, 1, blocks=0))],
    "no such access": [_row(Columns(1, 1), access="random")],
    "no such kernel": [_row(Columns(999, 9))],
    "no convolution for Winograd": [_row(Winograd(1, 1, m=4, panel=1))],
    "no convolution for it down the rows": [_row(Vertical(1, 1, m=3, panel=1))],
    "no such transform": [_row(Winograd(1, 1, m=3, panel=1))],
    "no convolution for windows": [_row(Windows(1, 1))],
}
DAMAGE: dict[str, bytes] = {
    "empty": b"",
    "cut off": json.dumps({"candidates": [GOOD_ROW]}).encode()[:-9],
    "noise": bytes(range(256)),
    "a list": b"[1, 2]",
    "a number": b"7",
    "no candidates": b"{}",
    "a time of nan": json.dumps({"candidates": [{**GOOD_ROW, "ms": float("nan")}]}).encode(),
    **{name: json.dumps({"candidates": rows}).encode() for name, rows in ROWS.items()},
}


def test_a_good_row_is_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that each damaged one below is refused for what is wrong with it."""
    graph = _network(1)
    compile_graph(graph, cache_dir=tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_text(json.dumps({"candidates": [GOOD_ROW]}))
    monkeypatch.setattr(measure.LayerBench, "time", None)
    assert compile_graph(graph, cache_dir=tmp_path).layers[0].ms == 1.0


@pytest.mark.parametrize("content", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_profile_is_measured_again(tmp_path: Path, content: bytes) -> None:
    graph = _network(1)
    good = compile_graph(graph, cache_dir=tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(content)
    again = compile_graph(graph, cache_dir=tmp_path)
    assert again.layers[0].ms
    assert again.layers[0].macs == good.layers[0].macs
    assert json.loads(path.read_text())["candidates"]
    assert list(tmp_path.iterdir()) == [path]
    Session(again).run(None, random_feeds(graph))


def _compile_in(directory: Path, layers: int = 3) -> None:
    compile_graph(_network(layers), cache_dir=directory)


def _compile_and_hang(directory: Path) -> None:
    """Tunes two problems, says so, and waits in the third for the kill."""

    def progress(name: str, done: int, total: int) -> None:
        if done == 2:
            (directory / "two-done").touch()
            time.sleep(600)

    compile_graph(_network(3), cache_dir=directory, progress=progress)


def _start(work: Callable[..., None], *arguments: object) -> multiprocessing.process.BaseProcess:
    process = multiprocessing.get_context("spawn").Process(target=work, args=arguments)
    process.start()
    return process


def test_two_processes_tune_into_one_directory(tmp_path: Path) -> None:
    processes = [_start(_compile_in, tmp_path) for _ in range(2)]
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
    assert len(list(tmp_path.glob("*.json"))) == len(list(tmp_path.iterdir())) == 3
    for path in tmp_path.iterdir():
        assert json.loads(path.read_text())["candidates"]


def test_what_was_measured_before_a_kill_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process = _start(_compile_and_hang, tmp_path)
    deadline = time.monotonic() + 120
    while not (tmp_path / "two-done").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert process.pid
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    before = {path.name: path.read_bytes() for path in tmp_path.glob("*.json")}
    assert len(before) == 2
    timed: list[str] = []
    honest = measure.LayerBench.__init__

    def noted(bench: LayerBench, layer: ConvProblem, *rest: object) -> None:
        timed.append(layer.name)
        honest(bench, layer, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(measure.LayerBench, "__init__", noted)
    _compile_in(tmp_path)
    assert timed == ["n2"]
    assert {name: (tmp_path / name).read_bytes() for name in before} == before
