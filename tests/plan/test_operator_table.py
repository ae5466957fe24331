"""Every operator of the graph is found in one place by the oracle, by lowering and by the cut of batches."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, is_dataclass
from pathlib import Path

import numpy as np
import pytest
from layers import RUNNABLE, GraphBuilder, assert_close, random_feeds, run_graph, small_network
from source_words import SOURCES, python_files

import colonnade.graph.onnx_ops  # noqa: F401  (fills the operator table)
from colonnade.graph import operators
from colonnade.graph.ir import LRN, RELU, Act, Concat, Graph, Node, Operator, Softmax, Transpose
from colonnade.graph.onnx_node import supported_operators
from colonnade.graph.reference import run_op, run_reference
from colonnade.modelfile.reader import read_steps
from colonnade.plan.compiler import compile_graph
from colonnade.plan.copy import dense
from colonnade.plan.lowering import table
from colonnade.plan.lowering.context import Lowering

FAMILIES = Path(operators.__file__).parent
RUN_BY = ("graph/", "plan/", "modelfile/", "runtime/")  # the folders that an operator passes through


def _kinds(kind: type[Operator] = Operator) -> set[type[Operator]]:
    """All classes of operators that are written down in graph/operators."""
    kinds = {kind} if Path(inspect.getfile(kind)).parent == FAMILIES and is_dataclass(kind) else set()
    return kinds.union(*map(_kinds, kind.__subclasses__()))


def test_every_operator_runs_in_numpy_and_is_lowered() -> None:
    assert len(_kinds()) >= 13
    assert [kind.__name__ for kind in _kinds() if inspect.isabstract(kind)] == []
    assert table.lowered_operators() == _kinds()


@dataclass(frozen=True)
class Mirror(Operator):
    """Along an axis. It says nothing of images, and mixes them along the first."""

    axis: int

    def run(self, inputs: Sequence[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
        return np.flip(inputs[0], self.axis)


@dataclass(frozen=True)
class Twice(Operator):
    """x + x; without a meaning in numpy."""


def _mirrored(batch: int) -> Graph:
    b = GraphBuilder()
    x = b.add(Act(RELU), (batch, 4), b.input(batch, 4))
    return b.graph(b.add(Act(RELU), (batch, 4), b.add(Mirror(0), (batch, 4), x)))


def _lower_mirror(to: Lowering, node: Node, op: Mirror) -> None:
    """Copies from the last image to the first."""
    count, inner = to.graph.shape(node.output)
    x, y = to.read(node.inputs[0], "plain"), to.write(node, "plain")
    for image in range(count):
        source, target = (
            dense(v, (inner,)) for v in (x.shifted((count - 1 - image) * inner), y.shifted(image * inner))
        )
        to.copy(f"{node.name}:{image}", (inner,), source, target)


def test_an_operator_without_numpy_cannot_be_made() -> None:
    with pytest.raises(TypeError, match="abstract class Twice"):
        Twice()  # type: ignore[abstract]


def test_an_operator_without_lowering_is_named() -> None:
    with pytest.raises(NotImplementedError, match=r"node 'n1': no function in plan/lowering lowers Mirror"):
        run_graph(_mirrored(2), RUNNABLE[0], random_feeds(_mirrored(2)))


def test_an_operator_needs_its_class_and_one_function(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where steps for it exist: nothing else has to know it. And as it does not say that images are independent, they
    are not cut where it reads them."""
    monkeypatch.setattr(table, "_TABLE", {**table._TABLE, Mirror: _lower_mirror})
    graph = _mirrored(3)
    feeds = random_feeds(graph)
    expected = run_reference(graph, feeds)["y2"]
    np.testing.assert_array_equal(expected, np.maximum(feeds["x0"][::-1], 0))
    for target in RUNNABLE:
        np.testing.assert_array_equal(run_graph(graph, target, feeds)["y2"], expected)
    steps, _ = read_steps(compile_graph(graph, plan="default").data)
    assert [step.name for step in steps if step.repeats > 1] == ["n0", "layout:y0"]


def test_no_operator_is_lowered_twice() -> None:
    with pytest.raises(ValueError, match="LRN is lowered twice"):
        table.lowers(LRN)(lambda to, node, op: None)


def test_independent_images_are_independent() -> None:
    """What operators say of themselves, one image at a time."""
    graph = small_network(3)
    whole = graph.shape(graph.inputs[0])[0]
    values = {**graph.constants, **random_feeds(graph)}
    said = set()
    for node in graph.nodes:
        inputs = [values[name] for name in node.inputs]
        shape = graph.shape(node.output)
        values[node.output] = run_op(node.op, inputs, shape)
        if node.op.is_imagewise([graph.constants.get(name) for name in node.inputs], shape):
            said.add(type(node.op))
            for image in range(whole):
                alone = [
                    a if n in graph.constants else a[image : image + 1]
                    for n, a in zip(node.inputs, inputs, strict=True)
                ]
                y = run_op(node.op, alone, (1, *shape[1:]))
                assert_close(y, values[node.output][image : image + 1], 1e-6)
    assert len(said) >= 12


@pytest.mark.parametrize("op", [Concat(0), Softmax(0), Transpose((1, 0))], ids=str)
def test_along_the_axis_of_images_they_are_not(op: Operator) -> None:
    assert not op.is_imagewise([None], (3, 3))


# How many files know of an operator. A test of what a new one costs.


def _python_files(*words: str) -> list[str]:
    """Files of the folders that operators pass through in which one of `words` occurs."""
    return [file for file in python_files(*words) if file.startswith(RUN_BY)]


@pytest.mark.parametrize("name", supported_operators())
def test_an_onnx_operator_is_in_one_file(name: str) -> None:
    """But for what it does to constants of other types than the graph's (graph/folding/)."""
    (file,) = (found for found in _python_files(f"'{name}'") if not found.startswith("graph/folding/"))
    assert file == "graph/activations.py" or file.startswith("graph/onnx_ops/")


@pytest.mark.parametrize(("kind", "step"), [(Softmax, "softmax"), (LRN, "lrn")])
def test_an_operator_with_a_step_of_its_own_is_in_four_files(kind: type[Operator], step: str) -> None:
    """Its class with its numpy, its lowering, its record, its C. Where ONNX is read is counted above. Others, such as
    convolutions, are also known to passes and to the planner, for speed."""
    files = _python_files(kind.__name__, f"'{step}'")
    assert len([file for file in files if file.startswith("graph/onnx_ops/")]) == 1
    own = [file for file in files if not file.startswith("graph/onnx_ops/")]
    sources = sorted((SOURCES / "runtime" / "csrc").rglob("*.c"))
    in_c = [path.name for path in sources if f"(cln_run_{step})" in path.read_text()]
    assert len(in_c) == 1
    assert len(own) + len(in_c) <= 4, [*own, *in_c]


@pytest.mark.parametrize("kind", sorted(_kinds(), key=lambda kind: kind.__name__), ids=lambda kind: kind.__name__)
def test_an_operator_is_written_down_once_and_lowered_in_one_file(kind: type[Operator]) -> None:
    files = _python_files(kind.__name__)
    assert len([file for file in files if file.startswith("graph/operators/")]) == 1
    assert sum(file in files for file in _python_files("lowers")) == 1
