"""Tuning on a board that dies in the middle: one line, nothing lost, and the next run goes on from there."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest
from layers import random_array
from onnx import helper, numpy_helper
from ssh_board import QUICK, TARGET, Board, wait_until

from colonnade import api
from colonnade.errors import ColonnadeError
from colonnade.remote.open import open_runner

QEMU = f"qemu-riscv64 -cpu rv64,v=true,vlen={TARGET.vlen},vext_spec=v1.0"
LAYERS = 3
FATAL = 5  # batch in which the board dies: plan/choose/tuner.py needs two or three for each layer


def _network() -> onnx.ModelProto:
    """Three different convolutions in a row."""
    weights = [random_array((4 + i, 3 + i, 1, 1), i) for i in range(LAYERS)]
    nodes = [helper.make_node("Conv", [f"v{i}", f"w{i}"], [f"v{i + 1}"], name=f"conv{i}") for i in range(LAYERS)]
    ends = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, channels, 5, 5])
        for name, channels in (("v0", 3), (f"v{LAYERS}", 3 + LAYERS))
    ]
    constants = [numpy_helper.from_array(array, f"w{i}") for i, array in enumerate(weights)]
    return helper.make_model(helper.make_graph(nodes, "g", ends[:1], ends[1:], constants))


def test_tuning_goes_on_where_it_stopped(board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("colonnade.remote.ssh.Patience", lambda: QUICK)
    calls, plans = board.folder / "calls", tmp_path / "plans"
    script = f"""case "$*" in *--turns*) echo >>{calls}; [ "$(wc -l <{calls})" != {FATAL} ] || exec sleep 1000; esac
exec {QEMU} "$@" """
    address = board.address(str(board.program("emulate", script)))

    def compile_there() -> api.CompiledModel:
        return api.compile(api.Model(_network(), "g"), target=TARGET.name, runner=address, cache_dir=plans)

    with ThreadPoolExecutor(1) as pool:
        compiling = pool.submit(compile_there)
        wait_until(lambda: calls.exists() and calls.read_text().count("\n") == FATAL, "the second layer", seconds=60)
        board.stop()
    with pytest.raises(ColonnadeError, match=r"connection was lost and 2 attempts .* goes on from what was measured$"):
        compiling.result()
    (first,) = plans.iterdir()
    kept = first.read_bytes()
    board.check_clean()

    board.start()
    compiled = compile_there()
    assert len(list(plans.iterdir())) == LAYERS
    assert first.read_bytes() == kept  # times are never the same twice
    assert all(layer.ms is not None for layer in compiled.layers)
    board.check_clean()
    with open_runner("qemu", TARGET) as runner:
        image = random_array((1, 3, 5, 5))
        assert np.isfinite(runner.run(compiled.data, {"v0": image})[0]).all()
