"""`colonnade bench` on a board: the same report as on this machine, timed there."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest
from commands import Command
from digit_networks import Digits, make_digits
from layers import random_array
from onnx import helper, numpy_helper
from ssh_board import TARGET, Board

from colonnade.cli import main


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Digits:
    return make_digits(tmp_path_factory.mktemp("digits"))


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


def test_budget_from_times_of_a_board(board: Board, digits: Digits, tmp_path: Path, colonnade: Command) -> None:
    found = tmp_path / "found.json"
    where = ("--target", TARGET.name, "--runner", str(board.address()), "--plan", "default", "--repeat", 3)
    options = ("--latency", "100000ms", "--levels", "0.5", "--samples", 32, "--input-size", 8)
    files = ("-o", tmp_path / "out.onnx", "--json", found)
    assert colonnade("allocate", digits.deep, "--data", digits.data, *options, *where, *files).code == 0
    read = json.loads(found.read_text())
    assert read["outcome"]["clock"] == "measured"
    assert read["machine"]["runner"] == str(board.address())
    assert min(read["outcome"]["dense"], read["dense_cost"]) > 0
    board.check_clean()
