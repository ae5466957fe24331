"""Networks node by node: the sum is the whole, and recorded rows are what was recorded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from commands import Command, assert_mistake
from layers import bottlenecks, random_array
from onnx import helper, numpy_helper

from colonnade import zoo
from colonnade.bench import modelled
from colonnade.bench.modelled import model_network
from colonnade.bench.modelled_report import (
    KERNELS,
    RECORDED,
    read_json,
    recorded_rows,
    run_modelled,
    write_json,
)
from colonnade.bench.modelled_show import numbers
from colonnade.bench.run import Options
from colonnade.errors import ColonnadeError
from colonnade.graph.onnx_import import import_model
from colonnade.graph.passes import optimize
from colonnade.kernels.channels import channel_kernels
from colonnade.kernels.depthwise import windows
from colonnade.kernels.fused import fused_kernels
from colonnade.kernels.shapes import shapes
from colonnade.modelfile.writer import write
from colonnade.plan.choose.chain import chained
from colonnade.plan.choose.measure import EVICT_BYTES, WrongResultError
from colonnade.plan.choose.tuner import default_plan
from colonnade.plan.lower import lower
from colonnade.remote import spike as spike_runner
from colonnade.remote.spike import SpikeRunner
from colonnade.runtime.binding import checksum
from colonnade.target.spike import run_spike
from colonnade.target.targets import target_named

X60 = target_named("spacemit-x60")
RVV = X60.isa
MODELLED = Options(target=X60.name, runner="spike", plan="default", tile=15)


def test_every_micro_kernel_counts_as_one() -> None:
    made = (*shapes(RVV), *channel_kernels(RVV), *windows(RVV), *fused_kernels(RVV))
    assert all(kernel.name(RVV).startswith(KERNELS) for kernel in made)


def test_the_nodes_add_up_to_the_network(runner: SpikeRunner) -> None:
    graph = optimize(import_model(zoo.build("mobilenet_v2", input_size=32, classes=10)))
    plan = default_plan(graph, X60)
    nodes = model_network(graph, X60, plan, runner, lambda *_: None)
    program = write(lower(graph, X60, plan), checksum)
    x = np.random.default_rng(0).standard_normal(graph.shape(graph.inputs[0]), dtype=np.float32)
    whole = runner.measure(program, {graph.inputs[0]: x}, evict_bytes=EVICT_BYTES).cost
    assert len(nodes) > 50
    assert sum(node.cost.instructions for node in nodes) == pytest.approx(whole.instructions, rel=0.02)
    assert sum(node.cost.cycles() for node in nodes) == pytest.approx(whole.cycles(), rel=0.1)


def test_chained_pairs_are_one_row_and_take_less(runner: SpikeRunner) -> None:
    """Their sum is the whole as well; what is saved is misses, 3 MB at the end of the first block and of the second."""
    graph = bottlenecks(112)
    apart = default_plan(graph, X60)
    plan = chained(apart, graph, X60)
    nodes, single = (model_network(graph, X60, p, runner, lambda *_: None) for p in (plan, apart))
    assert [node.names for node in nodes] == [("n0", "n1"), ("n2",), ("n3", "n4"), ("n5",), ("n6",)]
    assert nodes[0].name == "n0, n1"
    program = write(lower(graph, X60, plan), checksum)
    x = np.random.default_rng(0).standard_normal(graph.shape(graph.inputs[0]), dtype=np.float32)
    whole = runner.measure(program, {graph.inputs[0]: x}, evict_bytes=EVICT_BYTES).cost
    assert sum(node.cost.instructions for node in nodes) == pytest.approx(whole.instructions, rel=0.02)
    assert sum(node.cost.cycles() for node in nodes) == pytest.approx(whole.cycles(), rel=0.1)
    lines = [sum(node.cost.misses.l2_reads for node in found) for found in (nodes, single)]
    assert lines[1] - lines[0] > 60_000


@pytest.mark.parametrize(("network", "cycles"), [("resnet18", 560e6), ("resnet50", 1335e6)])
def test_recorded_totals(network: str, cycles: float) -> None:
    (row,) = recorded_rows(network)
    assert row.runtime == RECORDED
    assert row.conv_cycles == pytest.approx(cycles, rel=1e-3)
    assert row.cycles_instr < row.cycles < row.cycles_block


def test_nothing_was_recorded_of_other_networks() -> None:
    assert recorded_rows("mobilenet_v2") == ()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stem, a convolution that may be pruned, twice the same, and a pool."""
    folder = tmp_path_factory.mktemp("model")
    shapes = [(16, 3, 3, 3), (16, 16, 1, 1), (16, 16, 1, 1)]
    weights = [numpy_helper.from_array(random_array(shape, i), f"w{i}") for i, shape in enumerate(shapes)]
    nodes = [
        helper.make_node("Conv", [f"v{i}", f"w{i}"], [f"v{i + 1}"], name=f"conv{i}", pads=[shape[2] // 2] * 4)
        for i, shape in enumerate(shapes)
    ]
    nodes.append(helper.make_node("GlobalAveragePool", ["v3"], ["y"], name="pool"))
    ends = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
        for name, shape in (("v0", [1, 3, 12, 12]), ("y", [1, 16, 1, 1]))
    ]
    onnx.save(helper.make_model(helper.make_graph(nodes, "g", ends[:1], ends[1:], weights)), folder / "small.onnx")
    return folder / "small.onnx"


def test_a_report_its_file_and_what_is_kept(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    costs, told = tmp_path / "costs", []
    options = replace(MODELLED, sparsities=(0.75,), tile=8)
    report = run_modelled([str(model)], options, lambda what, done, total: told.append((what, done, total)), costs)
    dense, sparse = report.results
    assert (dense.sparsity, sparse.sparsity, sparse.clock, sparse.tile) == (0.0, 0.75, "modelled", 8)
    assert [layer.name for layer in sparse.layers] == ["conv0", "conv1", "conv2", "pool"]
    peak = 16 * 16 * 144 / 8  # of the dense layer; useless lanes add a little
    assert peak <= dense.layers[1].mac_cycles < 1.2 * peak
    assert 0.25 * peak <= sparse.layers[1].mac_cycles < 0.25 * 1.2 * peak
    assert dense.cycles > dense.conv_cycles > dense.conv_cycles_instr > dense.gemm_cycles > dense.packing_cycles > 0
    assert dense.conv_cycles_instr == pytest.approx(dense.gemm_cycles + dense.packing_cycles)
    assert numbers(report, sparse)[4] == f"{dense.conv_cycles / sparse.conv_cycles:.2f}x"
    ends = {what.partition(":")[0]: (done, total) for what, done, total in told}
    (done, nodes), (done_again, new) = ends["small dense"], ends["small 75% sparse"]
    assert done == nodes > done_again == new > 0  # stem and pool are known from the dense network

    path = tmp_path / "rows.json"
    write_json(report, path)
    assert read_json(path) == report
    path.write_text("{}")
    with pytest.raises(ColonnadeError, match="not a report of modelled cycles"):
        read_json(path)

    simulated: list[object] = []
    monkeypatch.setattr(spike_runner, "run_spike", lambda *job: simulated.append(job) or run_spike(*job))
    assert run_modelled([str(model)], options, cache_dir=costs).results == report.results
    assert not simulated
    damaged = next(file for file in costs.iterdir() if "Conv" not in file.read_text())
    damaged.write_text("{}")
    assert run_modelled([str(model)], options, cache_dir=costs).results == report.results
    assert len(simulated) == 2  # before and after the one step


def test_bench_and_forecast(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, colonnade: Command) -> None:
    monkeypatch.setattr("colonnade.bench.modelled_report.default_cache_dir", lambda *_: tmp_path)
    where = ("--target", "spacemit-x60", "--runner", "spike", "--sparsity", "0.5", "--plan", "default")
    rows, plot = tmp_path / "rows.json", tmp_path / "bars.svg"
    done = colonnade("bench", model, *where, "--json", rows, "--plot", plot)
    assert done.code == 0
    assert "Modelled, not measured" in done.out
    assert plot.stat().st_size > 1000
    dense, sparse = read_json(rows).results
    done = colonnade("forecast", model, *where)
    assert done.code == 0
    assert "small, modelled ms" in done.out
    assert f"{dense.cycles / sparse.cycles:.2f}x" in done.out


def test_a_wrong_node_is_no_cost(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modelled, "TOLERANCE", 1e-12)
    with pytest.raises(WrongResultError, match="is wrong by"):
        run_modelled([str(model)], replace(MODELLED, sparsities=()), cache_dir=tmp_path)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--target", "spacemit-x60", "--runner", "qemu"), ("qemu says nothing of time",)),
        (("--target", "spacemit-x60", "--runner", "spike", "--against", "mnn"), ("--against", "spike")),
        (("--target", "spacemit-x60", "--runner", "spike", "--threads", "2"), ("--threads", "one core")),
        (("--target", "spacemit-x60", "--runner", "spike", "--batch", "2"), ("--batch", "one image")),
        (("--target", "riscv64", "--runner", "spike"), ("no cost model of riscv64", "spacemit-x60")),
        (("--target", "spacemit-x60"), ("cannot run target spacemit-x60", "spike")),
        (("--target", "z80", "--runner", "spike"), ("unknown target 'z80'",)),
        (("--runner", "telepathy"), ("telepathy", "ssh://")),
        (("resnet18",), ("one model at a time",)),
    ],
)
def test_combinations_without_sense(
    model: Path, colonnade: Command, options: tuple[str, ...], words: tuple[str, ...]
) -> None:
    assert_mistake(colonnade("bench", model, *options), *words)
