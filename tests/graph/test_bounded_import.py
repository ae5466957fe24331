"""Small files that ask for gigabytes, or for work without end, are refused before anything is allocated."""

from __future__ import annotations

import itertools
import re
import time
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx_checks import make_model, one_node, random_array

from colonnade.errors import ColonnadeError
from colonnade.graph.onnx_import import import_model

X = (1, 2, 6, 6)
HUGE = 2**33
LIMIT = 64 * 2**20
SECONDS = 20


def _constants(*nodes: onnx.NodeProto, **given: np.ndarray) -> onnx.ModelProto:
    """The nodes make `c` of constants, which is added to the input."""
    return make_model([*nodes, helper.make_node("Add", ["x", "c"], ["y"])], {"x": X}, constants=given)


def _node(op_type: str, inputs: Sequence[str], **attributes: object) -> onnx.NodeProto:
    return helper.make_node(op_type, inputs, ["c"], **attributes)


def _output(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same, but with the constant itself as an output."""
    model.graph.node[-1].CopyFrom(helper.make_node("Relu", ["x"], ["y"]))
    model.graph.output.append(helper.make_tensor_value_info("c", TensorProto.FLOAT, None))
    return model


ONE = np.ones(1, np.float32)
I = np.int64  # noqa: E741


def _chain(op_type: str, count: int, start: str) -> list[onnx.NodeProto]:
    """Each node joins or adds its operand with itself."""
    names = [start, *(f"t{i}" for i in range(count - 1)), "c"]
    options = {"axis": 0} if op_type == "Concat" else {}
    return [helper.make_node(op_type, [a, a], [b], **options) for a, b in itertools.pairwise(names)]


BOMBS: dict[str, Callable[[], onnx.ModelProto]] = {
    "ConstantOfShape": lambda: _output(_constants(_node("ConstantOfShape", ["s"]), s=np.array([HUGE]))),
    "ConstantOfShape below the limit of one value": lambda: _output(
        _constants(_node("ConstantOfShape", ["s"]), s=np.array([2**28]))
    ),
    "Tile": lambda: _constants(_node("Tile", ["a", "r"]), a=ONE, r=np.array([HUGE])),
    "Range": lambda: _constants(_node("Range", ["a", "b", "d"]), a=I(0), b=I(HUGE), d=I(1)),
    "Range of real numbers": lambda: _constants(
        _node("Range", ["a", "b", "d"]), a=np.float32(0), b=np.float32(HUGE), d=np.float32(1)
    ),
    "Pad": lambda: _constants(_node("Pad", ["a", "p"]), a=ONE, p=np.array([0, HUGE])),
    "Pad by reflection": lambda: _constants(
        _node("Pad", ["a", "p"], mode="reflect"), a=np.ones(2, np.float32), p=np.array([0, HUGE])
    ),
    "OneHot": lambda: _constants(_node("OneHot", ["a", "n", "v"]), a=np.zeros(2, I), n=I(HUGE), v=np.ones(2, "f")),
    "OneHot of nothing": lambda: _constants(
        _node("OneHot", ["a", "n", "v"]), a=np.zeros(0, I), n=I(HUGE), v=np.ones(2, "f")
    ),
    "Expand": lambda: _output(_constants(_node("Expand", ["a", "s"]), a=ONE, s=np.array([HUGE]))),
    "Expand and a sum": lambda: _constants(
        helper.make_node("Expand", ["a", "s"], ["e"]), _node("Add", ["e", "e"]), a=ONE, s=np.array([2**28])
    ),
    "broadcasting": lambda: _constants(
        _node("Add", ["a", "b"]), a=np.ones((2**15, 1), np.float32), b=np.ones(2**15, np.float32)
    ),
    "Gather": lambda: _constants(
        _node("Gather", ["a", "i"]), a=np.ones((1, 2**15), np.float32), i=np.zeros(2**15, np.int64)
    ),
    "MatMul": lambda: _constants(
        _node("MatMul", ["a", "b"]), a=np.ones((2**15, 1), np.float32), b=np.ones((1, 2**15), np.float32)
    ),
    "Conv of constants": lambda: _constants(
        _node("Conv", ["a", "w"], pads=[8000] * 4), a=np.ones((1, 1, 1, 1), "f"), w=np.ones((64, 1, 1, 1), "f")
    ),
    "MaxPool of constants": lambda: _constants(
        _node("AveragePool", ["a"], kernel_shape=[8001, 8001], pads=[8000] * 4), a=np.ones((1, 1, 1, 1), "f")
    ),
    "EyeLike": lambda: _constants(
        helper.make_node("ConstantOfShape", ["s"], ["e"]), _node("EyeLike", ["e"]), s=np.array([2**14, 2**14])
    ),
    "Concat thirty times": lambda: _constants(*_chain("Concat", 33, "a"), a=ONE),
    "sparse constant": lambda: _output(
        _constants(
            _node(
                "Constant",
                [],
                sparse_value=helper.make_sparse_tensor(
                    helper.make_tensor("v", TensorProto.FLOAT, [1], [1.0]),
                    helper.make_tensor("i", TensorProto.INT64, [1], [0]),
                    [HUGE],
                ),
            )
        )
    ),
    "many constants that are all kept": lambda: _constants(
        *(helper.make_node("Tile", ["a", "r"], [f"t{i}"]) for i in range(40)),
        _node("Sum", [f"t{i}" for i in range(40)]),
        a=ONE,
        r=np.array([2**20]),
    ),
}


@pytest.mark.parametrize("make", BOMBS.values(), ids=BOMBS.keys())
def test_memory(make: Callable[[], onnx.ModelProto]) -> None:
    model = make()
    tracemalloc.start()
    try:
        with pytest.raises(ColonnadeError) as caught:
            import_model(model)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert re.search("too large|do not broadcast", str(caught.value))
    assert peak < 4 * model.ByteSize() + 2 * LIMIT


def test_constants_that_are_no_longer_needed_do_not_count() -> None:
    """A chain of a hundred constants of four megabytes needs two of them at a time."""
    names = ["a", *(f"t{i}" for i in range(100))]
    nodes = [helper.make_node("Neg", [a], [b]) for a, b in itertools.pairwise(names)]
    nodes += [helper.make_node("ReduceSum", [names[-1]], ["s"]), helper.make_node("Add", ["x", "s"], ["y"])]
    import_model(make_model(nodes, {"x": X}, constants={"a": np.ones((1, 1, 1, 2**20), np.float32)}))


def test_work_without_end() -> None:
    """Each node is cheap enough; ten thousand are a matter of hours."""
    nodes = [helper.make_node("Tile", ["a", "r"], ["t"])]
    nodes += [helper.make_node("ReduceL2", ["t"], [f"s{i}"]) for i in range(10_000)]
    nodes += [helper.make_node("Sum", [f"s{i}" for i in range(10_000)], ["c"])]
    start = time.monotonic()
    with pytest.raises(ColonnadeError, match="too long"):
        import_model(_constants(*nodes, a=ONE, r=np.array([2**20])))
    assert time.monotonic() - start < 2 * SECONDS


def _doubling(depth: int) -> onnx.ModelProto:
    """Functions of which each calls the next one twice."""
    model = make_model([helper.make_node("f0", ["x"], ["y"], domain="local")], {"x": X})
    model.opset_import.append(helper.make_opsetid("local", 1))
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]
    for i in range(depth):
        body = [
            helper.make_node(f"f{i + 1}", ["a"], ["b"], domain="local"),
            helper.make_node(f"f{i + 1}", ["b"], ["c"], domain="local"),
        ]
        model.functions.append(helper.make_function("local", f"f{i}", ["a"], ["c"], body, opsets))
    last = [helper.make_node("Relu", ["a"], ["c"])]
    model.functions.append(helper.make_function("local", f"f{depth}", ["a"], ["c"], last, opsets))
    return model


@pytest.mark.parametrize("depth", [20, 30, 60])
def test_functions_that_double(depth: int) -> None:
    start = time.monotonic()
    with pytest.raises(ColonnadeError, match="cannot be inlined: that makes"):
        import_model(_doubling(depth))
    assert time.monotonic() - start < SECONDS


def test_functions_that_double_a_little() -> None:
    assert len(import_model(_doubling(4)).nodes) == 16


def test_functions_in_functions_without_end() -> None:
    with pytest.raises(ColonnadeError, match="through 64 others"):
        import_model(_doubling(500))
    model = _doubling(2)
    model.functions[2].node[0].op_type, model.functions[2].node[0].domain = "f0", "local"
    with pytest.raises(ColonnadeError, match="calls itself"):
        import_model(model)


def test_a_function_with_a_large_constant() -> None:
    """A megabyte that is inlined a thousand times."""
    body = [
        helper.make_node("Constant", [], ["k"], value=onnx.numpy_helper.from_array(np.ones(2**18, np.float32))),
        helper.make_node("Mul", ["a", "k"], ["c"]),
    ]
    names = ["x", *(f"t{i}" for i in range(999)), "y"]
    calls = [helper.make_node("f", [a], [b], domain="local") for a, b in itertools.pairwise(names)]
    model = make_model(calls, {"x": X})
    model.opset_import.append(helper.make_opsetid("local", 1))
    model.functions.append(helper.make_function("local", "f", ["a"], ["c"], body, [helper.make_opsetid("", 17)]))
    with pytest.raises(ColonnadeError, match="cannot be inlined: that makes"):
        import_model(model)


def test_a_hundred_thousand_nodes_of_one_name() -> None:
    nodes = [helper.make_node("Relu", ["x"], [f"t{i}"], name="n") for i in range(20_000)]
    start = time.monotonic()
    graph = import_model(make_model([*nodes, helper.make_node("Relu", ["x"], ["y"], name="n")], {"x": X}))
    assert len({node.name for node in graph.nodes}) == 20_001
    assert time.monotonic() - start < SECONDS


def test_one_file_of_external_data_read_a_thousand_times(tmp_path: Path) -> None:
    model = one_node("Conv", X, random_array((4, 2, 3, 3)))
    (tmp_path / "data.bin").write_bytes(bytes(2**20))
    for i in range(1000):
        tensor = model.graph.initializer.add(name=f"e{i}", data_type=TensorProto.FLOAT, dims=[2**18])
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="data.bin")
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ColonnadeError, match="external data cannot be read: 1048576000 bytes are asked for"):
        import_model(path)
