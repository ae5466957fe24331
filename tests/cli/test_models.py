"""zoo, inspect and prune do what they say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnx.numpy_helper
import pytest
from commands import Command

from colonnade import __version__


def test_zoo_writes_the_network_asked_for(colonnade: Command, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    options = ("--input-size", 64, "--classes", 7, "--batch", 2, "--seed", 3)
    assert colonnade("zoo", "mobilenet_v2", "-o", path, *options).code == 0
    graph = onnx.load(path).graph
    shapes = [[d.dim_value for d in v.type.tensor_type.shape.dim] for v in (graph.input[0], graph.output[0])]
    assert shapes == [[2, 3, 64, 64], [2, 7]]


def test_prune_then_inspect(colonnade: Command, tmp_path: Path, small_model: Path) -> None:
    path = tmp_path / "pruned.onnx"
    names = [node.name for node in onnx.load(small_model).graph.node if node.op_type == "Conv"]
    skipped = names[1]
    done = colonnade("prune", small_model, "--sparsity", 0.75, "--tile", 4, "--skip", skipped, "-o", path)
    assert done.code == 0
    assert f"{len(names) - 2} of {len(names)} convolutions" in done.out  # the stem and the skipped one stay dense
    rows = {line.split()[1]: line for line in colonnade("inspect", path).out.splitlines() if line.startswith("│")}
    assert "75.0%" in rows[names[2]]
    assert "column-wise T=4" in rows[names[2]]
    assert "0.0%" in rows[names[0]]
    assert "0.0%" in rows[skipped]


def test_prune_keeps_all_else(colonnade: Command, tmp_path: Path, small_model: Path) -> None:
    path = tmp_path / "pruned.onnx"
    assert colonnade("prune", small_model, "--sparsity", 0.5, "--group", 4, "-o", path).code == 0
    before, after = onnx.load(small_model).graph, onnx.load(path).graph
    assert list(before.node) == list(after.node)
    for old, new in zip(before.initializer, after.initializer, strict=True):
        a, b = onnx.numpy_helper.to_array(old), onnx.numpy_helper.to_array(new)
        assert np.array_equal(a[b != 0], b[b != 0])


def test_help_names_every_command(colonnade: Command) -> None:
    shown = colonnade("--help")
    assert shown.code == 0
    for command in ("zoo", "inspect", "prune", "compile", "run", "bench", "forecast"):
        assert f"\n  {command} " in shown.out


def test_version(colonnade: Command) -> None:
    assert colonnade("--version").out == f"colonnade {__version__}\n"


@pytest.mark.parametrize("command", ["import colonnade", "from colonnade.cli import main; main(['--help'])"])
def test_start_is_light(command: str) -> None:
    """Heavy modules are imported by the commands that need them, not at the start."""
    heavy = ("numpy", "onnx", "rich", "matplotlib", "onnxruntime")
    code = f"{command}\nimport sys\nassert not set(sys.modules) & set({heavy!r}), sorted(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_names_that_move_the_cursor(colonnade: Command, small_model: Path, tmp_path: Path) -> None:
    """No table writes what a name in a file would have a terminal do."""
    model = onnx.load(small_model)
    first = next(node for node in model.graph.node if node.op_type == "Conv")
    first.name = "a\x1b[2J[red]b"
    onnx.save(model, tmp_path / "m.onnx")
    out = tmp_path / "m.colonnade"
    outcomes = [
        colonnade("inspect", tmp_path / "m.onnx"),
        colonnade("compile", tmp_path / "m.onnx", "--plan", "default", "--layers", "-o", out),
        colonnade("profile", out, "--repeat", 1),
    ]
    for outcome in outcomes:
        assert outcome.code == 0
        assert "\x1b" not in outcome.out + outcome.err
        assert "a?[2J[red]b" in outcome.out
