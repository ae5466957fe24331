"""Arrays that lie about their size, and names that a terminal would obey."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from commands import Command, Outcome, assert_mistake
from onnx import TensorProto, helper, numpy_helper

import colonnade as package

NASTY = "\x1b]0;owned\x07\x1b[31mred\x9b2J\u202e[bold]b[/bold]"
OBEYED = {"\x1b", "\x07", "\x9b", "\u202e"}


def _header(text: str) -> bytes:
    data = text.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(data).to_bytes(2, "little") + data


ARRAYS = {
    "huge": _header(f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({2**40}, 3), }}") + bytes(64),
    "larger than an index": _header(f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({2**70},), }}"),
    "negative": _header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 3), }") + bytes(24),
    "brackets": _header("(" * 3000),
    "digits": _header(f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({'9' * 3000},), }}"),
    "more digits": _header(f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({'9' * 6000},), }}"),
    "no shape": _header("{'descr': '<f4', 'fortran_order': False, 'shape': 7, }"),
    "no tuple": _header("[1, 2"),
    "minus signs": _header("-" * 5000 + "1"),
}


def _named(tmp_path: Path, text: str) -> Path:
    """A convolution whose node, input and output have this in their names."""
    weights = numpy_helper.from_array(np.ones((8, 3, 3, 3), np.float32), "w")
    x, y = (
        helper.make_tensor_value_info(n + text, TensorProto.FLOAT, [1, 3, 8, 8][: 4 if n == "x" else 0]) for n in "xy"
    )
    y.type.tensor_type.ClearField("shape")
    node = helper.make_node("Conv", ["x" + text, "w"], ["y" + text], name="conv" + text)
    graph = helper.make_graph([node], "graph", [x], [y], [weights])
    path = tmp_path / "nasty.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def _assert_tame(outcome: Outcome) -> None:
    assert not OBEYED & set(outcome.out + outcome.err)


@pytest.mark.parametrize("content", ARRAYS.values(), ids=ARRAYS.keys())
def test_arrays_that_lie(colonnade: Command, tmp_path: Path, content: bytes) -> None:
    model = tmp_path / "m.colonnade"
    package.compile(_named(tmp_path, ""), plan="default").save(model)
    (tmp_path / "x.npy").write_bytes(content)
    outcome = colonnade("run", model, "--input", tmp_path / "x.npy", "--output", tmp_path / "y.npy")
    assert_mistake(outcome, "x.npy")


def test_names_that_terminals_obey(colonnade: Command, tmp_path: Path) -> None:
    source, model = _named(tmp_path, NASTY), tmp_path / "m.colonnade"
    shown = colonnade("inspect", source)
    assert shown.code == 0
    assert "[bold]b[/bold]" in shown.out
    _assert_tame(shown)
    compiled = colonnade("compile", source, "--plan", "default", "--layers", "-o", model)
    assert compiled.code == 0
    assert "owned" in compiled.out
    _assert_tame(compiled)
    np.save(tmp_path / "x.npy", np.zeros((1, 3, 8, 8), np.float32))
    for inputs in ((), ("--input", f"z={tmp_path / 'x.npy'}")):
        refused = colonnade("run", model, *inputs, "--output", tmp_path / "y.npy")
        _assert_tame(refused)
        assert refused.code == 2
    np.save(tmp_path / "x.npy", np.zeros((1, 3, 8, 9), np.float32))
    refused = colonnade("run", model, "--input", tmp_path / "x.npy", "--output", tmp_path / "y.npy")
    assert_mistake(refused, "owned")
    _assert_tame(refused)
    _assert_tame(colonnade("profile", model, "--repeat", 1))


def test_what_is_computed_otherwise_is_said_once(colonnade: Command, tmp_path: Path) -> None:
    model = onnx.load(_named(tmp_path, ""))
    tensor = model.graph.initializer[0]
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), "w"))
    for entry in (*model.graph.input, *model.graph.output):
        entry.type.tensor_type.elem_type = TensorProto.FLOAT16
    onnx.save(model, tmp_path / "half.onnx")
    outcome = colonnade("compile", tmp_path / "half.onnx", "--plan", "default", "-o", tmp_path / "m.colonnade")
    assert outcome.out.splitlines()[0] == "note: its float16 values are computed in float32"
    assert outcome.out.count("float16") == 1
