"""Networks of which ONNX Runtime runs a part: against ONNX Runtime alone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import colonnade
from colonnade.api import Model
from colonnade.errors import ColonnadeError
from colonnade.modelfile.staged import is_staged
from colonnade.runtime.staged import StagedSession


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(np.float32)


def model_of(
    nodes: list[onnx.NodeProto],
    inputs: dict[str, tuple[int, tuple[Any, ...]]],
    outputs: dict[str, int],
    constants: dict[str, np.ndarray],
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()],
        [helper.make_tensor_value_info(name, kind, None) for name, kind in outputs.items()],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def recurrent(operator: str, gates: int) -> onnx.ModelProto:
    """Convolution, recurrent layer, convolution: three stages."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], pads=[1, 1]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("Transpose", ["r"], ["t"], perm=[2, 0, 1]),
        helper.make_node(operator, ["t", "W", "R"], ["h", "last"], hidden_size=5),
        helper.make_node("Squeeze", ["h", "one"], ["s"]),
        helper.make_node("Transpose", ["s"], ["u"], perm=[1, 2, 0]),
        helper.make_node("Conv", ["u", "v"], ["y"]),
    ]
    constants = {
        "w": random(6, 3, 3),
        "W": random(1, gates * 5, 6),
        "R": random(1, gates * 5, 5),
        "one": np.array([1]),
        "v": random(4, 5, 1),
    }
    return model_of(nodes, {"x": (1, (2, 3, 7))}, {"y": 1, "last": 1}, constants)


def choice() -> onnx.ModelProto:
    """An If that reads values of the network and constants from outside, by a condition that depends on data."""
    branches = []
    for operator, name in (("Mul", "then"), ("Sub", "else")):
        value = helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
        branches.append(helper.make_graph([helper.make_node(operator, ["c", "two"], [name])], name, [], [value]))
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("ReduceMax", ["c"], ["m"], keepdims=0),
        helper.make_node("Greater", ["m", "zero"], ["yes"]),
        helper.make_node("If", ["yes"], ["i"], then_branch=branches[0], else_branch=branches[1]),
        helper.make_node("Relu", ["i"], ["y"]),
    ]
    constants = {"w": random(4, 3, 3, 3), "two": np.float32([2]), "zero": np.float32(0)}
    return model_of(nodes, {"x": (1, (1, 3, 8, 8))}, {"y": 1}, constants)


def suppression() -> onnx.ModelProto:
    """A shape that depends on data, an integer output, and a native branch beside it."""
    nodes = [
        helper.make_node("Sigmoid", ["boxes"], ["b"]),
        helper.make_node("Conv", ["scores", "w"], ["s"]),
        helper.make_node("NonMaxSuppression", ["b", "s", "most"], ["kept"]),
        helper.make_node("Slice", ["kept", "from", "to", "axis"], ["places"]),
        helper.make_node("Squeeze", ["places", "axis"], ["flat"]),
        helper.make_node("Gather", ["b", "flat"], ["y"], axis=1),
        helper.make_node("Relu", ["s"], ["z"]),
        helper.make_node("ArgMax", ["s"], ["best"], axis=2, keepdims=0),
    ]
    constants = {
        "w": random(2, 2, 1),
        "most": np.array([3]),
        "from": np.array([2]),
        "to": np.array([3]),
        "axis": np.array([1]),
    }
    inputs = {"boxes": (1, (1, 9, 4)), "scores": (1, (1, 2, 9))}
    return model_of(nodes, inputs, {"y": 1, "z": 1, "kept": 7, "best": 7}, constants)


