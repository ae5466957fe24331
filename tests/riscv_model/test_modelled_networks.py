"""Networks node by node: the sum is the whole, and recorded rows are what was recorded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from colonnade import zoo
from colonnade.bench.modelled import model_network
from colonnade.bench.modelled_report import (
    RECORDED,
    ModelledOptions,
    numbers,
    read_json,
    recorded_rows,
    run_modelled,
    write_json,
)
from colonnade.errors import ColonnadeError
from colonnade.graph.onnx_import import import_model
from colonnade.graph.passes import optimize
from colonnade.modelfile.writer import write
from colonnade.plan.lower import lower
from colonnade.plan.measure import EVICT_BYTES
from colonnade.plan.tuner import default_plan
from colonnade.remote.spike import SpikeRunner
from colonnade.runtime.binding import checksum
from colonnade.target.targets import target_named

X60 = target_named("spacemit-x60")


def test_the_nodes_add_up_to_the_network(runner: SpikeRunner) -> None:
    graph = optimize(import_model(zoo.build("mobilenet_v2", input_size=32, classes=10)))
    plan = default_plan(graph, X60, 1)
    nodes = model_network(graph, X60, plan, runner, lambda *_: None)
    program = write(lower(graph, X60, plan.problems, plan.candidates), checksum)
    x = np.random.default_rng(0).standard_normal(graph.shape(graph.inputs[0]), dtype=np.float32)
    whole = runner.measure(program, {graph.inputs[0]: x}, evict_bytes=EVICT_BYTES).cost
    assert len(nodes) > 50
    assert sum(node.cost.instructions for node in nodes) == pytest.approx(whole.instructions, rel=0.02)
    assert sum(node.cost.cycles() for node in nodes) == pytest.approx(whole.cycles(), rel=0.1)


@pytest.mark.parametrize(("network", "cycles"), [("resnet18", 560e6), ("resnet50", 1335e6)])
def test_recorded_totals(network: str, cycles: float) -> None:
    (row,) = recorded_rows(network)
    assert row.runtime == RECORDED
    assert row.conv_cycles == pytest.approx(cycles, rel=1e-3)
    assert row.cycles_instr < row.cycles < row.cycles_block


def test_nothing_was_recorded_of_other_networks() -> None:
    assert recorded_rows("mobilenet_v2") == ()


def test_a_report_and_its_file(tmp_path: Path) -> None:
    report = run_modelled("resnet18", ModelledOptions(sparsities=(0.0, 0.75), input_size=32))
    dense, sparse = report.results
    assert sparse.conv_cycles < 0.5 * dense.conv_cycles
    assert dense.cycles > dense.conv_cycles > dense.kernel_cycles > dense.other_cycles > 0
    assert numbers(report, sparse)[2] == f"{dense.conv_cycles / sparse.conv_cycles:.2f}x"
    path = tmp_path / "rows.json"
    write_json(report, path)
    assert read_json(path) == report
    path.write_text("{}")
    with pytest.raises(ColonnadeError, match="not a report of modelled cycles"):
        read_json(path)
