"""`check` says what `compile` and `prune` say, before they do."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from commands import Command
from onnx import TensorProto, helper, numpy_helper

import colonnade
from colonnade.errors import ColonnadeError, ColonnadeWarning


def _recurrent(path: Path, input_type: int = TensorProto.FLOAT) -> Path:
    """A convolution, an operator that nobody supports, one that is supported with other attributes, a convolution."""
    rng = np.random.default_rng(0)
    stored = {"w": rng.normal(size=(8, 6, 3, 3)), "v": rng.normal(size=(8, 8, 1, 1))}
    nodes = [
        helper.make_node("Cast", ["x"], ["real"], "cast", to=TensorProto.FLOAT),
        helper.make_node("Conv", ["real", "w"], ["a"], "first"),
        helper.make_node("Det", ["a"], ["b"], "odd"),
        helper.make_node("Einsum", ["a"], ["c"], "turned", equation="nchw->ncwh"),
        helper.make_node("Conv", ["c", "v"], ["y"], "second"),
    ]
    inputs = [helper.make_tensor_value_info("x", input_type, [1, 6, 9, 9])]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("y", "b")]
    tensors = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in stored.items()]
    graph = helper.make_graph(nodes, "recurrent", inputs, outputs, tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


def test_a_network_that_can_be_compiled(colonnade: Command, small_model: Path, tmp_path: Path) -> None:
    found = tmp_path / "found.json"
    done = colonnade("check", small_model, "--layers", "--json", found)
    assert done.code == 0
    assert "can be compiled" in done.out
    told = json.loads(found.read_text())
    assert told["refusals"] == told["faults"] == told["stages"] == []
    assert 1 < told["gains"]["0.5"] < told["gains"]["0.75"] < 4
    assert all(layer["name"] in done.out for layer in told["layers"])


def test_layers_are_those_of_prune(small_model: Path) -> None:
    report = colonnade.prune(small_model, 0.5, skip=("*1.conv2*",)).report
    assert report is not None
    outlook = colonnade.check(small_model, skip=("*1.conv2*",), sparsities=())
    assert [(layer.name, layer.shape, layer.reason) for layer in outlook.layers] == [
        (layer.name, layer.shape, layer.reason) for layer in report.layers
    ]


@pytest.mark.parametrize("input_type", [TensorProto.FLOAT, TensorProto.UINT8])
def test_all_that_is_missing_is_what_compile_says(tmp_path: Path, input_type: int) -> None:
    path = _recurrent(tmp_path / "m.onnx", input_type)
    outlook = colonnade.check(path, sparsities=())
    assert not outlook.imports
    assert [refusal.op_type for refusal in outlook.refusals] == ["Det", "Einsum"]
    assert len(outlook.faults) == (input_type == TensorProto.UINT8)
    with pytest.raises(ColonnadeError) as caught:
        colonnade.compile(path, plan="default")
    assert str(caught.value).endswith(outlook.message)


def test_stages_are_those_of_the_fallback(colonnade: Command, tmp_path: Path) -> None:
    path = _recurrent(tmp_path / "m.onnx")
    told = colonnade("check", path, "--json", tmp_path / "found.json")
    assert told.code == 1
    assert "Det" in told.out
    stages = json.loads((tmp_path / "found.json").read_text())["stages"]
    compiled = colonnade("compile", path, "--fallback", "onnxruntime", "--plan", "default", "-o", tmp_path / "c")
    assert compiled.code == 0
    assert len(stages) == compiled.out.count("note: stage") > 1
    for i, stage in enumerate(stages):
        line = next(line for line in compiled.out.splitlines() if f"stage {i + 1}, " in line)
        assert ("native" in line) == stage["native"]
        assert all(f"{name} ({count})" in line for name, count in stage["operators"].items())


def test_macs_of_layers_that_a_fallback_runs_are_not_counted(tmp_path: Path) -> None:
    layers = colonnade.check(_recurrent(tmp_path / "m.onnx"), sparsities=()).layers
    assert [layer.macs for layer in layers] == [8 * 6 * 9 * 7 * 7, 8 * 8 * 7 * 7]


def test_prune_warns_of_a_network_that_compile_refuses(tmp_path: Path) -> None:
    with pytest.warns(ColonnadeWarning, match="compile would refuse it: .*Det"):
        colonnade.prune(_recurrent(tmp_path / "m.onnx"), 0.5)


def test_escape_characters_do_not_reach_the_terminal(colonnade: Command, tmp_path: Path) -> None:
    model = onnx.load(_recurrent(tmp_path / "m.onnx"))
    for node in model.graph.node:
        node.name += "\x1b[31m"
    onnx.save(model, tmp_path / "m.onnx")
    assert "\x1b" not in colonnade("check", tmp_path / "m.onnx", "--layers").out
