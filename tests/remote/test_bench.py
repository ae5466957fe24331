"""`colonnade bench` on a board: the same report as on this machine, timed there."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest
from layers import random_array
from onnx import helper, numpy_helper
from ssh_board import TARGET, Board

from colonnade.cli import main


def test_bench_on_a_board(board: Board, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = [numpy_helper.from_array(random_array((8, 3 + 5 * i, 1, 1), i), f"w{i}") for i in range(2)]
    nodes = [helper.make_node("Conv", [f"v{i}", f"w{i}"], [f"v{i + 1}"], name=f"conv{i}") for i in range(2)]
    ends = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, channels, 5, 5])
        for name, channels in (("v0", 3), ("v2", 8))
    ]
    model, rows = tmp_path / "m.onnx", tmp_path / "rows.json"
    onnx.save(helper.make_model(helper.make_graph(nodes, "g", ends[:1], ends[1:], weights)), model)
    options = ("--target", TARGET.name, "--sparsity", "0.5", "--plan", "default", "--repeat", "3")
    assert main(["bench", str(model), "--runner", str(board.address()), *options, "--json", str(rows)]) == 0
    found = json.loads(rows.read_text())["results"]
    assert [(row["runtime"], row["sparsity"]) for row in found] == [("colonnade", 0.0), ("colonnade", 0.5)]
    assert all(row["median_ms"] >= row["min_ms"] > 0 and row["max_rel_err"] < 1e-4 for row in found)
    assert "checked against the numpy reference" in capsys.readouterr().out
    board.check_clean()
