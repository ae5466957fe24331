"""The spike runner: right outputs, exact and repeatable counts, and mistakes in one line."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from layers import GraphBuilder, model_of, random_array, random_feeds, small_network, small_network_candidates

from colonnade.errors import ColonnadeError
from colonnade.graph.ir import IDENTITY, RELU, Activation, Affine, Conv, Graph, Pool
from colonnade.graph.reference import run_reference
from colonnade.modelfile.reader import describe
from colonnade.plan.ways import Columns
from colonnade.remote import spike as spike_runner
from colonnade.remote.spike import SpikeRunner, open_spike
from colonnade.runtime.bare import Job, image
from colonnade.target import spike
from colonnade.target.riscv_model import BLOCK, INSTR, SPACEMIT_X60, STREAM, price
from colonnade.target.targets import target_named

X60 = target_named("spacemit-x60")


def _layer() -> Graph:
    """A 1x1 convolution of 8 to 8 channels on 8 x 8 pixels."""
    b = GraphBuilder()
    return b.graph(b.conv(Conv(act=RELU), b.input(1, 8, 8, 8), random_array((8, 8, 1, 1))))


@pytest.mark.parametrize("vlen", [128, 256, 512, 1024])
def test_every_kind_of_step_matches_the_oracle_at_any_vector_length(vlen: int) -> None:
    graph = small_network()
    feeds = random_feeds(graph)
    expected = run_reference(graph, feeds)
    model = model_of(graph, X60, small_network_candidates(1)).data
    outputs = SpikeRunner(image(), SPACEMIT_X60, vlen).run(model, feeds)
    for actual, name in zip(outputs, graph.outputs, strict=True):
        np.testing.assert_allclose(actual, expected[name], atol=1e-5 * np.abs(expected[name]).max())


@pytest.mark.parametrize(("rows", "vectors"), [(4, 1), (8, 2), (3, 4), (2, 8)])
def test_multiply_adds_are_counted_exactly(runner: SpikeRunner, rows: int, vectors: int) -> None:
    """8 columns x 8 rows x 64 positions, of which an instruction does 8 lanes x LMUL."""
    graph = _layer()
    model = model_of(graph, X60, Columns(rows, vectors, dense=True)).data
    cost = runner.measure(model, random_feeds(graph)).cost
    macs = {o.group: count for o, count in cost.by_operation.items() if o.mac}
    assert macs == {vectors: 8 * 8 * 64 // (8 * vectors)}
    kernels = [part for name, part in cost.by_function.items() if name.startswith("cnm_f32_")]
    assert sum(part.mac_cycles for part in kernels) == 8 * 8 * 64 / 8


@pytest.mark.parametrize("act", [RELU, Activation(lo=0.0, hi=6.0), Activation(lo=-0.5), Activation(lo=-0.0), IDENTITY])
@pytest.mark.parametrize("residual", [False, True])
def test_nan_and_infinities_pass_the_bounds(runner: SpikeRunner, act: Activation, residual: bool) -> None:
    b = GraphBuilder()
    x, r = b.input(1, 8, 4, 4), b.input(1, 8, 4, 4)
    graph = b.graph(b.conv(Conv(act=act, residual=residual), x, random_array((8, 8, 1, 1)), *[r] * residual))
    feeds = {name: array for name, array in random_feeds(graph).items() if name in graph.inputs}
    feeds[x][0, 3, 1, 2], feeds[x][0, 5, 0, 1], feeds[x][0, 5, 3, 3] = np.nan, np.inf, -np.inf
    feeds[r][0, 2, 2, 2] = -np.float32(np.nan)
    (actual,) = runner.run(model_of(graph, X60, Columns(7, 2)).data, feeds)
    np.testing.assert_allclose(actual, run_reference(graph, feeds)[graph.outputs[0]], atol=1e-5)


@pytest.mark.parametrize("vlen", [128, 512])
@pytest.mark.parametrize(
    ("op", "out"),
    [
        (Pool("max", (3, 3), (2, 2), (1, 1, 1, 1), (1, 1)), (10, 28)),
        (Pool("max", (2, 3), (1, 1), (0, 2, 1, 0), (1, 1)), (20, 55)),
        (Pool("max", (3, 2), (3, 1), (0, 0, 0, 0), (2, 9)), (6, 46)),
        (Pool("avg", (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), count_include_pad=True), (20, 55)),
        (Pool("avg", (3, 3), (2, 3), (1, 1, 1, 1), (1, 1)), (10, 19)),
    ],
)
@pytest.mark.parametrize("nan", [False, True])
def test_pools_of_long_and_short_rows(vlen: int, op: Pool, out: tuple[int, int], nan: bool) -> None:
    b = GraphBuilder()
    graph = b.graph(b.add(op, (1, 2, *out), b.input(1, 2, 20, 55)))
    feeds = random_feeds(graph)
    (x,) = feeds.values()
    x[0, 0, 7, 50], x[0, 1, 7, 50] = np.inf, -np.inf
    if nan:
        x[0, 0, 9, 31], x[0, 1, 9, 31] = np.nan, -np.float32(np.nan)
    (actual,) = SpikeRunner(image(), SPACEMIT_X60, vlen).run(model_of(graph, X60).data, feeds)
    np.testing.assert_allclose(actual, run_reference(graph, feeds)[graph.outputs[0]], atol=1e-5)


@pytest.mark.parametrize(
    "act", [RELU, Activation(lo=0.0, hi=6.0), Activation(lo=-0.5), IDENTITY, Activation("sigmoid")]
)
def test_scaled_channels_keep_nan(runner: SpikeRunner, act: Activation) -> None:
    b = GraphBuilder()
    x = b.input(1, 3, 5, 15)
    graph = b.graph(b.add(Affine(act), (1, 3, 5, 15), x, b.random(3), b.random(3)))
    feeds = random_feeds(graph)
    feeds[x][0, 0, 0, 0], feeds[x][0, 1, 2, 3], feeds[x][0, 2, 4, 14] = np.inf, np.nan, -np.float32(np.nan)
    (actual,) = runner.run(model_of(graph, X60).data, feeds)
    np.testing.assert_allclose(actual, run_reference(graph, feeds)[graph.outputs[0]], atol=1e-5)


def test_cost_is_the_sum_of_its_instructions_and_misses(runner: SpikeRunner) -> None:
    graph = _layer()
    cost = runner.measure(model_of(graph, X60, Columns(8, 2)).data, random_feeds(graph)).cost
    assert cost.instructions == sum(cost.by_operation.values()) > 500
    own = sum(count * price(operation, SPACEMIT_X60) for operation, count in cost.by_operation.items())
    assert cost.cycles(INSTR) == pytest.approx(own)
    assert cost.cycles(STREAM) == pytest.approx(own + 4 * cost.misses.l1 + 25 * cost.misses.l2_reads)
    assert cost.cycles(BLOCK) == pytest.approx(own + 20 * cost.misses.l1 + 120 * cost.misses.l2_reads)
    assert cost.milliseconds(INSTR) == pytest.approx(own / 1.6e6)


def test_setting_up_does_not_count_and_steps_add_up(runner: SpikeRunner) -> None:
    graph = small_network()
    feeds = random_feeds(graph)
    model = model_of(graph, X60, small_network_candidates(1)).data
    whole, later = runner.measure(model, feeds).cost, runner.measure(model, feeds, first=5).cost
    assert 0 < later.instructions < whole.instructions < 300_000
    assert not {"cln_model_open", "cln_model_validate", "bare_main"} & set(whole.by_function)
    trial = runner.time([model], feeds)[0]
    assert trial.ms.sum() == pytest.approx(whole.milliseconds(), rel=0.02)  # the session's own few instructions


def test_columns_that_a_tile_drops_cost_nothing(runner: SpikeRunner) -> None:
    b = GraphBuilder()
    x = b.input(1, 64, 8, 8)
    weights = random_array((16, 64, 1, 1))
    weights[:, 16:] = 0
    sparse = b.graph(b.conv(Conv(), x, weights))
    feeds = random_feeds(sparse)

    def macs(candidate: Columns) -> float:
        cost = runner.measure(model_of(sparse, X60, candidate).data, feeds).cost
        return sum(part.mac_cycles for part in cost.by_function.values())

    assert macs(Columns(8, 2, dense=True)) == 4 * macs(Columns(8, 2)) > 0


def test_the_same_numbers_every_time() -> None:
    graph = _layer()
    feeds = random_feeds(graph)
    model = model_of(graph, X60, Columns(7, 4)).data
    first, second = (open_spike(X60).measure(model, feeds, evict_bytes=1 << 20).cost for _ in range(2))
    assert first == second


def test_the_second_of_a_chain_has_nothing_left_to_do(runner: SpikeRunner) -> None:
    """The step before it has done its work too."""
    b = GraphBuilder()
    x = b.conv(Conv(), b.input(1, 16, 8, 8), random_array((32, 16, 1, 1)))
    graph = b.graph(b.conv(Conv(), x, random_array((16, 32, 1, 1))))
    feeds, candidate = random_feeds(graph), Columns(8, 2, panel=2)
    models = [model_of(graph, X60, candidate, chains=chains).data for chains in (set(), {"n0"})]
    at = [name for name, _ in describe(models[0]).steps].index("n1")
    apart, chained = (trial.ms[0] for trial in runner.time(models, feeds))
    assert chained[at] < apart[at] / 20
    assert chained[at - 1] > apart[at - 1] + apart[at] / 2


def test_evicted_data_misses(runner: SpikeRunner) -> None:
    graph = _layer()
    feeds = random_feeds(graph)
    model = model_of(graph, X60, Columns(8, 2)).data
    near, far = (runner.measure(model, feeds, evict_bytes=bytes_).cost for bytes_ in (0, 4 << 20))
    assert far.instructions == near.instructions
    assert far.misses.l2_reads > near.misses.l2_reads


def test_time_compares_and_simulates_once(runner: SpikeRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = _layer()
    feeds = random_feeds(graph)
    expected = [run_reference(graph, feeds)[name] for name in graph.outputs]
    models = [model_of(graph, X60, Columns(4, vectors)).data for vectors in (1, 2)]
    trials = runner.time(models, feeds, expected=expected, rounds=3)
    assert all(trial.ms.shape[0] == 1 and (trial.ms > 0).all() for trial in trials)
    assert all(trial.error is not None and trial.error < 1e-5 for trial in trials)
    wrong = runner.time(models[:1], feeds, expected=[expected[0] + 1.0])
    assert wrong[0].error is not None
    assert wrong[0].error > 1e-3
    monkeypatch.setattr(spike_runner, "run_spike", lambda *_: pytest.fail("simulated again"))
    assert runner.time(models[::-1], feeds, expected=expected) == trials[::-1]


def test_several_threads_are_refused(runner: SpikeRunner) -> None:
    graph = _layer()
    with pytest.raises(ColonnadeError, match="one core: use --threads 1, not 2"):
        runner.time([model_of(graph, X60).data], random_feeds(graph), threads=2)


def test_a_damaged_model_is_refused_by_the_runtime(runner: SpikeRunner) -> None:
    graph = _layer()
    model = bytearray(model_of(graph, X60).data)
    model[-1] ^= 1
    with pytest.raises(ColonnadeError, match="the file is damaged"):
        runner.run(bytes(model), random_feeds(graph))


def test_steps_that_are_not_there_are_refused() -> None:
    graph = _layer()
    feeds = random_feeds(graph)
    job = Job(model_of(graph, X60).data, list(feeds.values()), 0, 99)
    with pytest.raises(ColonnadeError, match="no such steps"):
        spike.run_spike(job.place(image()), 256, SPACEMIT_X60, 60)


def test_a_run_without_end_is_stopped() -> None:
    graph = _layer()
    job = Job(model_of(graph, X60).data, list(random_feeds(graph).values()), 0, 1, evict_bytes=1 << 40)
    with pytest.raises(ColonnadeError, match="did not finish in 1 s"):
        spike.run_spike(job.place(image()), 256, SPACEMIT_X60, 1.0)


def test_targets_without_a_cost_model_are_refused() -> None:
    with pytest.raises(ColonnadeError, match="no cost model of sifive-x280; it has one of: riscv64-v, spacemit-x60"):
        open_spike(target_named("sifive-x280"))


def _no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)


def _no_dtc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")


@pytest.mark.parametrize(
    ("missing", "hint"),
    [
        ((_no_package, _no_dtc), r"spike simulator is not installed: pip install 'colonnade\[sim\]'"),
        ((_no_dtc,), "apt-get install device-tree-compiler"),
    ],
)
def test_what_is_missing_is_named(
    missing: tuple[Callable[[pytest.MonkeyPatch], None], ...], hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for take_away in missing:
        take_away(monkeypatch)
    with pytest.raises(ColonnadeError, match=hint):
        spike.find_spike()


def test_the_image_is_built_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "spike-0123456789abcdef.elf").write_bytes(b"of older sources")
    built = image(tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
    monkeypatch.setattr("colonnade.runtime.bare.build_image", lambda work: pytest.fail("built again"))
    assert image(tmp_path) == built


def test_a_segment_that_is_not_there() -> None:
    with pytest.raises(ValueError, match="not in list"):
        image().with_segment(0x1000, b"")