def integers() -> onnx.ModelProto:
    """Quantised arithmetic, an integer input, a truth value and doubles that stages hand on."""
    nodes = [
        helper.make_node("Conv", ["x", "one"], ["r"]),
        helper.make_node("DynamicQuantizeLinear", ["r"], ["q", "scale", "point"]),
        helper.make_node("ConvInteger", ["q", "w", "point"], ["i"]),
        helper.make_node("Cast", ["i"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["f", "scale"], ["m"]),
        helper.make_node("Greater", ["x", "half"], ["large"]),
        helper.make_node("Unique", ["ids"], ["u"]),
        helper.make_node("ReduceSum", ["u"], ["n"], keepdims=0),
        helper.make_node("Cast", ["n"], ["number"], to=TensorProto.FLOAT),
        helper.make_node("Det", ["x"], ["d"]),
        helper.make_node("Unsqueeze", ["d", "axes"], ["e"]),
        helper.make_node("Add", ["m", "e"], ["a"]),
        helper.make_node("Where", ["large", "a", "x"], ["w1"]),
        helper.make_node("Mul", ["w1", "number"], ["p"]),
        helper.make_node("Conv", ["p", "v"], ["y"]),
    ]
    constants = {
        "w": np.arange(-4, 5, dtype=np.int8).reshape(3, 3, 1, 1),
        "half": np.float32(0.5),
        "one": np.eye(3, dtype=np.float32).reshape(3, 3, 1, 1),
        "v": random(2, 3, 1, 1),
        "axes": np.array([2, 3]),
    }
    return model_of(nodes, {"x": (1, (1, 3, 4, 4)), "ids": (7, (5,))}, {"y": 1}, constants)


NETWORKS = {
    "LSTM": lambda: recurrent("LSTM", 4),
    "GRU": lambda: recurrent("GRU", 3),
    "If": choice,
    "NonMaxSuppression": suppression,
    "integers": integers,
}


def feeds_of(session: colonnade.Session) -> dict[str, np.ndarray]:
    feeds = {}
    for entry in session.get_inputs():
        array = random(*entry.shape)
        feeds[entry.name] = array if entry.dtype == np.float32 else (3 * array).astype(entry.dtype)
    return feeds


@pytest.mark.parametrize("name", NETWORKS)
def test_against_onnxruntime(name: str, tmp_path: Path) -> None:
    model = NETWORKS[name]()
    compiled = colonnade.compile(Model(model, name), plan="default", fallback="onnxruntime")
    compiled.save(tmp_path / "network.colonnade")
    session = colonnade.Session(tmp_path / "network.colonnade")
    assert isinstance(session, StagedSession)
    assert {stage.kind for stage in session.stages} == {"native", "onnxruntime"}
    assert len(compiled.notes) >= len(session.stages)
    feeds = feeds_of(session)
    expected = onnxruntime.InferenceSession(model.SerializeToString()).run(None, feeds)
    actual = session.run(None, feeds)
    assert [entry.name for entry in session.get_outputs()] == [entry.name for entry in model.graph.output]
    for entry, own, other in zip(session.get_outputs(), actual, expected, strict=True):
        assert own.dtype == other.dtype == entry.dtype
        assert own.shape == other.shape
        assert len(entry.shape) == own.ndim
        assert np.abs(own - other).max(initial=0) <= 1e-5 * max(np.abs(other).max(initial=0), 1e-3)


def test_nothing_to_fall_back_on_is_an_ordinary_file() -> None:
    nodes = [helper.make_node("Relu", ["x"], ["y"])]
    model = model_of(nodes, {"x": (1, (1, 3))}, {"y": 1}, {})
    plain = colonnade.compile(Model(model, "m"), plan="default")
    assert colonnade.compile(Model(model, "m"), plan="default", fallback="onnxruntime").data == plain.data
    assert not is_staged(plain.data)


def test_stages_are_as_few_as_the_order_allows() -> None:
    """Two recurrent branches side by side are one stage."""
    nodes = []
    for i in "ab":
        nodes += [
            helper.make_node("MatMul", ["x", "m"], [f"r{i}"]),
            helper.make_node("GRU", [f"r{i}", "W", "R"], [f"h{i}"], hidden_size=2),
            helper.make_node("MatMul", [f"h{i}", "n"], [f"e{i}"]),
        ]
    nodes.append(helper.make_node("Add", ["ea", "eb"], ["y"]))
    constants = {"W": random(1, 6, 3), "R": random(1, 6, 2), "m": random(3, 3), "n": random(2, 2)}
    model = model_of(nodes, {"x": (1, (4, 1, 3))}, {"y": 1}, constants)
    session = colonnade.Session(colonnade.compile(Model(model, "m"), plan="default", fallback="onnxruntime"))
    assert isinstance(session, StagedSession)
    assert [(stage.kind, dict(stage.nodes)) for stage in session.stages] == [
        ("native", {"MatMul": 2}),
        ("onnxruntime", {"GRU": 2}),
        ("native", {"MatMul": 2, "Add": 1}),
    ]
    profile = session.profile(feeds_of(session), repeat=2)
    assert [kind for _, kind, _ in profile] == ["native", "onnxruntime", "native"]
    assert all(ms > 0 for _, _, ms in profile)


def test_small_native_stages_are_not_worth_it() -> None:
    """Only a convolution or a matrix product makes a stage of Colonnade's own between two of the fallback."""
    nodes = [
        helper.make_node("Det", ["x"], ["d"]),
        helper.make_node("Relu", ["d"], ["r"]),
        helper.make_node("Hardmax", ["r"], ["h"], axis=0),
        helper.make_node("Exp", ["h"], ["y"]),
    ]
    compiled = colonnade.compile(
        Model(model_of(nodes, {"x": (1, (2, 3, 3))}, {"y": 1}, {}), "m"), plan="default", fallback="onnxruntime"
    )
    session = colonnade.Session(compiled)
    assert isinstance(session, StagedSession)
    assert [stage.kind for stage in session.stages] == ["onnxruntime"]
    assert session.target == "onnxruntime"


def test_mistakes(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Model(recurrent("LSTM", 4), "m")
    with pytest.raises(ColonnadeError, match="fallback 'tvm' is unknown; there is onnxruntime"):
        colonnade.compile(model, fallback="tvm")
    with pytest.raises(ColonnadeError, match="this machine alone"):
        colonnade.compile(model, fallback="onnxruntime", target="riscv64-v")
    session = colonnade.Session(colonnade.compile(model, plan="default", fallback="onnxruntime"))
    with pytest.raises(ColonnadeError, match="input 'x' must have shape"):
        session.run(None, {"x": random(1, 3, 7)})
    with pytest.raises(ColonnadeError, match="no output 'z'"):
        session.run(["z"], {"x": random(2, 3, 7)})
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ColonnadeError, match=r"pip install 'colonnade\[fallback\]'"):
        colonnade.compile(model, plan="default", fallback="onnxruntime")


def test_what_onnxruntime_does_not_take_either() -> None:
    nodes = [helper.make_node("Nonsense", ["x"], ["y"], domain="nobody")]
    model = model_of(nodes, {"x": (1, (1, 3))}, {"y": 1}, {})
    model.opset_import.append(helper.make_opsetid("nobody", 1))
    with pytest.raises(ColonnadeError, match="ONNX Runtime does not take its part"):
        colonnade.compile(Model(model, "m"), plan="default", fallback="onnxruntime")
